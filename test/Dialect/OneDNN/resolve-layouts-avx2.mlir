// RUN: env ONEDNN_MAX_CPU_ISA=AVX2 lora-opt %s -onednn-resolve-layouts | FileCheck %s
// REQUIRES: onednn, avx2

// Without AVX-512 oneDNN packs weights in each call: a small one is faster in columns, one that is read for one row, or that is too
// large for a cache, as it is stored.
module attributes {rt.target = #rt.target<{engine = "cpu"}>} {
// CHECK-LABEL: func.func private @small
// CHECK-SAME: tensor<72x48xf32, #onednn.packed<"ab">>
func.func private @small(%x: tensor<16x48xf32>, %e: tensor<16x72xf32>, %w: tensor<72x48xf32, #onednn.packed<"any">> {transformer.slot = "weight"}) -> tensor<16x72xf32> {
  %0 = onednn.matmul ins(%x, %w : tensor<16x48xf32>, tensor<72x48xf32, #onednn.packed<"any">>) outs(%e : tensor<16x72xf32>) {transpose_b} -> tensor<16x72xf32>
  return %0 : tensor<16x72xf32>
}
// CHECK-LABEL: func.func private @large
// CHECK-SAME: tensor<2050x1030xf32> {transformer.slot
func.func private @large(%x: tensor<16x1030xf32>, %e: tensor<16x2050xf32>, %w: tensor<2050x1030xf32, #onednn.packed<"any">> {transformer.slot = "weight"}) -> tensor<16x2050xf32> {
  %0 = onednn.matmul ins(%x, %w : tensor<16x1030xf32>, tensor<2050x1030xf32, #onednn.packed<"any">>) outs(%e : tensor<16x2050xf32>) {transpose_b} -> tensor<16x2050xf32>
  return %0 : tensor<16x2050xf32>
}
// CHECK-LABEL: func.func private @decoded
// CHECK-SAME: tensor<80x48xf32> {transformer.slot
func.func private @decoded(%x: tensor<16x48xf32>, %e: tensor<16x80xf32>, %w: tensor<80x48xf32, #onednn.packed<"any">> {transformer.slot = "weight"}) -> tensor<16x80xf32> {
  %0 = onednn.matmul ins(%x, %w : tensor<16x48xf32>, tensor<80x48xf32, #onednn.packed<"any">>) outs(%e : tensor<16x80xf32>) {transpose_b} -> tensor<16x80xf32>
  return %0 : tensor<16x80xf32>
}
// CHECK-LABEL: func.func private @decoded_one
func.func private @decoded_one(%x: tensor<1x48xf32>, %e: tensor<1x80xf32>, %w: tensor<80x48xf32, #onednn.packed<"any">> {transformer.slot = "weight"}) -> tensor<1x80xf32> {
  %0 = onednn.matmul ins(%x, %w : tensor<1x48xf32>, tensor<80x48xf32, #onednn.packed<"any">>) outs(%e : tensor<1x80xf32>) {transpose_b} -> tensor<1x80xf32>
  return %0 : tensor<1x80xf32>
}
}
