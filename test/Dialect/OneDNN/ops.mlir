// RUN: lora-opt %s | lora-opt | FileCheck %s

// The example of each operation, as in OneDNNOps.td, and other forms.

// CHECK-LABEL: func.func @matmul(
func.func @matmul(%x: tensor<16x48xf32>, %w: tensor<144x48xf32, #onednn.packed<"any">>, %b: tensor<144xf32>, %r: tensor<16x144xf32>, %c: tensor<16x144xf32>) {
  // CHECK: %{{.+}} = onednn.matmul ins(%{{.+}}, %{{.+}} : tensor<16x48xf32>, tensor<144x48xf32, #onednn.packed<"any">>) bias(%{{.+}} : tensor<144xf32>) post(%{{.+}} : tensor<16x144xf32>) outs(%{{.+}} : tensor<16x144xf32>) {post_ops = [#onednn.post_op<silu>, #onednn.post_op<add>], transpose_b} -> tensor<16x144xf32>
  %y = onednn.matmul ins(%x, %w : tensor<16x48xf32>, tensor<144x48xf32, #onednn.packed<"any">>)
       bias(%b : tensor<144xf32>) post(%r : tensor<16x144xf32>) outs(%c : tensor<16x144xf32>)
       {transpose_b, post_ops = [#onednn.post_op<silu>, #onednn.post_op<add>]} -> tensor<16x144xf32>
  return
}

// CHECK-LABEL: func.func @gather(
func.func @gather(%ids: tensor<16xi32>, %w: tensor<259x48xbf16, #onednn.packed<"any">>, %o: tensor<16x48xbf16>) {
  // CHECK: %{{.+}} = onednn.gather ins(%{{.+}}, %{{.+}} : tensor<16xi32>, tensor<259x48xbf16, #onednn.packed<"any">>) outs(%{{.+}} : tensor<16x48xbf16>) -> tensor<16x48xbf16>
  %h = onednn.gather ins(%ids, %w : tensor<16xi32>, tensor<259x48xbf16, #onednn.packed<"any">>)
       outs(%o : tensor<16x48xbf16>) -> tensor<16x48xbf16>
  return
}

// CHECK-LABEL: func.func @layout(
func.func @layout(%w: tensor<144x48xbf16, #onednn.packed<"BA16a64b2a">>, %x: tensor<16x48xbf16>, %c: tensor<16x144xf32>) {
  // CHECK: %{{.+}} = onednn.matmul ins(%{{.+}}, %{{.+}} : tensor<16x48xbf16>, tensor<144x48xbf16, #onednn.packed<"BA16a64b2a">>) outs(%{{.+}} : tensor<16x144xf32>) {transpose_b} -> tensor<16x144xf32>
  %y = onednn.matmul ins(%x, %w : tensor<16x48xbf16>, tensor<144x48xbf16, #onednn.packed<"BA16a64b2a">>)
       outs(%c : tensor<16x144xf32>) {transpose_b} -> tensor<16x144xf32>
  return
}

// CHECK-LABEL: func.func @transposed_a(
func.func @transposed_a(%a: tensor<16x3xf32>, %b: tensor<16x48xf32>, %c: tensor<3x48xf32>) {
  // CHECK: %{{.+}} = onednn.matmul ins(%{{.+}}, %{{.+}} : tensor<16x3xf32>, tensor<16x48xf32>) outs(%{{.+}} : tensor<3x48xf32>) {post_ops = [#onednn.post_op<sum>], transpose_a} -> tensor<3x48xf32>
  %y = onednn.matmul ins(%a, %b : tensor<16x3xf32>, tensor<16x48xf32>) outs(%c : tensor<3x48xf32>)
       {transpose_a, post_ops = [#onednn.post_op<sum>]} -> tensor<3x48xf32>
  return
}

// CHECK-LABEL: func.func @opaque_bytes(
func.func @opaque_bytes(%x: memref<16x48xbf16>, %w: memref<13824xi8>, %r: memref<16x144xbf16>, %s: memref<16x144xbf16>, %c: memref<16x144xbf16>) {
  // CHECK: onednn.matmul ins(%{{.+}}, %{{.+}} : memref<16x48xbf16>, memref<13824xi8>) post(%{{.+}}, %{{.+}} : memref<16x144xbf16>, memref<16x144xbf16>) outs(%{{.+}} : memref<16x144xbf16>) {b_layout = #onednn.packed<"BA16a64b2a">, b_shape = tensor<144x48xbf16>, post_ops = [#onednn.post_op<mul>, #onednn.post_op<gelu_erf>, #onednn.post_op<gelu_tanh>, #onednn.post_op<relu>, #onednn.post_op<add>], transpose_b}
  onednn.matmul ins(%x, %w : memref<16x48xbf16>, memref<13824xi8>) post(%r, %s : memref<16x144xbf16>, memref<16x144xbf16>)
    outs(%c : memref<16x144xbf16>) {transpose_b, b_layout = #onednn.packed<"BA16a64b2a">, b_shape = tensor<144x48xbf16>,
      post_ops = [#onednn.post_op<mul>, #onednn.post_op<gelu_erf>, #onednn.post_op<gelu_tanh>, #onednn.post_op<relu>, #onednn.post_op<add>]}
  return
}

// CHECK-LABEL: func.func @gather_opaque_bytes(
func.func @gather_opaque_bytes(%ids: memref<16xi32>, %w: memref<24864xi8>, %o: memref<16x48xbf16>) {
  // CHECK: onednn.gather ins(%{{.+}}, %{{.+}} : memref<16xi32>, memref<24864xi8>) outs(%{{.+}} : memref<16x48xbf16>) {table_layout = #onednn.packed<"BA16a64b2a">, table_shape = tensor<259x48xbf16>}
  onednn.gather ins(%ids, %w : memref<16xi32>, memref<24864xi8>) outs(%o : memref<16x48xbf16>)
    {table_layout = #onednn.packed<"BA16a64b2a">, table_shape = tensor<259x48xbf16>}
  return
}
