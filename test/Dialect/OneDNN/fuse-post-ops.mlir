// RUN: lora-opt %s -onednn-fuse-post-ops | FileCheck %s -enable-var-scope

// silu(x W1') * (x W2'): the gate's activation, then the product, are post-ops.
// CHECK-LABEL: func.func @swiglu
func.func @swiglu(%x: tensor<16x48xf32>, %w1: tensor<80x48xf32>, %w2: tensor<80x48xf32>, %e: tensor<16x80xf32>) -> tensor<16x80xf32> {
  // CHECK: %[[GATE:.+]] = onednn.matmul {{.+}} {post_ops = [#onednn.post_op<silu>], transpose_b}
  // CHECK: onednn.matmul {{.+}} post(%[[GATE]] : tensor<16x80xf32>) {{.+}} {post_ops = [#onednn.post_op<mul>], transpose_b}
  // CHECK-NOT: transformer.
  %g = onednn.matmul ins(%x, %w1 : tensor<16x48xf32>, tensor<80x48xf32>) outs(%e : tensor<16x80xf32>) {transpose_b} -> tensor<16x80xf32>
  %u = onednn.matmul ins(%x, %w2 : tensor<16x48xf32>, tensor<80x48xf32>) outs(%e : tensor<16x80xf32>) {transpose_b} -> tensor<16x80xf32>
  %a = transformer.activation %g {kind = silu} : tensor<16x80xf32>
  %y = transformer.mul %a, %u : tensor<16x80xf32>
  return %y : tensor<16x80xf32>
}

// A residual is added by the post-op; it may be defined after the product.
// CHECK-LABEL: func.func @residual
func.func @residual(%x: tensor<16x48xf32>, %w: tensor<48x48xf32>, %e: tensor<16x48xf32>, %n: tensor<48xf32>) -> tensor<16x48xf32> {
  // CHECK: %[[R:.+]] = transformer.rms_norm
  // CHECK: onednn.matmul {{.+}} post(%[[R]] : tensor<16x48xf32>) {{.+}} {post_ops = [#onednn.post_op<add>], token_rows, transpose_b}
  %y = onednn.matmul ins(%x, %w : tensor<16x48xf32>, tensor<48x48xf32>) outs(%e : tensor<16x48xf32>) {token_rows, transpose_b} -> tensor<16x48xf32>
  %r = transformer.rms_norm %x, %n {eps = 1.0e-6 : f64} : tensor<16x48xf32>, tensor<48xf32>
  %z = transformer.add %y, %r : tensor<16x48xf32>
  return %z : tensor<16x48xf32>
}

// The sum of two products is accumulated in place.
// CHECK-LABEL: func.func @gradient
func.func @gradient(%dy: tensor<16x144xf32>, %w: tensor<144x48xf32>, %du: tensor<16x3xf32>, %a: tensor<3x48xf32>, %e: tensor<16x48xf32>) -> tensor<16x48xf32> {
  // CHECK: %[[FIRST:.+]] = onednn.matmul
  // CHECK: onednn.matmul {{.+}} outs(%[[FIRST]] : tensor<16x48xf32>) {post_ops = [#onednn.post_op<sum>]}
  // CHECK-NOT: transformer.add
  %0 = onednn.matmul ins(%dy, %w : tensor<16x144xf32>, tensor<144x48xf32>) outs(%e : tensor<16x48xf32>) -> tensor<16x48xf32>
  %1 = onednn.matmul ins(%du, %a : tensor<16x3xf32>, tensor<3x48xf32>) outs(%e : tensor<16x48xf32>) -> tensor<16x48xf32>
  %2 = transformer.add %0, %1 : tensor<16x48xf32>
  return %2 : tensor<16x48xf32>
}

// A slice of wider rows can be a destination, but not an operand of a post-op.
// CHECK-LABEL: func.func @slices
func.func @slices(%x: tensor<16x3xf32>, %w: tensor<48x3xf32>, %all: tensor<16x96xf32>, %e: tensor<16x48xf32>) -> (tensor<16x48xf32>, tensor<16x48xf32>) {
  // CHECK: %[[Q:.+]] = transformer.slice_features %{{.+}}[0]
  // CHECK: onednn.matmul {{.+}} outs(%[[Q]] : tensor<16x48xf32>) {post_ops = [#onednn.post_op<sum>], transpose_b}
  // CHECK: transformer.mul
  %q = transformer.slice_features %all[0] : tensor<16x96xf32> -> tensor<16x48xf32>
  %0 = onednn.matmul ins(%x, %w : tensor<16x3xf32>, tensor<48x3xf32>) outs(%e : tensor<16x48xf32>) {transpose_b} -> tensor<16x48xf32>
  %1 = transformer.add %q, %0 : tensor<16x48xf32>
  %k = transformer.slice_features %all[48] : tensor<16x96xf32> -> tensor<16x48xf32>
  %2 = onednn.matmul ins(%x, %w : tensor<16x3xf32>, tensor<48x3xf32>) outs(%e : tensor<16x48xf32>) {transpose_b} -> tensor<16x48xf32>
  %3 = transformer.mul %k, %2 : tensor<16x48xf32>
  return %1, %3 : tensor<16x48xf32>, tensor<16x48xf32>
}

// A product that is read twice, and the square of one, stay as they are.
// CHECK-LABEL: func.func @shared
func.func @shared(%x: tensor<16x48xf32>, %w: tensor<48x48xf32>, %e: tensor<16x48xf32>) -> (tensor<16x48xf32>, tensor<16x48xf32>, tensor<16x48xf32>) {
  // CHECK-COUNT-2: onednn.matmul {{.+}} {transpose_b}
  // CHECK: transformer.activation
  // CHECK: transformer.mul
  %y = onednn.matmul ins(%x, %w : tensor<16x48xf32>, tensor<48x48xf32>) outs(%e : tensor<16x48xf32>) {transpose_b} -> tensor<16x48xf32>
  %v = onednn.matmul ins(%y, %w : tensor<16x48xf32>, tensor<48x48xf32>) outs(%e : tensor<16x48xf32>) {transpose_b} -> tensor<16x48xf32>
  %a = transformer.activation %y {kind = relu} : tensor<16x48xf32>
  %s = transformer.mul %v, %v : tensor<16x48xf32>
  return %y, %a, %s : tensor<16x48xf32>, tensor<16x48xf32>, tensor<16x48xf32>
}

// A pooler: bias, then tanh.
// CHECK-LABEL: func.func @pooler
func.func @pooler(%x: tensor<16x48xf32>, %w: tensor<48x48xf32>, %b: tensor<48xf32>, %e: tensor<16x48xf32>) -> tensor<16x48xf32> {
  // CHECK: onednn.matmul {{.+}} bias(%{{.+}} : tensor<48xf32>) outs(%{{.+}}) {post_ops = [#onednn.post_op<tanh>], transpose_b}
  %y = onednn.matmul ins(%x, %w : tensor<16x48xf32>, tensor<48x48xf32>) bias(%b : tensor<48xf32>) outs(%e : tensor<16x48xf32>) {transpose_b} -> tensor<16x48xf32>
  %t = transformer.activation %y {kind = tanh} : tensor<16x48xf32>
  return %t : tensor<16x48xf32>
}
