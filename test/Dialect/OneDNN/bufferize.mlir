// RUN: lora-opt %s -one-shot-bufferize -canonicalize | FileCheck %s -enable-var-scope

// The destination's buffer becomes the result's; `sum` reads it, so that a base product that is read elsewhere is copied first.
// CHECK-LABEL: func.func @accumulate
func.func @accumulate(%xm: memref<16x48xf32>, %wm: memref<72x48xf32>, %out: memref<16x72xf32>) {
  %x = bufferization.to_tensor %xm restrict : memref<16x48xf32> to tensor<16x48xf32>
  %w = bufferization.to_tensor %wm restrict : memref<72x48xf32> to tensor<72x48xf32>
  // CHECK: %[[C:.+]] = memref.alloc() {{.*}}: memref<16x72xf32>
  // CHECK-NEXT: onednn.matmul ins(%{{.+}}, %{{.+}} : memref<16x48xf32>, memref<72x48xf32>) outs(%[[C]] : memref<16x72xf32>) {transpose_b}
  // CHECK-NEXT: onednn.matmul {{.+}} outs(%[[C]] : memref<16x72xf32>) {post_ops = [#onednn.post_op<sum>], transpose_b}
  %e = tensor.empty() : tensor<16x72xf32>
  %0 = onednn.matmul ins(%x, %w : tensor<16x48xf32>, tensor<72x48xf32>) outs(%e : tensor<16x72xf32>) {transpose_b} -> tensor<16x72xf32>
  %1 = onednn.matmul ins(%x, %w : tensor<16x48xf32>, tensor<72x48xf32>) outs(%0 : tensor<16x72xf32>) {transpose_b, post_ops = [#onednn.post_op<sum>]} -> tensor<16x72xf32>
  bufferization.materialize_in_destination %1 in restrict writable %out : (tensor<16x72xf32>, memref<16x72xf32>) -> ()
  return
}

// CHECK-LABEL: func.func @shared_base
func.func @shared_base(%xm: memref<16x48xf32>, %wm: memref<72x48xf32>, %out: memref<16x72xf32>, %other: memref<16x72xf32>) {
  %x = bufferization.to_tensor %xm restrict : memref<16x48xf32> to tensor<16x48xf32>
  %w = bufferization.to_tensor %wm restrict : memref<72x48xf32> to tensor<72x48xf32>
  // CHECK: onednn.matmul
  // CHECK: memref.copy
  // CHECK: onednn.matmul
  %e = tensor.empty() : tensor<16x72xf32>
  %0 = onednn.matmul ins(%x, %w : tensor<16x48xf32>, tensor<72x48xf32>) outs(%e : tensor<16x72xf32>) {transpose_b} -> tensor<16x72xf32>
  %1 = onednn.matmul ins(%x, %w : tensor<16x48xf32>, tensor<72x48xf32>) outs(%0 : tensor<16x72xf32>) {transpose_b, post_ops = [#onednn.post_op<sum>]} -> tensor<16x72xf32>
  bufferization.materialize_in_destination %1 in restrict writable %out : (tensor<16x72xf32>, memref<16x72xf32>) -> ()
  bufferization.materialize_in_destination %0 in restrict writable %other : (tensor<16x72xf32>, memref<16x72xf32>) -> ()
  return
}
