// RUN: lora-opt %s -lora-add-gradient | FileCheck %s
// RUN: lora-opt %s -lora-add-gradient=functions=scale | FileCheck %s --check-prefix=ONE --implicit-check-not=@branch.gradient

// ONE: func.func @scale.gradient
// CHECK-LABEL: func.func @scale.gradient(
// CHECK-SAME: %[[X:.+]]: tensor<?x6xf64>, %[[S:.+]]: tensor<6xf64>, %[[DY:.+]]: tensor<?x6xf64>) -> (tensor<?x6xf64>, tensor<6xf64>) {
// CHECK: %[[DX:.+]] = transformer.scale_features %[[DY]], %[[S]]
// CHECK: %[[P:.+]] = transformer.mul %[[DY]], %[[X]]
// CHECK: %[[DS:.+]] = transformer.sum_tokens %[[P]] : tensor<?x6xf64> -> tensor<6xf64>
// CHECK: return %[[DX]], %[[DS]]
func.func @scale(%x: tensor<?x6xf64>, %s: tensor<6xf64>) -> tensor<?x6xf64> {
  %y = transformer.scale_features %x, %s : tensor<?x6xf64>, tensor<6xf64>
  return %y : tensor<?x6xf64>
}

// Integers have no gradient.

// CHECK-LABEL: func.func @lookup.gradient(
// CHECK-SAME: %[[IDS:.+]]: tensor<?xi32>, %{{.+}}: tensor<9x6xf64>, %[[DY:.+]]: tensor<?x6xf64>) -> tensor<9x6xf64> {
// CHECK: transformer.embedding_gradient %[[DY]], %[[IDS]]
func.func @lookup(%ids: tensor<?xi32>, %t: tensor<9x6xf64>) -> tensor<?x6xf64> {
  %y = transformer.embedding %ids, %t : tensor<?xi32>, tensor<9x6xf64> -> tensor<?x6xf64>
  return %y : tensor<?x6xf64>
}

// With t = s * (x Aᵀ): dB = dyᵀ t, dA = (s * dy B)ᵀ x, dx = dy W + (s * dy B) A, dW only because it is asked for here.

// CHECK-LABEL: func.func @branch.gradient(
// CHECK-SAME: %[[X:.+]]: tensor<?x8xf64>, %[[W:.+]]: tensor<6x8xf64>, %[[A:.+]]: tensor<3x8xf64>, %[[B:.+]]: tensor<6x3xf64>, %[[DY:.+]]: tensor<?x6xf64>)
// CHECK: %[[S:.+]] = arith.constant
// CHECK: %[[DT:.+]] = transformer.matmul %[[DY]], %[[B]] :
// CHECK: %[[DU:.+]] = transformer.scale_features %[[DT]], %[[S]]
// CHECK: %[[DA:.+]] = transformer.matmul %[[DU]], %[[X]] {transpose_a}
// CHECK: %[[DX0:.+]] = transformer.matmul %[[DY]], %[[W]] :
// CHECK: %[[DX1:.+]] = transformer.matmul %[[DU]], %[[A]] :
// CHECK: %[[DX:.+]] = transformer.add %[[DX0]], %[[DX1]]
// CHECK: %[[DW:.+]] = transformer.matmul %[[DY]], %[[X]] {transpose_a}
// CHECK: %[[T:.+]] = lora.down %[[X]], %[[A]], %[[S]]
// CHECK: %[[DB:.+]] = transformer.matmul %[[DY]], %[[T]] {transpose_a}
// CHECK: return %[[DX]], %[[DW]], %[[DA]], %[[DB]]
func.func @branch(%x: tensor<?x8xf64>, %w: tensor<6x8xf64>, %a: tensor<3x8xf64>, %b: tensor<6x3xf64>) -> tensor<?x6xf64> {
  %s = arith.constant dense<[2.0, 1.0, 0.5]> : tensor<3xf64>
  %y = lora.linear %x, %w, %a, %b, %s : tensor<?x8xf64>, tensor<6x8xf64>, tensor<3x8xf64>, tensor<6x3xf64>, tensor<3xf64> -> tensor<?x6xf64>
  return %y : tensor<?x6xf64>
}
