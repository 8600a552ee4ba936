// RUN: lora-opt %s -unshare-fills | FileCheck %s

// CHECK-LABEL: func @products
// CHECK: %[[E0:.+]] = tensor.empty
// CHECK: %[[F0:.+]] = linalg.fill {{.+}} outs(%[[E0]]
// CHECK: linalg.matmul {{.+}} outs(%[[F0]]
// CHECK: %[[E1:.+]] = tensor.empty
// CHECK: %[[F1:.+]] = linalg.fill {{.+}} outs(%[[E1]]
// CHECK: linalg.matmul {{.+}} outs(%[[F1]]
func.func @products(%a: tensor<8x6xf32>, %b: tensor<6x4xf32>, %c: tensor<6x4xf32>) -> (tensor<8x4xf32>, tensor<8x4xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x4xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8x4xf32>) -> tensor<8x4xf32>
  %0 = linalg.matmul ins(%a, %b : tensor<8x6xf32>, tensor<6x4xf32>) outs(%f : tensor<8x4xf32>) -> tensor<8x4xf32>
  %1 = linalg.matmul ins(%a, %c : tensor<8x6xf32>, tensor<6x4xf32>) outs(%f : tensor<8x4xf32>) -> tensor<8x4xf32>
  return %0, %1 : tensor<8x4xf32>, tensor<8x4xf32>
}

// Operations that only read share the fill.

// CHECK-LABEL: func @readers
// CHECK: linalg.fill
// CHECK-NOT: linalg.fill
// CHECK: return
func.func @readers(%a: tensor<8x4xf32>) -> (tensor<8x4xf32>, tensor<8x4xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x4xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8x4xf32>) -> tensor<8x4xf32>
  %0 = linalg.add ins(%a, %f : tensor<8x4xf32>, tensor<8x4xf32>) outs(%e : tensor<8x4xf32>) -> tensor<8x4xf32>
  return %0, %f : tensor<8x4xf32>, tensor<8x4xf32>
}

// A loop-carried value gets its own fill, too.

// CHECK-LABEL: func @loop
// CHECK: %[[F0:.+]] = linalg.fill
// CHECK: %[[F1:.+]] = linalg.fill
// CHECK: scf.forall (%{{.+}}) in (8) shared_outs(%{{.+}} = %[[F1]], %{{.+}} = %[[F0]])
func.func @loop(%row: tensor<1x4xf32>) -> (tensor<8x4xf32>, tensor<8x4xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x4xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8x4xf32>) -> tensor<8x4xf32>
  %0:2 = scf.forall (%i) in (8) shared_outs(%x = %f, %y = %f) -> (tensor<8x4xf32>, tensor<8x4xf32>) {
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %row into %x[%i, 0] [1, 4] [1, 1] : tensor<1x4xf32> into tensor<8x4xf32>
      tensor.parallel_insert_slice %row into %y[%i, 0] [1, 4] [1, 1] : tensor<1x4xf32> into tensor<8x4xf32>
    }
  }
  return %0#0, %0#1 : tensor<8x4xf32>, tensor<8x4xf32>
}
