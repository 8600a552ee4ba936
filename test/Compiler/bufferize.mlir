// RUN: lora-opt %s -fuse-elementwise -convert-apply-to-calls -lora-bufferize | FileCheck %s --implicit-check-not=memref.copy --implicit-check-not=bufferization --implicit-check-not=tensor.

// A normalization and an update of a state: no copies are made, the sum is in a register, the result goes to the caller's buffer.

// CHECK-LABEL: func.func private @block(
// CHECK-SAME: %[[C:[A-Za-z0-9_.]+]]: !rt.context, %[[S:[A-Za-z0-9_.]+]]: !rt.slots, %{{[A-Za-z0-9_.]+}}: !rt.frame,
// CHECK-SAME: %[[X:[A-Za-z0-9_.]+]]: memref<512x64xf32>, %[[Y:[A-Za-z0-9_.]+]]: memref<512x64xf32>)
// CHECK: %[[CACHE:.+]] = rt.slot %[[C]], %[[S]][1] : memref<?x64xf32>
// CHECK: %[[SUM:.+]] = memref.alloc() {{.*}} : memref<512xf32>
// CHECK-NOT: memref.alloc
// CHECK: scf.for {{.+}} iter_args
// CHECK:   memref.load %[[X]]
// CHECK:   arith.addf
// CHECK: memref.store %{{.+}}, %[[SUM]]
// CHECK: math.sqrt
// CHECK: memref.store %{{.+}}, %[[Y]]
// CHECK: memref.store %{{.+}}, %[[CACHE]]
// CHECK: return
func.func private @block(%x: tensor<512x64xf32>, %w: tensor<64xf32> {transformer.slot = "norm"},
    %c: tensor<?x64xf32> {transformer.slot = "cache", transformer.role = #transformer.role<state>})
    -> (tensor<512x64xf32>, tensor<?x64xf32> {transformer.next = "cache"}) {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c512 = arith.constant 512 : index
  %e = tensor.empty() : tensor<512xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<512xf32>) -> tensor<512xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(t, i) -> (t, i)>, affine_map<(t, i) -> (t)>], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<512x64xf32>) outs(%f : tensor<512xf32>) {
  ^bb0(%a: f32, %acc: f32):
    %m = arith.mulf %a, %a : f32
    %r = arith.addf %acc, %m fastmath<reassoc,contract> : f32
    linalg.yield %r : f32
  } -> tensor<512xf32>
  %er = tensor.empty() : tensor<512xf32>
  %root = linalg.generic {indexing_maps = [affine_map<(t) -> (t)>, affine_map<(t) -> (t)>], iterator_types = ["parallel"]}
      ins(%s : tensor<512xf32>) outs(%er : tensor<512xf32>) {
  ^bb0(%a: f32, %acc: f32):
    %q = math.sqrt %a : f32
    linalg.yield %q : f32
  } -> tensor<512xf32>
  %ey = tensor.empty() : tensor<512x64xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(t, i) -> (t, i)>, affine_map<(t, i) -> (t)>, affine_map<(t, i) -> (i)>, affine_map<(t, i) -> (t, i)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%x, %root, %w : tensor<512x64xf32>, tensor<512xf32>, tensor<64xf32>) outs(%ey : tensor<512x64xf32>) {
  ^bb0(%a: f32, %b: f32, %c2: f32, %acc: f32):
    %m = arith.mulf %a, %b : f32
    %r = arith.mulf %m, %c2 : f32
    linalg.yield %r : f32
  } -> tensor<512x64xf32>
  %next = scf.for %t = %c0 to %c512 step %c1 iter_args(%cache = %c) -> tensor<?x64xf32> {
    %row = tensor.extract_slice %y[%t, 0] [1, 64] [1, 1] : tensor<512x64xf32> to tensor<1x64xf32>
    %n = tensor.insert_slice %row into %cache[%t, 0] [1, 64] [1, 1] : tensor<1x64xf32> into tensor<?x64xf32>
    scf.yield %n : tensor<?x64xf32>
  }
  return %y, %next : tensor<512x64xf32>, tensor<?x64xf32>
}

// CHECK-LABEL: func.func @hidden_states.t512(
// CHECK-SAME: %[[X:[A-Za-z0-9_.]+]]: memref<512x64xf32>, %[[Y:[A-Za-z0-9_.]+]]: memref<512x64xf32>)
// CHECK: %[[H:.+]] = memref.alloc
// CHECK: call @block({{.+}}, %[[X]], %[[H]])
// CHECK: call @block({{.+}}, %[[H]], %[[Y]])
func.func @hidden_states.t512(%x: tensor<512x64xf32>) -> tensor<512x64xf32> attributes {transformer.tokens = 512 : i64} {
  %0 = transformer.apply @block at "layers.0"(%x) : (tensor<512x64xf32>) -> tensor<512x64xf32>
  %1 = transformer.apply @block at "layers.1"(%0) : (tensor<512x64xf32>) -> tensor<512x64xf32>
  return %1 : tensor<512x64xf32>
}
