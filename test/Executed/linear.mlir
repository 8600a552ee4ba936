// RUN: lora-check %s

// Matrix products by oneDNN against their decomposition. All extents differ, and so do all values.

func.func @linear_f32(%x: tensor<17x50xf32>, %w: tensor<35x50xf32>, %b: tensor<35xf32>) -> tensor<17x35xf32> {
  %y = transformer.linear %x, %w bias %b : tensor<17x50xf32>, tensor<35x50xf32>, tensor<35xf32> -> tensor<17x35xf32>
  return %y : tensor<17x35xf32>
}

func.func @linear_one_token(%x: tensor<1x50xf32>, %w: tensor<35x50xf32>) -> tensor<1x35xf32> {
  %y = transformer.linear %x, %w : tensor<1x50xf32>, tensor<35x50xf32> -> tensor<1x35xf32>
  return %y : tensor<1x35xf32>
}

func.func @matmul(%a: tensor<17x50xf32>, %b: tensor<50x35xf32>) -> tensor<17x35xf32> {
  %y = transformer.matmul %a, %b : tensor<17x50xf32>, tensor<50x35xf32> -> tensor<17x35xf32>
  return %y : tensor<17x35xf32>
}

func.func @matmul_transposed_a(%a: tensor<50x17xf32>, %b: tensor<50x35xf32>) -> tensor<17x35xf32> {
  %y = transformer.matmul %a, %b {transpose_a} : tensor<50x17xf32>, tensor<50x35xf32> -> tensor<17x35xf32>
  return %y : tensor<17x35xf32>
}

func.func @matmul_transposed_b(%a: tensor<17x50xf32>, %b: tensor<35x50xf32>) -> tensor<17x35xf32> {
  %y = transformer.matmul %a, %b {transpose_b} : tensor<17x50xf32>, tensor<35x50xf32> -> tensor<17x35xf32>
  return %y : tensor<17x35xf32>
}

func.func @matmul_transposed_both(%a: tensor<50x17xf32>, %b: tensor<35x50xf32>) -> tensor<17x35xf32> {
  %y = transformer.matmul %a, %b {transpose_a, transpose_b} : tensor<50x17xf32>, tensor<35x50xf32> -> tensor<17x35xf32>
  return %y : tensor<17x35xf32>
}

// Each post-op, and several together.
func.func @residual(%x: tensor<17x50xf32>, %w: tensor<35x50xf32>, %r: tensor<17x35xf32>) -> tensor<17x35xf32> {
  %0 = transformer.linear %x, %w : tensor<17x50xf32>, tensor<35x50xf32> -> tensor<17x35xf32>
  %1 = transformer.add %r, %0 : tensor<17x35xf32>
  return %1 : tensor<17x35xf32>
}

func.func @swiglu(%x: tensor<17x50xf32>, %w1: tensor<35x50xf32>, %w2: tensor<35x50xf32>, %b: tensor<35xf32>) -> tensor<17x35xf32> {
  %0 = transformer.linear %x, %w1 bias %b : tensor<17x50xf32>, tensor<35x50xf32>, tensor<35xf32> -> tensor<17x35xf32>
  %1 = transformer.linear %x, %w2 : tensor<17x50xf32>, tensor<35x50xf32> -> tensor<17x35xf32>
  %2 = transformer.activation %0 {kind = silu} : tensor<17x35xf32>
  %3 = transformer.mul %2, %1 : tensor<17x35xf32>
  return %3 : tensor<17x35xf32>
}

func.func @activations(%x: tensor<17x50xf32>, %w: tensor<35x50xf32>, %v: tensor<35x50xf32>, %u: tensor<35x50xf32>) -> (tensor<17x35xf32>, tensor<17x35xf32>, tensor<17x35xf32>) {
  %0 = transformer.linear %x, %w : tensor<17x50xf32>, tensor<35x50xf32> -> tensor<17x35xf32>
  %1 = transformer.linear %x, %v : tensor<17x50xf32>, tensor<35x50xf32> -> tensor<17x35xf32>
  %2 = transformer.linear %x, %u : tensor<17x50xf32>, tensor<35x50xf32> -> tensor<17x35xf32>
  %3 = transformer.activation %0 {kind = gelu_erf} : tensor<17x35xf32>
  %4 = transformer.activation %1 {kind = gelu_tanh} : tensor<17x35xf32>
  %5 = transformer.activation %2 {kind = relu} : tensor<17x35xf32>
  return %3, %4, %5 : tensor<17x35xf32>, tensor<17x35xf32>, tensor<17x35xf32>
}

func.func @sum_of_products(%dy: tensor<17x35xf32>, %w: tensor<35x50xf32>, %du: tensor<17x3xf32>, %a: tensor<3x50xf32>) -> tensor<17x50xf32> {
  %0 = transformer.matmul %dy, %w : tensor<17x35xf32>, tensor<35x50xf32> -> tensor<17x50xf32>
  %1 = transformer.matmul %du, %a : tensor<17x3xf32>, tensor<3x50xf32> -> tensor<17x50xf32>
  %2 = transformer.add %0, %1 : tensor<17x50xf32>
  return %2 : tensor<17x50xf32>
}
