// RUN: lora-check %s

// Low-rank branches: unfused, and two that share their skinny product.

func.func @linear(%x: tensor<17x50xf32>, %w: tensor<35x50xf32>, %a: tensor<3x50xf32>, %b: tensor<35x3xf32>, %s: tensor<3xf32>, %c: tensor<35xf32>) -> tensor<17x35xf32> {
  %y = lora.linear %x, %w, %a, %b, %s bias %c : tensor<17x50xf32>, tensor<35x50xf32>, tensor<3x50xf32>, tensor<35x3xf32>, tensor<3xf32>, tensor<35xf32> -> tensor<17x35xf32>
  return %y : tensor<17x35xf32>
}

func.func @fused(%x: tensor<17x50xf32>, %w1: tensor<35x50xf32>, %w2: tensor<21x50xf32>, %a: tensor<7x50xf32>, %s: tensor<7xf32>,
                 %b1: tensor<35x3xf32>, %b2: tensor<21x4xf32>, %r: tensor<17x21xf32>) -> (tensor<17x35xf32>, tensor<17x21xf32>) {
  %t = lora.down %x, %a, %s : tensor<17x50xf32>, tensor<7x50xf32>, tensor<7xf32> -> tensor<17x7xf32>
  %y1 = lora.up %x, %w1, %t[0], %b1 : tensor<17x50xf32>, tensor<35x50xf32>, tensor<17x7xf32>, tensor<35x3xf32> -> tensor<17x35xf32>
  %y2 = lora.up %x, %w2, %t[3], %b2 : tensor<17x50xf32>, tensor<21x50xf32>, tensor<17x7xf32>, tensor<21x4xf32> -> tensor<17x21xf32>
  %z2 = transformer.add %y2, %r : tensor<17x21xf32>
  return %y1, %z2 : tensor<17x35xf32>, tensor<17x21xf32>
}

func.func @one_token(%x: tensor<1x50xf32>, %w: tensor<35x50xf32>, %a: tensor<3x50xf32>, %b: tensor<35x3xf32>, %s: tensor<3xf32>) -> tensor<1x35xf32> {
  %y = lora.linear %x, %w, %a, %b, %s : tensor<1x50xf32>, tensor<35x50xf32>, tensor<3x50xf32>, tensor<35x3xf32>, tensor<3xf32> -> tensor<1x35xf32>
  return %y : tensor<1x35xf32>
}

// A table with a branch: gathered rows, and a product of them.
func.func @embedding(%ids: tensor<17xi32> {lora.input = "ids 50"}, %w: tensor<50x35xf32>, %a: tensor<50x3xf32>, %b: tensor<35x3xf32>, %s: tensor<3xf32>) -> tensor<17x35xf32> {
  %y = lora.embedding %ids, %w, %a, %b, %s : tensor<17xi32>, tensor<50x35xf32>, tensor<50x3xf32>, tensor<35x3xf32>, tensor<3xf32> -> tensor<17x35xf32>
  return %y : tensor<17x35xf32>
}

// Gradients of a fused branch's narrow value: two products written side by side into slices of one matrix.
func.func @gradient_of_t(%dy1: tensor<17x35xf32>, %dy2: tensor<17x29xf32>, %b1: tensor<35x3xf32>, %b2: tensor<29x2xf32>) -> tensor<17x5xf32> {
  %0 = transformer.matmul %dy1, %b1 : tensor<17x35xf32>, tensor<35x3xf32> -> tensor<17x3xf32>
  %1 = transformer.pad_features %0[0] : tensor<17x3xf32> -> tensor<17x5xf32>
  %2 = transformer.matmul %dy2, %b2 : tensor<17x29xf32>, tensor<29x2xf32> -> tensor<17x2xf32>
  %3 = transformer.pad_features %2[3] : tensor<17x2xf32> -> tensor<17x5xf32>
  %4 = transformer.add %1, %3 : tensor<17x5xf32>
  return %4 : tensor<17x5xf32>
}
