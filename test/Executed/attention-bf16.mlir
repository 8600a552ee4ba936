// RUN: lora-check %s
// REQUIRES: avx512bf16

// Bf16 is multiplied in pairs: grouped queries and many blocks, two sequences on one axis with a token without
// keys, a cache that is longer than what is read with a window that begins within a tile, bounded scores, two widths of heads, one token.

func.func @blocks(%q: tensor<133x256xbf16>, %k: tensor<133x128xbf16>, %v: tensor<133x128xbf16>, %seq: tensor<4x133xi32> {lora.input = "sequence"}) -> (tensor<133x256xbf16>, tensor<133x4xf32>) {
  %o, %lse = transformer.attention %q, %k, %v, %seq {heads = 4 : i64, kv_heads = 2 : i64, scale = 0.125 : f64} : tensor<133x256xbf16>, tensor<133x128xbf16>, tensor<4x133xi32> -> tensor<133x4xf32>
  return %o, %lse : tensor<133x256xbf16>, tensor<133x4xf32>
}

func.func @cached(%q: tensor<37x96xbf16>, %k: tensor<177x32xbf16>, %v: tensor<177x32xbf16>, %seq: tensor<4x37xi32> {lora.input = "sequence 111"}) -> (tensor<37x96xbf16>, tensor<37x3xf32>) {
  %o, %lse = transformer.attention %q, %k, %v, %seq {heads = 3 : i64, kv_heads = 1 : i64, scale = 0.3 : f64, window = 45 : i64} : tensor<37x96xbf16>, tensor<177x32xbf16>, tensor<4x37xi32> -> tensor<37x3xf32>
  return %o, %lse : tensor<37x96xbf16>, tensor<37x3xf32>
}

func.func @softcap(%q: tensor<23x384xbf16>, %k: tensor<23x128xbf16>, %v: tensor<23x128xbf16>, %seq: tensor<4x23xi32> {lora.input = "sequence"}) -> (tensor<23x384xbf16>, tensor<23x3xf32>) {
  %o, %lse = transformer.attention %q, %k, %v, %seq {heads = 3 : i64, kv_heads = 1 : i64, scale = 0.9 : f64, softcap = 2.0 : f64} : tensor<23x384xbf16>, tensor<23x128xbf16>, tensor<4x23xi32> -> tensor<23x3xf32>
  return %o, %lse : tensor<23x384xbf16>, tensor<23x3xf32>
}

// A head that is not made of whole vectors.
func.func @odd(%q: tensor<23x160xbf16>, %k: tensor<23x80xbf16>, %v: tensor<23x80xbf16>, %seq: tensor<4x23xi32> {lora.input = "sequence"}) -> (tensor<23x160xbf16>, tensor<23x2xf32>) {
  %o, %lse = transformer.attention %q, %k, %v, %seq {heads = 2 : i64, kv_heads = 1 : i64, scale = 0.2 : f64} : tensor<23x160xbf16>, tensor<23x80xbf16>, tensor<4x23xi32> -> tensor<23x2xf32>
  return %o, %lse : tensor<23x160xbf16>, tensor<23x2xf32>
}

// One token: four rows at once; three heads that share keys, a window that begins within a tile, bounded scores.
func.func @decode_long(%q: tensor<1x512xbf16>, %k: tensor<1403x128xbf16>, %v: tensor<1403x128xbf16>, %seq: tensor<4x1xi32> {lora.input = "sequence 1387"}) -> (tensor<1x512xbf16>, tensor<1x8xf32>) {
  %o, %lse = transformer.attention %q, %k, %v, %seq {heads = 8 : i64, kv_heads = 2 : i64, scale = 0.125 : f64} : tensor<1x512xbf16>, tensor<1403x128xbf16>, tensor<4x1xi32> -> tensor<1x8xf32>
  return %o, %lse : tensor<1x512xbf16>, tensor<1x8xf32>
}

func.func @decode_window(%q: tensor<1x384xbf16>, %k: tensor<301x128xbf16>, %v: tensor<301x128xbf16>, %seq: tensor<4x1xi32> {lora.input = "sequence 277"}) -> (tensor<1x384xbf16>, tensor<1x3xf32>) {
  %o, %lse = transformer.attention %q, %k, %v, %seq {heads = 3 : i64, kv_heads = 1 : i64, scale = 0.3 : f64, window = 69 : i64, softcap = 3.0 : f64} : tensor<1x384xbf16>, tensor<301x128xbf16>, tensor<4x1xi32> -> tensor<1x3xf32>
  return %o, %lse : tensor<1x384xbf16>, tensor<1x3xf32>
}

// One token whose window begins within a tile; heads do not share keys.
func.func @decode_window_unshared(%q: tensor<1x80xbf16>, %k: tensor<301x80xbf16>, %v: tensor<301x80xbf16>, %seq: tensor<4x1xi32> {lora.input = "sequence 277"}) -> tensor<1x80xbf16> {
  %o, %lse = transformer.attention %q, %k, %v, %seq {heads = 2 : i64, kv_heads = 2 : i64, scale = 0.5 : f64, window = 69 : i64, softcap = 3.0 : f64} : tensor<1x80xbf16>, tensor<301x80xbf16>, tensor<4x1xi32> -> tensor<1x2xf32>
  return %o : tensor<1x80xbf16>
}
