// RUN: lora-opt %s -onednn-bind-packed-weights -split-input-file -verify-diagnostics | FileCheck %s -enable-var-scope

// CHECK-LABEL: func.func @bind
// CHECK-SAME: %[[BYTES:[^:]+]]: memref<1xi8>
func.func @bind(%bytes: memref<1xi8>, %x: tensor<16x48xbf16>, %e: tensor<16x259xbf16>, %ids: tensor<16xi32>) -> (tensor<16x259xbf16>, tensor<16x48xbf16>) {
  // CHECK-NOT: unrealized_conversion_cast
  %w = builtin.unrealized_conversion_cast %bytes : memref<1xi8> to tensor<259x48xbf16, #onednn.packed<"BA16a64b2a">>
  // CHECK: onednn.matmul ins(%{{.+}}, %[[BYTES]] : tensor<16x48xbf16>, memref<1xi8>)
  // CHECK-SAME: {b_layout = #onednn.packed<"BA16a64b2a">, b_shape = tensor<259x48xbf16>, transpose_b}
  %0 = onednn.matmul ins(%x, %w : tensor<16x48xbf16>, tensor<259x48xbf16, #onednn.packed<"BA16a64b2a">>) outs(%e : tensor<16x259xbf16>) {transpose_b} -> tensor<16x259xbf16>
  // CHECK: onednn.gather ins(%{{.+}}, %[[BYTES]] : tensor<16xi32>, memref<1xi8>)
  // CHECK-SAME: {table_layout = #onednn.packed<"BA16a64b2a">, table_shape = tensor<259x48xbf16>}
  %1 = onednn.gather ins(%ids, %w : tensor<16xi32>, tensor<259x48xbf16, #onednn.packed<"BA16a64b2a">>) outs(%x : tensor<16x48xbf16>) -> tensor<16x48xbf16>
  return %0, %1 : tensor<16x259xbf16>, tensor<16x48xbf16>
}

// -----

// Generated code never reads a weight in a layout of oneDNN.
func.func @read_by_rows(%bytes: memref<1xi8>, %ids: tensor<16xi32>) -> tensor<16x48xbf16> {
  %w = builtin.unrealized_conversion_cast %bytes : memref<1xi8> to tensor<259x48xbf16, #onednn.packed<"BA16a64b2a">>
  // expected-error @below {{expected a packed weight to be read only by onednn operations that take its layout}}
  %0 = transformer.embedding %ids, %w : tensor<16xi32>, tensor<259x48xbf16, #onednn.packed<"BA16a64b2a">> -> tensor<16x48xbf16>
  return %0 : tensor<16x48xbf16>
}
