// RUN: lora-check --gradients %s

// Each reverse-mode rule against central differences in f64, through the decomposition: 1e-6 relative.

func.func @linear(%x: tensor<5x7xf64>, %w: tensor<4x7xf64>, %b: tensor<4xf64>) -> tensor<5x4xf64> {
  %y = transformer.linear %x, %w bias %b : tensor<5x7xf64>, tensor<4x7xf64>, tensor<4xf64> -> tensor<5x4xf64>
  return %y : tensor<5x4xf64>
}

func.func @matmul(%a: tensor<5x7xf64>, %b: tensor<7x4xf64>) -> tensor<5x4xf64> {
  %y = transformer.matmul %a, %b : tensor<5x7xf64>, tensor<7x4xf64> -> tensor<5x4xf64>
  return %y : tensor<5x4xf64>
}

func.func @matmul_ta(%a: tensor<7x5xf64>, %b: tensor<7x4xf64>) -> tensor<5x4xf64> {
  %y = transformer.matmul %a, %b {transpose_a} : tensor<7x5xf64>, tensor<7x4xf64> -> tensor<5x4xf64>
  return %y : tensor<5x4xf64>
}

func.func @matmul_tb(%a: tensor<5x7xf64>, %b: tensor<4x7xf64>) -> tensor<5x4xf64> {
  %y = transformer.matmul %a, %b {transpose_b} : tensor<5x7xf64>, tensor<4x7xf64> -> tensor<5x4xf64>
  return %y : tensor<5x4xf64>
}

func.func @matmul_tab(%a: tensor<7x5xf64>, %b: tensor<4x7xf64>) -> tensor<5x4xf64> {
  %y = transformer.matmul %a, %b {transpose_a, transpose_b} : tensor<7x5xf64>, tensor<4x7xf64> -> tensor<5x4xf64>
  return %y : tensor<5x4xf64>
}

func.func @lora_linear(%x: tensor<5x7xf64>, %w: tensor<4x7xf64>, %a: tensor<3x7xf64>, %b: tensor<4x3xf64>, %c: tensor<4xf64>) -> tensor<5x4xf64> {
  %s = arith.constant dense<[0.5, 1.5, -2.0]> : tensor<3xf64>
  %y = lora.linear %x, %w, %a, %b, %s bias %c : tensor<5x7xf64>, tensor<4x7xf64>, tensor<3x7xf64>, tensor<4x3xf64>, tensor<3xf64>, tensor<4xf64> -> tensor<5x4xf64>
  return %y : tensor<5x4xf64>
}

func.func @lora_fused(%x: tensor<5x7xf64>, %w1: tensor<4x7xf64>, %w2: tensor<6x7xf64>, %a: tensor<5x7xf64>, %b1: tensor<4x3xf64>, %b2: tensor<6x2xf64>) -> (tensor<5x4xf64>, tensor<5x6xf64>) {
  %s = arith.constant dense<[0.5, 1.5, -2.0, 0.7, 1.1]> : tensor<5xf64>
  %t = lora.down %x, %a, %s : tensor<5x7xf64>, tensor<5x7xf64>, tensor<5xf64> -> tensor<5x5xf64>
  %y1 = lora.up %x, %w1, %t[0], %b1 : tensor<5x7xf64>, tensor<4x7xf64>, tensor<5x5xf64>, tensor<4x3xf64> -> tensor<5x4xf64>
  %y2 = lora.up %x, %w2, %t[3], %b2 : tensor<5x7xf64>, tensor<6x7xf64>, tensor<5x5xf64>, tensor<6x2xf64> -> tensor<5x6xf64>
  return %y1, %y2 : tensor<5x4xf64>, tensor<5x6xf64>
}

func.func @elementwise(%x: tensor<5x7xf64>, %y: tensor<5x7xf64>) -> tensor<5x7xf64> {
  %0 = transformer.mul %x, %y : tensor<5x7xf64>
  %1 = transformer.add %0, %x : tensor<5x7xf64>
  return %1 : tensor<5x7xf64>
}

func.func @silu(%x: tensor<5x7xf64>) -> tensor<5x7xf64> {
  %y = transformer.activation %x {kind = silu} : tensor<5x7xf64>
  return %y : tensor<5x7xf64>
}

func.func @gelu_erf(%x: tensor<5x7xf64>) -> tensor<5x7xf64> {
  %y = transformer.activation %x {kind = gelu_erf} : tensor<5x7xf64>
  return %y : tensor<5x7xf64>
}

func.func @gelu_tanh(%x: tensor<5x7xf64>) -> tensor<5x7xf64> {
  %y = transformer.activation %x {kind = gelu_tanh} : tensor<5x7xf64>
  return %y : tensor<5x7xf64>
}

func.func @relu(%x: tensor<5x7xf64>) -> tensor<5x7xf64> {
  %y = transformer.activation %x {kind = relu} : tensor<5x7xf64>
  return %y : tensor<5x7xf64>
}

func.func @scale_features(%x: tensor<5x7xf64>, %s: tensor<7xf64>) -> tensor<5x7xf64> {
  %y = transformer.scale_features %x, %s : tensor<5x7xf64>, tensor<7xf64>
  return %y : tensor<5x7xf64>
}

func.func @slice_pad(%x: tensor<5x7xf64>) -> tensor<5x9xf64> {
  %0 = transformer.slice_features %x[2] : tensor<5x7xf64> -> tensor<5x3xf64>
  %1 = transformer.pad_features %0[4] : tensor<5x3xf64> -> tensor<5x9xf64>
  return %1 : tensor<5x9xf64>
}

func.func @rms_norm(%x: tensor<5x14xf64>, %w: tensor<7xf64>) -> tensor<5x14xf64> {
  %y = transformer.rms_norm %x, %w {eps = 1.0e-6 : f64} : tensor<5x14xf64>, tensor<7xf64>
  return %y : tensor<5x14xf64>
}

func.func @rotary(%x: tensor<5x20xf64>, %seq: tensor<4x5xi32> {lora.input = "sequence 9"}) -> tensor<5x20xf64> {
  %cos, %sin = transformer.rotary_table %seq {inverse_frequencies = array<f32: 1.0, 0.31, 0.1>} : tensor<4x5xi32> -> tensor<5x3xf32>
  %y = transformer.rotary %x, %cos, %sin {head_dim = 10 : i64} : tensor<5x20xf64>, tensor<5x3xf32>
  return %y : tensor<5x20xf64>
}

func.func @attention(%q: tensor<11x24xf64>, %k: tensor<11x8xf64>, %v: tensor<11x8xf64>, %seq: tensor<4x11xi32> {lora.input = "sequence"}) -> tensor<11x24xf64> {
  %o, %lse = transformer.attention %q, %k, %v, %seq {heads = 6 : i64, kv_heads = 2 : i64, scale = 0.6 : f64} : tensor<11x24xf64>, tensor<11x8xf64>, tensor<4x11xi32> -> tensor<11x6xf64>
  return %o : tensor<11x24xf64>
}

func.func @attention_window(%q: tensor<11x12xf64>, %k: tensor<11x6xf64>, %v: tensor<11x6xf64>, %seq: tensor<4x11xi32> {lora.input = "sequence"}) -> tensor<11x12xf64> {
  %o, %lse = transformer.attention %q, %k, %v, %seq {heads = 2 : i64, kv_heads = 1 : i64, scale = 0.6 : f64, window = 3 : i64} : tensor<11x12xf64>, tensor<11x6xf64>, tensor<4x11xi32> -> tensor<11x2xf64>
  return %o : tensor<11x12xf64>
}

func.func @embedding(%ids: tensor<6xi32> {lora.input = "ids 4"}, %table: tensor<5x3xf64>) -> tensor<6x3xf64> {
  %y = transformer.embedding %ids, %table : tensor<6xi32>, tensor<5x3xf64> -> tensor<6x3xf64>
  return %y : tensor<6x3xf64>
}

func.func @lora_embedding(%ids: tensor<6xi32> {lora.input = "ids 4"}, %table: tensor<5x3xf64>, %a: tensor<5x2xf64>, %b: tensor<3x2xf64>) -> tensor<6x3xf64> {
  %s = arith.constant dense<[0.5, -1.5]> : tensor<2xf64>
  %y = lora.embedding %ids, %table, %a, %b, %s : tensor<6xi32>, tensor<5x3xf64>, tensor<5x2xf64>, tensor<3x2xf64>, tensor<2xf64> -> tensor<6x3xf64>
  return %y : tensor<6x3xf64>
}

func.func @cross_entropy(%logits: tensor<7x5xf64>, %labels: tensor<7xi32> {lora.input = "labels 5"}) -> tensor<f64> {
  %loss, %lse = transformer.cross_entropy %logits, %labels : tensor<7x5xf64>, tensor<7xi32> -> tensor<f64>, tensor<7xf64>
  return %loss : tensor<f64>
}

func.func @tanh(%x: tensor<5x7xf64>) -> tensor<5x7xf64> {
  %y = transformer.activation %x {kind = tanh} : tensor<5x7xf64>
  return %y : tensor<5x7xf64>
}

func.func @scale(%x: tensor<5x7xf64>) -> tensor<5x7xf64> {
  %y = transformer.scale %x {factor = -1.7 : f64} : tensor<5x7xf64>
  return %y : tensor<5x7xf64>
}

func.func @softcap(%x: tensor<5x7xf64>) -> tensor<5x7xf64> {
  %y = transformer.softcap %x {cap = 0.8 : f64} : tensor<5x7xf64>
  return %y : tensor<5x7xf64>
}

func.func @layer_norm(%x: tensor<5x7xf64>, %w: tensor<7xf64>, %b: tensor<7xf64>) -> tensor<5x7xf64> {
  %y = transformer.layer_norm %x, %w, %b {eps = 1.0e-5 : f64} : tensor<5x7xf64>, tensor<7xf64>, tensor<7xf64>
  return %y : tensor<5x7xf64>
}

func.func @attention_softcap(%q: tensor<7x12xf64>, %k: tensor<7x4xf64>, %v: tensor<7x4xf64>, %seq: tensor<4x7xi32> {lora.input = "sequence"}) -> tensor<7x12xf64> {
  %o, %lse = transformer.attention %q, %k, %v, %seq {heads = 3 : i64, kv_heads = 1 : i64, scale = 0.9 : f64, softcap = 0.7 : f64, window = 3 : i64} : tensor<7x12xf64>, tensor<7x4xf64>, tensor<4x7xi32> -> tensor<7x3xf64>
  return %o : tensor<7x12xf64>
}
