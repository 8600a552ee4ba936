// RUN: lora-opt %s -convert-transformer-to-linalg -convert-apply-to-calls -lora-bufferize | FileCheck %s

// The gradient of the loss reuses the buffer of the logits, the largest value of a training step.
// CHECK-LABEL: func.func @dies(
// CHECK: %[[L:.+]] = memref.alloc() : memref<5x9xf32>
// CHECK: call @head({{.*}}, %[[L]])
// CHECK-NOT: memref.alloc() {{.*}}: memref<5x9xf32>
// CHECK-NOT: memref.copy
// CHECK: memref.store %{{.+}}, %[[L]]{{\[}}
// CHECK: call @use({{.*}}, %[[L]], %{{.+}})

// It does not if the logits are used again.
// CHECK-LABEL: func.func @lives(
// CHECK: %[[L:.+]] = memref.alloc() : memref<5x9xf32>
// CHECK: call @head({{.*}}, %[[L]])
// CHECK-NOT: memref.store %{{.+}}, %[[L]]{{\[}}
// CHECK: %[[D:.+]] = memref.alloc() {{.*}}: memref<5x9xf32>
// CHECK-NOT: memref.store %{{.+}}, %[[L]]{{\[}}
// CHECK: call @use({{.*}}, %[[D]], %{{.+}})
// CHECK-NOT: memref.store %{{.+}}, %[[L]]{{\[}}
// CHECK: call @use({{.*}}, %[[L]], %{{.+}})

func.func private @head(%h: tensor<5x4xf32>, %w: tensor<9x4xf32> {transformer.slot = "w"}) -> tensor<5x9xf32> {
  %0 = transformer.linear %h, %w : tensor<5x4xf32>, tensor<9x4xf32> -> tensor<5x9xf32>
  return %0 : tensor<5x9xf32>
}
func.func private @use(%h: tensor<5x9xf32>) -> tensor<5x9xf32> {
  %0 = transformer.add %h, %h : tensor<5x9xf32>
  return %0 : tensor<5x9xf32>
}
func.func @dies(%h: tensor<5x4xf32>, %labels: tensor<5xi32>, %dl: tensor<f32>) -> tensor<5x9xf32> {
  %l = transformer.apply @head at "head"(%h) : (tensor<5x4xf32>) -> tensor<5x9xf32>
  %loss, %lse = transformer.cross_entropy %l, %labels : tensor<5x9xf32>, tensor<5xi32> -> tensor<f32>, tensor<5xf32>
  %d = transformer.cross_entropy_gradient %dl, %l, %labels, %lse : tensor<f32>, tensor<5x9xf32>, tensor<5xi32>, tensor<5xf32>
  %u = transformer.apply @use at "u"(%d) : (tensor<5x9xf32>) -> tensor<5x9xf32>
  return %u : tensor<5x9xf32>
}
func.func @lives(%h: tensor<5x4xf32>, %labels: tensor<5xi32>, %dl: tensor<f32>) -> (tensor<5x9xf32>, tensor<5x9xf32>) {
  %l = transformer.apply @head at "head"(%h) : (tensor<5x4xf32>) -> tensor<5x9xf32>
  %loss, %lse = transformer.cross_entropy %l, %labels : tensor<5x9xf32>, tensor<5xi32> -> tensor<f32>, tensor<5xf32>
  %d = transformer.cross_entropy_gradient %dl, %l, %labels, %lse : tensor<f32>, tensor<5x9xf32>, tensor<5xi32>, tensor<5xf32>
  %u = transformer.apply @use at "u"(%d) : (tensor<5x9xf32>) -> tensor<5x9xf32>
  %v = transformer.apply @use at "v"(%l) : (tensor<5x9xf32>) -> tensor<5x9xf32>
  return %u, %v : tensor<5x9xf32>, tensor<5x9xf32>
}
