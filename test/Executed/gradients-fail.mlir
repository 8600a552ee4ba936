// RUN: not lora-check --gradients --tolerance 1e-16 %s | FileCheck %s

// No computation in f64 meets this tolerance: this shows that the comparison can fail.
// CHECK: silu argument 0: relative difference {{.+}} FAILED

func.func @silu(%x: tensor<5x7xf64>) -> tensor<5x7xf64> {
  %y = transformer.activation %x {kind = silu} : tensor<5x7xf64>
  return %y : tensor<5x7xf64>
}
