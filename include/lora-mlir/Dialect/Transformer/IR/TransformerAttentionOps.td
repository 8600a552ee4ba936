//===- TransformerAttentionOps.td - Positions and attention -*- tablegen -*-===//
//
// Defines rotary positions, the KV cache and attention, with their gradients.
// The semantics of each operation is its formula; its constraints (Cn) are
// verified in lib/Dialect/Transformer/IR/TransformerOps.cpp.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_DIALECT_TRANSFORMER_IR_TRANSFORMERATTENTIONOPS_TD
#define LORA_MLIR_DIALECT_TRANSFORMER_IR_TRANSFORMERATTENTIONOPS_TD

include "lora-mlir/Dialect/Transformer/IR/TransformerOpBase.td"

//===----------------------------------------------------------------------===//
// Positions and attention
//===----------------------------------------------------------------------===//

def Transformer_RotaryTableOp : Transformer_Op<"rotary_table", [Pure, AllTypesMatch<["cos", "sin"]>]> {
  let summary = "Cosines and sines of the rotary angles";
  let description = [{
    With p the position of the token: `cos[t, i] = factor * cos(p * f[i])`, and `sin` likewise. The
    table is computed once per call and shared by all layers (Su et al. 2021, eq. 15: f[i] =
    theta^(-2i/d)). The frequencies f are `inverse_frequencies`, or the operand `frequencies` if
    they depend on the length of a call (dynamic NTK, LongRoPE). `factor` is that of YaRN and
    LongRoPE (Peng et al. 2023, section 3.4); without it, it is 1. Angles are computed in f32, as in
    transformers.

    ```mlir
    %cos, %sin = transformer.rotary_table %seq {inverse_frequencies = array<f32: 1.0, 0.1>}
                 : tensor<4x?xi32> -> tensor<?x2xf32>
    %cos2, %sin2 = transformer.rotary_table %seq frequencies %f {factor = 1.19 : f64}
                   : tensor<4x?xi32>, tensor<2xf32> -> tensor<?x2xf32>
    ```

    Constraints:
    - (C1) `sequence` has 4 rows; `cos` and `sin` are [tokens, number of frequencies].
    - (C2) the frequencies are given once, as the attribute or as the operand.
  }];
  let arguments = (ins Transformer_Sequence:$sequence,
                       Optional<RankedTensorOf<[F32], [HasAnyRankOfPred<[1]>], "1D tensor">>:$frequencies,
                       OptionalAttr<DenseF32ArrayAttr>:$inverse_frequencies, OptionalAttr<F64Attr>:$factor);
  let results = (outs Transformer_Activation:$cos, Transformer_Activation:$sin);
  let assemblyFormat = [{
    $sequence (`frequencies` $frequencies^)? attr-dict `:` type($sequence) (`,` type($frequencies)^)? `->` type($cos)
  }];
  let hasVerifier = 1;
}

def Transformer_RotaryOp : Transformer_DifferentiableOp<"rotary", [AllTypesMatch<["x", "result"]>, AllTypesMatch<["cos", "sin"]>]> {
  let summary = "Rotates each head's features by the position's angles";
  let description = [{
    Each row of `x` is a sequence of heads of width `head_dim`. With n the width of `cos`, feature i
    < n of a head is paired with i + n (transformers' `rotate_half`): `y[i] = x[i] cos[i] - x[i+n]
    sin[i]`, `y[i+n] = x[i+n] cos[i] + x[i] sin[i]`. Features from 2n on are not changed. With
    `inverse` the angles are negated; this is the transposed map, and so the gradient.

    ```mlir
    %y = transformer.rotary %x, %cos, %sin {head_dim = 24 : i64} : tensor<?x144xf32>, tensor<?x12xf32>
    ```

    Constraints:
    - (C1) the width of `x` is a multiple of `head_dim`.
    - (C2) twice the width of `cos` is at most `head_dim`.
  }];
  let arguments = (ins Transformer_Activation:$x, Transformer_Activation:$cos, Transformer_Activation:$sin,
                       I64Attr:$head_dim, UnitAttr:$inverse);
  let results = (outs Transformer_Activation:$result);
  let assemblyFormat = "$x `,` $cos `,` $sin attr-dict `:` type($x) `,` type($cos)";
  let hasVerifier = 1;
}

def Transformer_CacheWriteOp : Transformer_Op<"cache_write", [Pure, AllTypesMatch<["cache", "result"]>]> {
  let summary = "Writes each token's row into a cache, in place";
  let description = [{
    `result` is `cache` with row `sequence[3, t]` replaced by `x[t, :]` for every token t. It
    becomes the new value of the state without a copy, so `cache` must have no later use.

    ```mlir
    %new = transformer.cache_write %cache, %k, %seq : tensor<?x72xf32>, tensor<?x72xf32>, tensor<4x?xi32>
    ```

    Constraints:
    - (C1) `x` and `cache` have one width and one element type.
    - (C2) `cache` has no other use.
  }];
  let arguments = (ins Transformer_Activation:$cache, Transformer_Activation:$x, Transformer_Sequence:$sequence);
  let results = (outs Transformer_Activation:$result);
  let assemblyFormat = "$cache `,` $x `,` $sequence attr-dict `:` type($cache) `,` type($x) `,` type($sequence)";
  let hasVerifier = 1;
}

def Transformer_AttentionOp : Transformer_DifferentiableOp<"attention", [AllTypesMatch<["q", "result"]>, AllTypesMatch<["k", "v"]>]> {
  let summary = "Scaled dot-product attention over a range of keys per token";
  let description = [{
    Token t attends to the keys j with `sequence[1, t] <= j < sequence[2, t]`; if `window` is given,
    only to the last `window` of them. So the sequence table expresses causality, packed sequences,
    padding and a cache. Head h of the query uses head h * kv_heads / heads of keys and values
    (grouped-query attention, Ainslie et al. 2023). `p = softmax(s)`, `s = scale q kᵀ`, `result = p
    v`, and `lse[t, h] = log(sum of exp(s))`, which is the only value that the backward pass keeps.
    With `softcap`, scores are bounded first: `s = softcap tanh(scale q kᵀ / softcap)` (Gemma 2).
    For a token without keys (padding) both results are 0.

    ```mlir
    %o, %lse = transformer.attention %q, %k, %v, %seq {heads = 6 : i64, kv_heads = 3 : i64, scale = 0.204 : f64}
               : tensor<?x144xf32>, tensor<?x72xf32>, tensor<4x?xi32> -> tensor<?x6xf32>
    ```

    Constraints:
    - (C1) `heads` is a multiple of `kv_heads`, both positive.
    - (C2) the width of `q` is heads * head_dim, of `k` and `v` kv_heads * head_dim.
    - (C3) `lse` is [tokens, heads], f32 or f64.
    - (C4) `window` and `softcap` are positive.
  }];
  let arguments = (ins Transformer_Activation:$q, Transformer_Activation:$k, Transformer_Activation:$v,
                       Transformer_Sequence:$sequence, I64Attr:$heads, I64Attr:$kv_heads, F64Attr:$scale,
                       OptionalAttr<I64Attr>:$window, OptionalAttr<F64Attr>:$softcap);
  let results = (outs Transformer_Activation:$result, Transformer_Activation:$lse);
  let assemblyFormat = [{
    $q `,` $k `,` $v `,` $sequence attr-dict `:` type($q) `,` type($k) `,` type($sequence) `->` type($lse)
  }];
  let hasVerifier = 1;
}

def Transformer_AttentionGradientOp : Transformer_Op<"attention_gradient", [
    Pure, AllTypesMatch<["dy", "q", "o", "dq"]>, AllTypesMatch<["k", "v", "dk", "dv"]>]> {
  let summary = "Gradients of attention";
  let description = [{
    With p = exp(s - lse) and d = rowsum(dy * o) (Dao et al. 2022, appendix B.4): `dv = pᵀ dy`,
    `ds = p * (dy vᵀ - d)`, `dq = scale ds k`, `dk = scale dsᵀ q`, over the same keys as
    `attention`; with `softcap`, ds is multiplied by 1 - (s / softcap)². Keys and values are those
    of the tokens (no cache).

    ```mlir
    %dq, %dk, %dv = transformer.attention_gradient %dy, %q, %k, %v, %o, %lse, %seq {heads = 6 : i64, kv_heads = 3 : i64, scale = 0.204 : f64}
                    : tensor<?x144xf32>, tensor<?x72xf32>, tensor<?x6xf32>, tensor<4x?xi32>
    ```

    Constraints: as for `attention`.
  }];
  let arguments = (ins Transformer_Activation:$dy, Transformer_Activation:$q, Transformer_Activation:$k,
                       Transformer_Activation:$v, Transformer_Activation:$o, Transformer_Activation:$lse,
                       Transformer_Sequence:$sequence, I64Attr:$heads, I64Attr:$kv_heads, F64Attr:$scale,
                       OptionalAttr<I64Attr>:$window, OptionalAttr<F64Attr>:$softcap);
  let results = (outs Transformer_Activation:$dq, Transformer_Activation:$dk, Transformer_Activation:$dv);
  let assemblyFormat = [{
    $dy `,` $q `,` $k `,` $v `,` $o `,` $lse `,` $sequence attr-dict `:`
    type($q) `,` type($k) `,` type($lse) `,` type($sequence)
  }];
  let hasVerifier = 1;
}

#endif // LORA_MLIR_DIALECT_TRANSFORMER_IR_TRANSFORMERATTENTIONOPS_TD
