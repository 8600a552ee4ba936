// RUN: lora-opt %s -convert-linalg-to-parallel -canonicalize | FileCheck %s --implicit-check-not=linalg. --implicit-check-not=memref.copy --implicit-check-not=scf.forall

// The parallel dimensions are the outer loops, the reduction is the inner one.

// CHECK-LABEL: func @product
// CHECK: scf.parallel (%[[T:.+]], %[[O:.+]]) = {{.+}} to (%c8, %c4)
// CHECK: scf.for %[[I:.+]] = %{{.+}} to %c6
// CHECK: memref.load %{{.+}}[%[[T]], %[[I]]]
// CHECK: memref.store %{{.+}}, %{{.+}}[%[[T]], %[[O]]]
func.func @product(%x: memref<8x6xf32>, %w: memref<4x6xf32>, %y: memref<8x4xf32>) {
  linalg.generic {indexing_maps = [affine_map<(t, o, i) -> (t, i)>, affine_map<(t, o, i) -> (o, i)>, affine_map<(t, o, i) -> (t, o)>],
      iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %w : memref<8x6xf32>, memref<4x6xf32>) outs(%y : memref<8x4xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %m = arith.mulf %a, %b : f32
    %v = arith.addf %o, %m : f32
    linalg.yield %v : f32
  }
  return
}

// A copy becomes loops, not a call of a library.

// CHECK-LABEL: func @copy
// CHECK: scf.parallel
// CHECK: memref.load
// CHECK: memref.store
func.func @copy(%x: memref<8x6xf32>, %y: memref<8x6xf32, strided<[12, 1], offset: 6>>) {
  memref.copy %x, %y : memref<8x6xf32> to memref<8x6xf32, strided<[12, 1], offset: 6>>
  return
}

// Loops inside a parallel loop are serial.

// CHECK-LABEL: func @nested
// CHECK: scf.parallel
// CHECK-NOT: scf.parallel
// CHECK: scf.for
// CHECK: return
func.func @nested(%x: memref<8x6xf32>) {
  %zero = arith.constant 0.0 : f32
  scf.forall (%t) in (8) {
    %row = memref.subview %x[%t, 0] [1, 6] [1, 1] : memref<8x6xf32> to memref<6xf32, strided<[1], offset: ?>>
    linalg.fill ins(%zero : f32) outs(%row : memref<6xf32, strided<[1], offset: ?>>)
  }
  return
}
