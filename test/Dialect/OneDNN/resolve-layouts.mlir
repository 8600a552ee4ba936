// RUN: lora-opt %s -onednn-resolve-layouts | FileCheck %s -enable-var-scope
// RUN: sed 's/engine = "cpu"/engine = "gpu"/' %s | not lora-opt -onednn-resolve-layouts 2>&1 | FileCheck %s --check-prefix=GPU
// REQUIRES: onednn

// oneDNN's answer depends on the machine. No layout is left open, and the function's type agrees with the operation.
// GPU: expected the engine to be cpu
module attributes {rt.target = #rt.target<{engine = "cpu"}>} {
// CHECK-LABEL: func.func private @head
// CHECK-NOT: "any"
func.func private @head(%x: tensor<16x48xf32>, %e: tensor<16x259xf32>, %w: tensor<259x48xf32, #onednn.packed<"any">> {transformer.slot = "weight"}) -> tensor<16x259xf32> {
  // CHECK: onednn.matmul
  %0 = onednn.matmul ins(%x, %w : tensor<16x48xf32>, tensor<259x48xf32, #onednn.packed<"any">>) outs(%e : tensor<16x259xf32>) {transpose_b} -> tensor<16x259xf32>
  return %0 : tensor<16x259xf32>
}
}
