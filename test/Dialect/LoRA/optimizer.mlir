// RUN: lora-opt %s -lora-optimizer | FileCheck %s --check-prefixes=CHECK,ADAMW
// RUN: lora-opt %s -lora-optimizer=optimizer=sgd | FileCheck %s --check-prefixes=CHECK,SGD

func.func private @b.backward(%dy: tensor<?x6xf32>, %w: tensor<6xf32> {transformer.slot = "bias", transformer.role = #transformer.role<trainable>})
    -> (tensor<6xf32> {transformer.grad = "bias"}) {
  %0 = transformer.sum_tokens %dy : tensor<?x6xf32> -> tensor<6xf32>
  return %0 : tensor<6xf32>
}
func.func private @c.backward(%dy: tensor<?x6xf32>, %w: tensor<6xf32> {transformer.slot = "bias", transformer.role = #transformer.role<trainable>})
    -> (tensor<?x6xf32>, tensor<6xf32> {transformer.grad = "bias"}) {
  %0 = transformer.sum_tokens %dy : tensor<?x6xf32> -> tensor<6xf32>
  return %dy, %0 : tensor<?x6xf32>, tensor<6xf32>
}
func.func private @d(%x: tensor<?x6xf32>, %w: tensor<6xf32> {transformer.slot = "weight"}) -> tensor<?x6xf32> {
  %0 = transformer.scale_features %x, %w : tensor<?x6xf32>, tensor<6xf32>
  return %0 : tensor<?x6xf32>
}

// CHECK-LABEL: func.func @train_step(
// ADAMW-SAME: %[[DY:.+]]: tensor<?x6xf32>, %[[LOSS:.+]]: tensor<f32>, %[[H:[^:]+]]: tensor<8xf32> {transformer.input = #transformer.input<hyperparameters>}) -> (tensor<f32>, tensor<f32> {transformer.output = #transformer.output<norm>})
// SGD-SAME: %[[DY:.+]]: tensor<?x6xf32>, %[[LOSS:.+]]: tensor<f32>, %[[H:[^:]+]]: tensor<4xf32> {transformer.input = #transformer.input<hyperparameters>}) -> (tensor<f32>, tensor<f32> {transformer.output = #transformer.output<norm>})
func.func @train_step(%dy: tensor<?x6xf32>, %loss: tensor<f32>) -> tensor<f32> {
  // CHECK: %[[D:.+]] = transformer.apply @d
  %d = transformer.apply @d at "d"(%dy) : (tensor<?x6xf32>) -> tensor<?x6xf32>
  // CHECK: %[[C:.+]]:2 = transformer.apply @c.backward
  %dx, %g0 = transformer.apply @c.backward at "c"(%d) : (tensor<?x6xf32>) -> (tensor<?x6xf32>, !transformer.gradients)
  // CHECK: %[[B:.+]] = transformer.apply @b.backward
  %g1 = transformer.apply @b.backward at "b"(%dx) : (tensor<?x6xf32>) -> !transformer.gradients
  // CHECK: %[[NORM:.+]] = transformer.gradient_norm %[[C]]#1, %[[B]] : tensor<f32>
  // ADAMW-NEXT: transformer.adamw %[[C]]#1, %[[B]] norm %[[NORM]] hyperparameters %[[H]] : tensor<f32>, tensor<8xf32>
  // SGD-NEXT: transformer.sgd %[[C]]#1, %[[B]] norm %[[NORM]] hyperparameters %[[H]] : tensor<f32>, tensor<4xf32>
  // CHECK-NEXT: return %[[LOSS]], %[[NORM]]
  return %loss : tensor<f32>
}
