// RUN: lora-check %s
// REQUIRES: avx512bf16

// Operands in bf16; a result in bf16 is rounded once, one in f32 not at all.

func.func @linear_bf16(%x: tensor<17x50xbf16>, %w: tensor<35x50xbf16>, %b: tensor<35xbf16>) -> tensor<17x35xbf16> {
  %y = transformer.linear %x, %w bias %b : tensor<17x50xbf16>, tensor<35x50xbf16>, tensor<35xbf16> -> tensor<17x35xbf16>
  return %y : tensor<17x35xbf16>
}

func.func @logits(%x: tensor<17x50xbf16>, %w: tensor<35x50xbf16>) -> tensor<17x35xf32> {
  %y = transformer.linear %x, %w : tensor<17x50xbf16>, tensor<35x50xbf16> -> tensor<17x35xf32>
  return %y : tensor<17x35xf32>
}

func.func @gradient_of_b(%dy: tensor<17x35xbf16>, %t: tensor<17x3xbf16>) -> tensor<35x3xf32> {
  %y = transformer.matmul %dy, %t {transpose_a} : tensor<17x35xbf16>, tensor<17x3xbf16> -> tensor<35x3xf32>
  return %y : tensor<35x3xf32>
}

func.func @residual(%x: tensor<17x50xbf16>, %w: tensor<35x50xbf16>, %r: tensor<17x35xbf16>) -> tensor<17x35xbf16> {
  %0 = transformer.linear %x, %w : tensor<17x50xbf16>, tensor<35x50xbf16> -> tensor<17x35xbf16>
  %1 = transformer.add %r, %0 : tensor<17x35xbf16>
  return %1 : tensor<17x35xbf16>
}

func.func @branch(%x: tensor<17x50xbf16>, %w: tensor<35x50xbf16>, %a: tensor<3x50xbf16>, %b: tensor<35x3xbf16>, %s: tensor<3xf32>) -> tensor<17x35xbf16> {
  %y = lora.linear %x, %w, %a, %b, %s : tensor<17x50xbf16>, tensor<35x50xbf16>, tensor<3x50xbf16>, tensor<35x3xbf16>, tensor<3xf32> -> tensor<17x35xbf16>
  return %y : tensor<17x35xbf16>
}
