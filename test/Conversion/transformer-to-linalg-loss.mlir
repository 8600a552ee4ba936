// RUN: lora-opt %s -convert-transformer-to-linalg | FileCheck %s -enable-var-scope

// CHECK-LABEL: func.func @cross_entropy
// CHECK-SAME: (%[[X:.+]]: tensor<?x259xbf16>, %[[LABELS:.+]]: tensor<?xi32>)
func.func @cross_entropy(%logits: tensor<?x259xbf16>, %labels: tensor<?xi32>) -> (tensor<f32>, tensor<?xf32>) {
  // CHECK: %[[MAX:.+]] = linalg.generic {{.*}} ins(%[[X]] : tensor<?x259xbf16>) outs(%{{.+}} : tensor<?xf32>)
  // CHECK: arith.maximumf
  // CHECK: %[[SUM:.+]] = linalg.generic {{.*}} ins(%[[X]], %[[MAX]] : {{.+}}) outs(%{{.+}} : tensor<?xf32>)
  // CHECK: math.exp
  // CHECK: %[[LSE:.+]] = linalg.generic {{.*}} ins(%[[MAX]], %[[SUM]] : tensor<?xf32>, tensor<?xf32>)
  // CHECK: math.log
  // CHECK: %[[TOTAL:.+]] = linalg.generic {{.*}} ins(%[[LSE]], %[[LABELS]] : tensor<?xf32>, tensor<?xi32>) outs(%{{.+}} : tensor<f32>)
  // CHECK: tensor.extract %[[X]]
  // CHECK: arith.cmpi sge
  // CHECK: arith.select
  // CHECK: %[[COUNT:.+]] = linalg.generic {{.*}} ins(%[[LABELS]] : tensor<?xi32>) outs(%{{.+}} : tensor<f32>)
  // CHECK: linalg.generic {{.*}} ins(%[[TOTAL]], %[[COUNT]] : tensor<f32>, tensor<f32>)
  // CHECK: arith.divf
  %loss, %lse = transformer.cross_entropy %logits, %labels : tensor<?x259xbf16>, tensor<?xi32> -> tensor<f32>, tensor<?xf32>
  return %loss, %lse : tensor<f32>, tensor<?xf32>
}

// CHECK-LABEL: func.func @cross_entropy_gradient
// CHECK-SAME: %[[LOGITS:[A-Za-z0-9_.]+]]: tensor<?x259xf32>, %[[LABELS:[A-Za-z0-9_.]+]]: tensor<?xi32>, %[[LSE:[A-Za-z0-9_.]+]]: tensor<?xf32>)
func.func @cross_entropy_gradient(%dloss: tensor<f32>, %logits: tensor<?x259xf32>, %labels: tensor<?xi32>, %lse: tensor<?xf32>) -> tensor<?x259xf32> {
  // The logits are the initial value of the result.
  // CHECK: linalg.generic {{.*}} ins(%[[LSE]], %[[LABELS]], %{{.+}} : tensor<?xf32>, tensor<?xi32>, tensor<f32>) outs(%[[LOGITS]] : tensor<?x259xf32>)
  // CHECK: %[[V:.+]] = linalg.index 1
  // CHECK: arith.cmpi eq
  // CHECK: math.exp
  // CHECK: arith.cmpi sge
  // CHECK: arith.select
  %d = transformer.cross_entropy_gradient %dloss, %logits, %labels, %lse : tensor<f32>, tensor<?x259xf32>, tensor<?xi32>, tensor<?xf32>
  return %d : tensor<?x259xf32>
}
