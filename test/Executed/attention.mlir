// RUN: lora-check %s

// The tiled loops against the decomposition over all keys: grouped queries, two sequences on one axis, a token without keys, a
// cache that is longer than what is read, a window, one token, more keys than a tile.

func.func @packed(%q: tensor<23x60xf32>, %k: tensor<23x20xf32>, %v: tensor<23x20xf32>, %seq: tensor<4x23xi32> {lora.input = "sequence"}) -> (tensor<23x60xf32>, tensor<23x6xf32>) {
  %o, %lse = transformer.attention %q, %k, %v, %seq {heads = 6 : i64, kv_heads = 2 : i64, scale = 0.3 : f64} : tensor<23x60xf32>, tensor<23x20xf32>, tensor<4x23xi32> -> tensor<23x6xf32>
  return %o, %lse : tensor<23x60xf32>, tensor<23x6xf32>
}

func.func @window(%q: tensor<23x48xf32>, %k: tensor<23x24xf32>, %v: tensor<23x24xf32>, %seq: tensor<4x23xi32> {lora.input = "sequence"}) -> tensor<23x48xf32> {
  %o, %lse = transformer.attention %q, %k, %v, %seq {heads = 2 : i64, kv_heads = 1 : i64, scale = 0.2 : f64, window = 5 : i64} : tensor<23x48xf32>, tensor<23x24xf32>, tensor<4x23xi32> -> tensor<23x2xf32>
  return %o : tensor<23x48xf32>
}

func.func @cached(%q: tensor<5x48xf32>, %k: tensor<77x16xf32>, %v: tensor<77x16xf32>, %seq: tensor<4x5xi32> {lora.input = "sequence 71"}) -> (tensor<5x48xf32>, tensor<5x3xf32>) {
  %o, %lse = transformer.attention %q, %k, %v, %seq {heads = 3 : i64, kv_heads = 1 : i64, scale = 0.25 : f64} : tensor<5x48xf32>, tensor<77x16xf32>, tensor<4x5xi32> -> tensor<5x3xf32>
  return %o, %lse : tensor<5x48xf32>, tensor<5x3xf32>
}

func.func @decode(%q: tensor<1x144xf32>, %k: tensor<40x72xf32>, %v: tensor<40x72xf32>, %seq: tensor<4x1xi32> {lora.input = "sequence 33"}) -> tensor<1x144xf32> {
  %o, %lse = transformer.attention %q, %k, %v, %seq {heads = 6 : i64, kv_heads = 3 : i64, scale = 0.204 : f64} : tensor<1x144xf32>, tensor<40x72xf32>, tensor<4x1xi32> -> tensor<1x6xf32>
  return %o : tensor<1x144xf32>
}

// More keys than parts of one tile each, a last tile that is not full; four heads share keys, in two steps of heads.
func.func @decode_long(%q: tensor<1x1792xf32>, %k: tensor<2003x448xf32>, %v: tensor<2003x448xf32>, %seq: tensor<4x1xi32> {lora.input = "sequence 1987"}) -> (tensor<1x1792xf32>, tensor<1x28xf32>) {
  %o, %lse = transformer.attention %q, %k, %v, %seq {heads = 28 : i64, kv_heads = 7 : i64, scale = 0.125 : f64} : tensor<1x1792xf32>, tensor<2003x448xf32>, tensor<4x1xi32> -> tensor<1x28xf32>
  return %o, %lse : tensor<1x1792xf32>, tensor<1x28xf32>
}

func.func @gradient(%dy: tensor<23x60xf32>, %q: tensor<23x60xf32>, %k: tensor<23x20xf32>, %v: tensor<23x20xf32>, %seq: tensor<4x23xi32> {lora.input = "sequence"})
    -> (tensor<23x60xf32>, tensor<23x20xf32>, tensor<23x20xf32>) {
  %o, %lse = transformer.attention %q, %k, %v, %seq {heads = 6 : i64, kv_heads = 2 : i64, scale = 0.3 : f64} : tensor<23x60xf32>, tensor<23x20xf32>, tensor<4x23xi32> -> tensor<23x6xf32>
  %dq, %dk, %dv = transformer.attention_gradient %dy, %q, %k, %v, %o, %lse, %seq {heads = 6 : i64, kv_heads = 2 : i64, scale = 0.3 : f64}
    : tensor<23x60xf32>, tensor<23x20xf32>, tensor<23x6xf32>, tensor<4x23xi32>
  return %dq, %dk, %dv : tensor<23x60xf32>, tensor<23x20xf32>, tensor<23x20xf32>
}

func.func @gradient_of_queries(%dy: tensor<23x60xf32>, %q: tensor<23x60xf32>, %k: tensor<23x20xf32>, %v: tensor<23x20xf32>, %seq: tensor<4x23xi32> {lora.input = "sequence"})
    -> tensor<23x60xf32> {
  %o, %lse = transformer.attention %q, %k, %v, %seq {heads = 6 : i64, kv_heads = 2 : i64, scale = 0.3 : f64} : tensor<23x60xf32>, tensor<23x20xf32>, tensor<4x23xi32> -> tensor<23x6xf32>
  %dq, %dk, %dv = transformer.attention_gradient %dy, %q, %k, %v, %o, %lse, %seq {heads = 6 : i64, kv_heads = 2 : i64, scale = 0.3 : f64}
    : tensor<23x60xf32>, tensor<23x20xf32>, tensor<23x6xf32>, tensor<4x23xi32>
  return %dq : tensor<23x60xf32>
}

func.func @gradient_of_values(%dy: tensor<23x60xf32>, %q: tensor<23x60xf32>, %k: tensor<23x20xf32>, %v: tensor<23x20xf32>, %seq: tensor<4x23xi32> {lora.input = "sequence"})
    -> (tensor<23x60xf32>, tensor<23x20xf32>) {
  %o, %lse = transformer.attention %q, %k, %v, %seq {heads = 6 : i64, kv_heads = 2 : i64, scale = 0.3 : f64} : tensor<23x60xf32>, tensor<23x20xf32>, tensor<4x23xi32> -> tensor<23x6xf32>
  %dq, %dk, %dv = transformer.attention_gradient %dy, %q, %k, %v, %o, %lse, %seq {heads = 6 : i64, kv_heads = 2 : i64, scale = 0.3 : f64}
    : tensor<23x60xf32>, tensor<23x20xf32>, tensor<23x6xf32>, tensor<4x23xi32>
  return %dq, %dv : tensor<23x60xf32>, tensor<23x20xf32>
}

func.func @gradient_of_keys(%dy: tensor<23x60xf32>, %q: tensor<23x60xf32>, %k: tensor<23x20xf32>, %v: tensor<23x20xf32>, %seq: tensor<4x23xi32> {lora.input = "sequence"})
    -> tensor<23x20xf32> {
  %o, %lse = transformer.attention %q, %k, %v, %seq {heads = 6 : i64, kv_heads = 2 : i64, scale = 0.3 : f64} : tensor<23x60xf32>, tensor<23x20xf32>, tensor<4x23xi32> -> tensor<23x6xf32>
  %dq, %dk, %dv = transformer.attention_gradient %dy, %q, %k, %v, %o, %lse, %seq {heads = 6 : i64, kv_heads = 2 : i64, scale = 0.3 : f64}
    : tensor<23x60xf32>, tensor<23x20xf32>, tensor<23x6xf32>, tensor<4x23xi32>
  return %dk : tensor<23x20xf32>
}

func.func @gradient_window(%dy: tensor<23x48xf32>, %q: tensor<23x48xf32>, %k: tensor<23x24xf32>, %v: tensor<23x24xf32>, %seq: tensor<4x23xi32> {lora.input = "sequence"})
    -> (tensor<23x48xf32>, tensor<23x24xf32>, tensor<23x24xf32>) {
  %o, %lse = transformer.attention %q, %k, %v, %seq {heads = 2 : i64, kv_heads = 1 : i64, scale = 0.2 : f64, window = 5 : i64} : tensor<23x48xf32>, tensor<23x24xf32>, tensor<4x23xi32> -> tensor<23x2xf32>
  %dq, %dk, %dv = transformer.attention_gradient %dy, %q, %k, %v, %o, %lse, %seq {heads = 2 : i64, kv_heads = 1 : i64, scale = 0.2 : f64, window = 5 : i64}
    : tensor<23x48xf32>, tensor<23x24xf32>, tensor<23x2xf32>, tensor<4x23xi32>
  return %dq, %dk, %dv : tensor<23x48xf32>, tensor<23x24xf32>, tensor<23x24xf32>
}

// Many blocks of tokens, many tiles of keys, heads as wide as in models.
func.func @gradient_many_blocks(%dy: tensor<133x256xf32>, %q: tensor<133x256xf32>, %k: tensor<133x128xf32>, %v: tensor<133x128xf32>, %seq: tensor<4x133xi32> {lora.input = "sequence"})
    -> (tensor<133x256xf32>, tensor<133x256xf32>, tensor<133x128xf32>, tensor<133x128xf32>) {
  %o, %lse = transformer.attention %q, %k, %v, %seq {heads = 4 : i64, kv_heads = 2 : i64, scale = 0.125 : f64} : tensor<133x256xf32>, tensor<133x128xf32>, tensor<4x133xi32> -> tensor<133x4xf32>
  %dq, %dk, %dv = transformer.attention_gradient %dy, %q, %k, %v, %o, %lse, %seq {heads = 4 : i64, kv_heads = 2 : i64, scale = 0.125 : f64}
    : tensor<133x256xf32>, tensor<133x128xf32>, tensor<133x4xf32>, tensor<4x133xi32>
  return %o, %dq, %dk, %dv : tensor<133x256xf32>, tensor<133x256xf32>, tensor<133x128xf32>, tensor<133x128xf32>
}

// Scores that soft capping changes a lot, forward and backward.
func.func @softcap(%dy: tensor<23x60xf32>, %q: tensor<23x60xf32>, %k: tensor<23x20xf32>, %v: tensor<23x20xf32>, %seq: tensor<4x23xi32> {lora.input = "sequence"})
    -> (tensor<23x60xf32>, tensor<23x6xf32>, tensor<23x60xf32>, tensor<23x20xf32>, tensor<23x20xf32>) {
  %o, %lse = transformer.attention %q, %k, %v, %seq {heads = 6 : i64, kv_heads = 2 : i64, scale = 0.9 : f64, softcap = 0.6 : f64} : tensor<23x60xf32>, tensor<23x20xf32>, tensor<4x23xi32> -> tensor<23x6xf32>
  %dq, %dk, %dv = transformer.attention_gradient %dy, %q, %k, %v, %o, %lse, %seq {heads = 6 : i64, kv_heads = 2 : i64, scale = 0.9 : f64, softcap = 0.6 : f64}
    : tensor<23x60xf32>, tensor<23x20xf32>, tensor<23x6xf32>, tensor<4x23xi32>
  return %o, %lse, %dq, %dk, %dv : tensor<23x60xf32>, tensor<23x6xf32>, tensor<23x60xf32>, tensor<23x20xf32>, tensor<23x20xf32>
}
