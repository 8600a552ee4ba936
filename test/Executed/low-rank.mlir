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
