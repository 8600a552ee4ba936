//===- TransformerOps.td - Operations of the transformer dialect -*- tablegen -*-//
#ifndef LORA_MLIR_DIALECT_TRANSFORMER_IR_TRANSFORMEROPS_TD
#define LORA_MLIR_DIALECT_TRANSFORMER_IR_TRANSFORMEROPS_TD

include "lora-mlir/Dialect/Transformer/IR/DifferentiableOpInterface.td"
include "lora-mlir/Dialect/Transformer/IR/TransformerAttributes.td"
include "lora-mlir/Dialect/Transformer/IR/TransformerDialect.td"
include "lora-mlir/Dialect/Transformer/IR/TransformerTypes.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/IR/SymbolInterfaces.td"

def Transformer_Parameters : Resource<"::lora::transformer::ParameterResource">;

class Transformer_Op<string mnemonic, list<Trait> traits = []>
    : Op<Transformer_Dialect, mnemonic, traits>;

/// An operation on values that has a reverse-mode rule.
class Transformer_DifferentiableOp<string mnemonic, list<Trait> traits = []>
    : Transformer_Op<mnemonic, traits # [Pure, DeclareOpInterfaceMethods<DifferentiableOpInterface>]>;

//===----------------------------------------------------------------------===//
// Structure
//===----------------------------------------------------------------------===//

def Transformer_ApplyOp : Transformer_Op<"apply", [
    DeclareOpInterfaceMethods<SymbolUserOpInterface>,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "Applies a block at a path of the module tree";
  let description = [{
    Calls `block` with `inputs` as its arguments without a slot; the arguments
    with a slot are bound to the parameters and states `path.slot` (to `slot`
    where the path is empty). Results tagged `transformer.next` are not
    returned: they update the bound state. Results tagged `transformer.grad` are
    returned together as one `!transformer.gradients`, the last result.

    What a slot is bound to is data of the layer, not of the code: `values` gives weight expressions that hold at this place instead of
    the block's `transformer.value`, so that an adapted and merged layer runs the same function as its neighbour.

    ```mlir
    %1 = transformer.apply @decoder at "model.layers.0"(%0, %seq)
         : (tensor<?x48xf32>, tensor<4x?xi32>) -> tensor<?x48xf32>
    %2 = transformer.apply @decoder at "model.layers.1"(%1, %seq)
         {values = {norm.weight = #transformer.init<ones, "norm.weight", tensor<48xf32>, seed = 0>}}
         : (tensor<?x48xf32>, tensor<4x?xi32>) -> tensor<?x48xf32>
    ```

    Constraints:
    - (C1) `block` names a function of the module.
    - (C2) the types of `inputs` are those of the block's arguments without a slot.
    - (C3) the result types are those of the block's results without a tag, then
      `!transformer.gradients` if a result is tagged `transformer.grad`.
    - (C4) each entry of `values` names a slot of `block` that is not a state, and is a weight expression of the slot's type.
  }];
  let arguments = (ins FlatSymbolRefAttr:$block, StrAttr:$path, Variadic<AnyType>:$inputs,
                       OptionalAttr<DictionaryAttr>:$values);
  let results = (outs Variadic<AnyType>:$outputs);
  let builders = [
    OpBuilder<(ins "::mlir::TypeRange":$outputs, "::llvm::StringRef":$block, "::llvm::StringRef":$path,
                   "::mlir::ValueRange":$inputs), [{
      build($_builder, $_state, outputs, block, path, inputs, ::mlir::DictionaryAttr());
    }]>];
  let assemblyFormat = [{
    $block `at` $path `(` $inputs `)` attr-dict `:` functional-type($inputs, $outputs)
  }];
}

//===----------------------------------------------------------------------===//
// Embedding and linear algebra
//===----------------------------------------------------------------------===//

def Transformer_EmbeddingOp : Transformer_DifferentiableOp<"embedding"> {
  let summary = "Looks up rows of a table";
  let description = [{
    `result[t, :] = table[ids[t], :]`. Ids are in range: whoever calls the model checks them.

    ```mlir
    %0 = transformer.embedding %ids, %table : tensor<?xi32>, tensor<259x48xf32> -> tensor<?x48xf32>
    ```

    Constraints:
    - (C1) `result` is [tokens of `ids`, width of `table`].
  }];
  let arguments = (ins Transformer_Indices:$ids, Transformer_Matrix:$table);
  let results = (outs Transformer_Activation:$result);
  let assemblyFormat = "$ids `,` $table attr-dict `:` type($ids) `,` type($table) `->` type($result)";
  let hasVerifier = 1;
}

def Transformer_PositionsOp : Transformer_Op<"positions", [Pure]> {
  let summary = "Rows of a table of learned positions";
  let description = [{
    `result[t] = sequence[0, t] + offset`: what `embedding` looks up in a table of positions, whose first `offset` rows mean something else
    (RoBERTa: `padding_idx + 1`).

    ```mlir
    %rows = transformer.positions %seq {offset = 2 : i64} : tensor<4x?xi32> -> tensor<?xi32>
    ```

    Constraints:
    - (C1) `sequence` has 4 rows; `result` has one value per token.
    - (C2) `offset` is not negative.
  }];
  let arguments = (ins Transformer_Sequence:$sequence, I64Attr:$offset);
  let results = (outs Transformer_Indices:$result);
  let assemblyFormat = "$sequence attr-dict `:` type($sequence) `->` type($result)";
  let hasVerifier = 1;
}

def Transformer_LinearOp : Transformer_DifferentiableOp<"linear"> {
  let summary = "y = x Wᵀ + b";
  let description = [{
    `result[t, o] = sum over i of x[t, i] * weight[o, i] + bias[o]`, with the weight as PyTorch's `nn.Linear` stores it, [out, in].
    The result's element type may be wider than the operands'.

    ```mlir
    %y = transformer.linear %x, %w bias %b : tensor<?x48xf32>, tensor<144x48xf32>, tensor<144xf32> -> tensor<?x144xf32>
    %z = transformer.linear %x, %w : tensor<?x48xf32>, tensor<144x48xf32> -> tensor<?x144xf32>
    ```

    Constraints:
    - (C1) `x` is [tokens, in], `weight` [out, in], `bias` [out], `result` [tokens, out].
    - (C2) `x`, `weight` and `bias` have one element type.
    - (C3) `weight` is not in Conv1D's layout, [in, out].
  }];
  let arguments = (ins Transformer_Activation:$x, Transformer_Matrix:$weight,
                       Optional<Transformer_Vector>:$bias);
  let results = (outs Transformer_Activation:$result);
  let assemblyFormat = [{
    $x `,` $weight (`bias` $bias^)? attr-dict `:` type($x) `,` type($weight) (`,` type($bias)^)? `->` type($result)
  }];
  let hasVerifier = 1;
}

def Transformer_MatmulOp : Transformer_DifferentiableOp<"matmul"> {
  let summary = "Matrix product, either operand transposed";
  let description = [{
    `result = op(a) op(b)`, where `op` transposes an operand whose flag is set. Gradients of linear layers are
    made of it. The result's element type may be wider than the operands'.

    ```mlir
    %dx = transformer.matmul %dy, %w : tensor<?x144xf32>, tensor<144x48xf32> -> tensor<?x48xf32>
    %db = transformer.matmul %dy, %t {transpose_a} : tensor<?x144xf32>, tensor<?x3xf32> -> tensor<144x3xf32>
    ```

    Constraints:
    - (C1) the shapes fit: op(a) is [m, k], op(b) [k, n], `result` [m, n].
    - (C2) `a` and `b` have one element type.
  }];
  let arguments = (ins Transformer_Matrix:$a, Transformer_Matrix:$b,
                       UnitAttr:$transpose_a, UnitAttr:$transpose_b);
  let results = (outs Transformer_Matrix:$result);
  let assemblyFormat = "$a `,` $b attr-dict `:` type($a) `,` type($b) `->` type($result)";
  let hasVerifier = 1;
}

def Transformer_SumTokensOp : Transformer_Op<"sum_tokens", [Pure]> {
  let summary = "Sum over the token axis";
  let description = [{
    `result[i] = sum over t of x[t, i]`: the gradient of a bias.

    ```mlir
    %db = transformer.sum_tokens %dy : tensor<?x144xbf16> -> tensor<144xf32>
    ```

    Constraints:
    - (C1) `result` has the width of `x`.
  }];
  let arguments = (ins Transformer_Activation:$x);
  let results = (outs Transformer_Vector:$result);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($result)";
  let hasVerifier = 1;
}

def Transformer_EmbeddingGradientOp : Transformer_Op<"embedding_gradient", [Pure]> {
  let summary = "Gradient of an embedding table";
  let description = [{
    `result[v, :] = sum over t with ids[t] = v of dy[t, :]`.

    ```mlir
    %d = transformer.embedding_gradient %dy, %ids : tensor<?x48xf32>, tensor<?xi32> -> tensor<259x48xf32>
    ```

    Constraints:
    - (C1) `dy` is [tokens of `ids`, width of `result`].
  }];
  let arguments = (ins Transformer_Activation:$dy, Transformer_Indices:$ids);
  let results = (outs Transformer_Matrix:$result);
  let assemblyFormat = "$dy `,` $ids attr-dict `:` type($dy) `,` type($ids) `->` type($result)";
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Elementwise
//===----------------------------------------------------------------------===//

class Transformer_BinaryOp<string mnemonic>
    : Transformer_DifferentiableOp<mnemonic, [SameOperandsAndResultType, Commutative]> {
  let arguments = (ins AnyRankedTensor:$lhs, AnyRankedTensor:$rhs);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($result)";
}

def Transformer_AddOp : Transformer_BinaryOp<"add"> {
  let summary = "Elementwise sum";
  let description = [{
    ```mlir
    %y = transformer.add %x, %r : tensor<?x48xf32>
    ```
  }];
}

def Transformer_MulOp : Transformer_BinaryOp<"mul"> {
  let summary = "Elementwise product";
  let description = [{
    ```mlir
    %y = transformer.mul %gate, %up : tensor<?x80xf32>
    ```
  }];
}

def Transformer_ActivationOp : Transformer_DifferentiableOp<"activation", [SameOperandsAndResultType]> {
  let summary = "Elementwise nonlinearity";
  let description = [{
    | kind | formula |
    | --- | --- |
    | `silu` | x / (1 + exp(-x)) |
    | `gelu_erf` | x/2 (1 + erf(x / sqrt 2)) |
    | `gelu_tanh` | x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) |
    | `relu` | max(x, 0) |
    | `tanh` | tanh(x) |

    ```mlir
    %y = transformer.activation %x {kind = #transformer.activation_kind<silu>} : tensor<?x80xf32>
    ```
  }];
  let arguments = (ins Transformer_Activation:$x, Transformer_ActivationKindAttr:$kind);
  let results = (outs Transformer_Activation:$result);
  let assemblyFormat = "$x attr-dict `:` type($result)";
}

def Transformer_ActivationGradientOp : Transformer_Op<"activation_gradient", [Pure, SameOperandsAndResultType]> {
  let summary = "dx = dy f'(x)";
  let description = [{
    ```mlir
    %dx = transformer.activation_gradient %dy, %x {kind = #transformer.activation_kind<silu>} : tensor<?x80xf32>
    ```
  }];
  let arguments = (ins Transformer_Activation:$dy, Transformer_Activation:$x, Transformer_ActivationKindAttr:$kind);
  let results = (outs Transformer_Activation:$result);
  let assemblyFormat = "$dy `,` $x attr-dict `:` type($result)";
}

def Transformer_CastOp : Transformer_DifferentiableOp<"cast"> {
  let summary = "Rounds to another element type";
  let description = [{
    ```mlir
    %a = transformer.cast %master : tensor<3x48xf32> -> tensor<3x48xbf16>
    ```

    Constraints:
    - (C1) operand and result have the same shape.
  }];
  let arguments = (ins AnyRankedTensor:$x);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Transformer_ScaleOp : Transformer_DifferentiableOp<"scale", [SameOperandsAndResultType]> {
  let summary = "Multiplies by a number";
  let description = [{
    `result = x * factor`, with `factor` as it is, however narrow the type of `x`.

    ```mlir
    %y = transformer.scale %x {factor = 6.9282 : f64} : tensor<?x48xf32>
    ```
  }];
  let arguments = (ins Transformer_Activation:$x, F64Attr:$factor);
  let results = (outs Transformer_Activation:$result);
  let assemblyFormat = "$x attr-dict `:` type($result)";
}

def Transformer_SoftcapOp : Transformer_DifferentiableOp<"softcap", [SameOperandsAndResultType]> {
  let summary = "Bounds values smoothly: y = cap tanh(x / cap)";
  let description = [{
    Bello et al. 2017, section 5.1, with Gemma 2's form for logits.

    ```mlir
    %y = transformer.softcap %x {cap = 30.0 : f64} : tensor<?x259xf32>
    ```

    Constraints:
    - (C1) `cap` is positive.
  }];
  let arguments = (ins Transformer_Activation:$x, F64Attr:$cap);
  let results = (outs Transformer_Activation:$result);
  let assemblyFormat = "$x attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Transformer_SoftcapGradientOp : Transformer_Op<"softcap_gradient", [Pure, SameOperandsAndResultType]> {
  let summary = "dx = dy (1 - (y / cap)²), from the result of softcap";
  let description = [{
    ```mlir
    %dx = transformer.softcap_gradient %dy, %y {cap = 30.0 : f64} : tensor<?x259xf32>
    ```
  }];
  let arguments = (ins Transformer_Activation:$dy, Transformer_Activation:$y, F64Attr:$cap);
  let results = (outs Transformer_Activation:$result);
  let assemblyFormat = "$dy `,` $y attr-dict `:` type($result)";
}

def Transformer_ScaleFeaturesOp : Transformer_DifferentiableOp<"scale_features", [AllTypesMatch<["x", "result"]>]> {
  let summary = "Multiplies each feature by its own factor";
  let description = [{
    `result[t, i] = x[t, i] * scale[i]`.

    ```mlir
    %y = transformer.scale_features %x, %s : tensor<?x6xbf16>, tensor<6xf32>
    ```

    Constraints:
    - (C1) `scale` has the width of `x`.
  }];
  let arguments = (ins Transformer_Activation:$x, Transformer_Vector:$scale);
  let results = (outs Transformer_Activation:$result);
  let assemblyFormat = "$x `,` $scale attr-dict `:` type($x) `,` type($scale)";
  let hasVerifier = 1;
}

def Transformer_SliceFeaturesOp : Transformer_DifferentiableOp<"slice_features"> {
  let summary = "A range of the features";
  let description = [{
    `result[t, i] = x[t, offset + i]`.

    ```mlir
    %y = transformer.slice_features %x[3] : tensor<?x6xf32> -> tensor<?x3xf32>
    ```

    Constraints:
    - (C1) offset + width of `result` is at most the width of `x`; element types agree.
  }];
  let arguments = (ins Transformer_Activation:$x, I64Attr:$offset);
  let results = (outs Transformer_Activation:$result);
  let assemblyFormat = "$x `[` $offset `]` attr-dict `:` type($x) `->` type($result)";
  let hasVerifier = 1;
}

def Transformer_PadFeaturesOp : Transformer_DifferentiableOp<"pad_features"> {
  let summary = "Features at an offset among zeros: the transpose of slice_features";
  let description = [{
    `result[t, offset + i] = x[t, i]`, 0 elsewhere.

    ```mlir
    %y = transformer.pad_features %x[3] : tensor<?x3xf32> -> tensor<?x6xf32>
    ```

    Constraints:
    - (C1) offset + width of `x` is at most the width of `result`; element types agree.
  }];
  let arguments = (ins Transformer_Activation:$x, I64Attr:$offset);
  let results = (outs Transformer_Activation:$result);
  let assemblyFormat = "$x `[` $offset `]` attr-dict `:` type($x) `->` type($result)";
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Normalization
//===----------------------------------------------------------------------===//

def Transformer_RMSNormOp : Transformer_DifferentiableOp<"rms_norm", [AllTypesMatch<["x", "result"]>]> {
  let summary = "Root-mean-square normalization of each group of features";
  let description = [{
    Each row of `x` is a sequence of groups as wide as `weight`; each group is normalized by itself (Zhang and Sennrich 2019,
    eq. 4): `y = x / sqrt(mean(x²) + eps) * weight`. One group a row is the norm of a hidden state; one
    per head is Qwen3's q/k norm.

    ```mlir
    %y = transformer.rms_norm %x, %w {eps = 1.0e-6 : f64} : tensor<?x144xf32>, tensor<24xf32>
    ```

    Constraints:
    - (C1) the width of `x` is a multiple of `weight`'s.
    - (C2) `eps` is positive.
  }];
  let arguments = (ins Transformer_Activation:$x, Transformer_Vector:$weight, F64Attr:$eps);
  let results = (outs Transformer_Activation:$result);
  let assemblyFormat = "$x `,` $weight attr-dict `:` type($x) `,` type($weight)";
  let extraClassDeclaration = [{
    /// Groups per row.
    int64_t getNumGroups() {
      return getX().getType().getDimSize(1) / getWeight().getType().getDimSize(0);
    }
  }];
  let hasVerifier = 1;
}

def Transformer_RMSNormGradientOp : Transformer_Op<"rms_norm_gradient", [Pure, AllTypesMatch<["dy", "x", "result"]>]> {
  let summary = "Input gradient of rms_norm";
  let description = [{
    With r = 1 / sqrt(mean(x²) + eps) and g = dy * weight, per group of width n: `dx = r g - x r³ (sum of g x) / n`.

    ```mlir
    %dx = transformer.rms_norm_gradient %dy, %x, %w {eps = 1.0e-6 : f64} : tensor<?x144xf32>, tensor<24xf32>
    ```

    Constraints:
    - (C1) the width of `x` is a multiple of `weight`'s.
  }];
  let arguments = (ins Transformer_Activation:$dy, Transformer_Activation:$x, Transformer_Vector:$weight, F64Attr:$eps);
  let results = (outs Transformer_Activation:$result);
  let assemblyFormat = "$dy `,` $x `,` $weight attr-dict `:` type($x) `,` type($weight)";
  let hasVerifier = 1;
}

def Transformer_RMSNormWeightGradientOp : Transformer_Op<"rms_norm_weight_gradient", [Pure, AllTypesMatch<["dy", "x"]>]> {
  let summary = "Weight gradient of rms_norm";
  let description = [{
    `result[i] = sum over tokens and groups of dy * x * r`, r as in `rms_norm_gradient`.

    ```mlir
    %dw = transformer.rms_norm_weight_gradient %dy, %x {eps = 1.0e-6 : f64} : tensor<?x144xf32> -> tensor<24xf32>
    ```

    Constraints:
    - (C1) the width of `x` is a multiple of `result`'s.
  }];
  let arguments = (ins Transformer_Activation:$dy, Transformer_Activation:$x, F64Attr:$eps);
  let results = (outs Transformer_Vector:$result);
  let assemblyFormat = "$dy `,` $x attr-dict `:` type($x) `->` type($result)";
  let hasVerifier = 1;
}

def Transformer_LayerNormOp : Transformer_DifferentiableOp<"layer_norm", [AllTypesMatch<["x", "result"]>]> {
  let summary = "Normalization of each row to mean 0 and variance 1";
  let description = [{
    Over the features of a row, n of them (Ba et al. 2016, eq. 4): `y = (x - mean(x)) / sqrt(mean((x - mean(x))²) + eps) * weight + bias`.

    ```mlir
    %y = transformer.layer_norm %x, %w, %b {eps = 1.0e-5 : f64} : tensor<?x48xf32>, tensor<48xf32>, tensor<48xf32>
    ```

    Constraints:
    - (C1) `weight` and `bias` have the width of `x`.
    - (C2) `eps` is positive.
  }];
  let arguments = (ins Transformer_Activation:$x, Transformer_Vector:$weight, Transformer_Vector:$bias, F64Attr:$eps);
  let results = (outs Transformer_Activation:$result);
  let assemblyFormat = "$x `,` $weight `,` $bias attr-dict `:` type($x) `,` type($weight) `,` type($bias)";
  let hasVerifier = 1;
}

def Transformer_LayerNormGradientOp : Transformer_Op<"layer_norm_gradient", [Pure, AllTypesMatch<["dy", "x", "result"]>]> {
  let summary = "Input gradient of layer_norm";
  let description = [{
    With h = (x - mean(x)) r, r = 1 / sqrt(mean((x - mean(x))²) + eps), and g = dy * weight: `dx = r (g - mean(g) - h mean(g h))`.

    ```mlir
    %dx = transformer.layer_norm_gradient %dy, %x, %w {eps = 1.0e-5 : f64} : tensor<?x48xf32>, tensor<48xf32>
    ```

    Constraints:
    - (C1) `weight` has the width of `x`.
  }];
  let arguments = (ins Transformer_Activation:$dy, Transformer_Activation:$x, Transformer_Vector:$weight, F64Attr:$eps);
  let results = (outs Transformer_Activation:$result);
  let assemblyFormat = "$dy `,` $x `,` $weight attr-dict `:` type($x) `,` type($weight)";
  let hasVerifier = 1;
}

def Transformer_LayerNormWeightGradientOp : Transformer_Op<"layer_norm_weight_gradient", [Pure, AllTypesMatch<["dy", "x"]>]> {
  let summary = "Weight gradient of layer_norm";
  let description = [{
    `result[i] = sum over tokens of dy * h`, h as in `layer_norm_gradient`. That of the bias is `sum_tokens` of dy.

    ```mlir
    %dw = transformer.layer_norm_weight_gradient %dy, %x {eps = 1.0e-5 : f64} : tensor<?x48xf32> -> tensor<48xf32>
    ```

    Constraints:
    - (C1) `result` has the width of `x`.
  }];
  let arguments = (ins Transformer_Activation:$dy, Transformer_Activation:$x, F64Attr:$eps);
  let results = (outs Transformer_Vector:$result);
  let assemblyFormat = "$dy `,` $x attr-dict `:` type($x) `->` type($result)";
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Positions and attention
//===----------------------------------------------------------------------===//

def Transformer_RotaryTableOp : Transformer_Op<"rotary_table", [Pure, AllTypesMatch<["cos", "sin"]>]> {
  let summary = "Cosines and sines of the rotary angles";
  let description = [{
    With p the token's position: `cos[t, i] = factor * cos(p * f[i])`, `sin` likewise; computed once per call and shared by all layers
    (Su et al. 2021, eq. 15: f[i] = theta^(-2i/d)). The frequencies f are `inverse_frequencies`, or the operand
    `frequencies` where they depend on the length of a call (dynamic NTK, LongRoPE). `factor` is 1 where it is absent; it is YaRN's and
    LongRoPE's (Peng et al. 2023, section 3.4). Angles are formed in f32 as transformers does.

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
                       Optional<RankedTensorOf<[F32], [HasAnyRankOfPred<[1]>]>>:$frequencies,
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
    Each row of `x` is a sequence of heads of width `head_dim`. With n the width of `cos`, feature i < n of a head is paired with i + n
    (transformers' `rotate_half`): `y[i] = x[i] cos[i] - x[i+n] sin[i]`, `y[i+n] = x[i+n] cos[i] + x[i] sin[i]`; features from 2n on
    pass. With `inverse` the angles are negated, which is the transposed map and hence the gradient.

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
    `result` is `cache` with row `sequence[3, t]` replaced by `x[t, :]` for every token t. It becomes the state's new value
    without a copy: `cache` must have no later use.

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
    Token t attends to the keys j with `sequence[1, t] <= j < sequence[2, t]`, of which `window`, if given, keeps the last
    `window`. So causality, packed sequences, padding and a cache are all said by the sequence table. Head h of the query uses head
    h * kv_heads / heads of keys and values (grouped-query attention, Ainslie et al. 2023).
    `p = softmax(s)`, `s = scale q kᵀ`, `result = p v`, `lse[t, h] = log(sum of exp(s))`, which is all that the backward pass keeps.
    With `softcap`, scores are bounded first: `s = softcap tanh(scale q kᵀ / softcap)` (Gemma 2).
    A token without keys (padding) gives 0 in both.

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
    With p = exp(s - lse) and d = rowsum(dy * o) (Dao et al. 2022, appendix B.4): `dv = pᵀ dy`, `ds = p * (dy vᵀ - d)`,
    `dq = scale ds k`, `dk = scale dsᵀ q`, over the same keys as `attention`; with `softcap`, ds is multiplied by 1 - (s / softcap)². Keys and values are those of the tokens (no cache).

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

//===----------------------------------------------------------------------===//
// Loss and update
//===----------------------------------------------------------------------===//

def Transformer_CrossEntropyOp : Transformer_DifferentiableOp<"cross_entropy"> {
  let summary = "Mean cross-entropy over the labelled tokens";
  let description = [{
    Over the tokens with `labels[t] >= 0`, of which there are n: `loss = (sum of lse[t] - logits[t, labels[t]]) / n`, where
    `lse[t] = log(sum over v of exp(logits[t, v]))`. Negative labels are not counted; n = 0 gives NaN, as in PyTorch.
    Labels are already shifted: `labels[t]` is what token t should predict.

    ```mlir
    %loss, %lse = transformer.cross_entropy %logits, %labels : tensor<?x259xf32>, tensor<?xi32> -> tensor<f32>, tensor<?xf32>
    ```

    Constraints:
    - (C1) `lse` has one value per token, of `loss`'s element type.
  }];
  let arguments = (ins Transformer_Activation:$logits, Transformer_Indices:$labels);
  let results = (outs Transformer_Scalar:$loss, Transformer_Vector:$lse);
  let assemblyFormat = "$logits `,` $labels attr-dict `:` type($logits) `,` type($labels) `->` type($loss) `,` type($lse)";
  let hasVerifier = 1;
}

def Transformer_CrossEntropyGradientOp : Transformer_Op<"cross_entropy_gradient", [Pure, AllTypesMatch<["logits", "result"]>]> {
  let summary = "Gradient of cross_entropy";
  let description = [{
    `result[t, v] = dloss / n * (exp(logits[t, v] - lse[t]) - (v == labels[t]))` for labelled tokens, 0 for the others.

    ```mlir
    %d = transformer.cross_entropy_gradient %dloss, %logits, %labels, %lse
         : tensor<f32>, tensor<?x259xf32>, tensor<?xi32>, tensor<?xf32>
    ```
  }];
  let arguments = (ins Transformer_Scalar:$dloss, Transformer_Activation:$logits, Transformer_Indices:$labels, Transformer_Vector:$lse);
  let results = (outs Transformer_Activation:$result);
  let assemblyFormat = [{
    $dloss `,` $logits `,` $labels `,` $lse attr-dict `:` type($dloss) `,` type($logits) `,` type($labels) `,` type($lse)
  }];
}

def Transformer_GradientNormOp : Transformer_Op<"gradient_norm", [Pure]> {
  let summary = "Global Euclidean norm of the gradients";
  let description = [{
    The square root of the sum of the squares of every gradient in `gradients`.

    ```mlir
    %norm = transformer.gradient_norm %g0, %g1 : tensor<f32>
    ```
  }];
  let arguments = (ins Variadic<Transformer_GradientsType>:$gradients);
  let results = (outs Transformer_Scalar:$norm);
  let assemblyFormat = "$gradients attr-dict `:` type($norm)";
}

def Transformer_AdamWOp : Transformer_Op<"adamw", [MemoryEffects<[MemRead<Transformer_Parameters>, MemWrite<Transformer_Parameters>]>]> {
  let summary = "AdamW update of every trainable parameter, in place";
  let description = [{
    Loshchilov and Hutter 2019, algorithm 2, as torch.optim.AdamW computes it. `hyperparameters` holds, in this order,
    lr, beta1, beta2, eps, weight_decay, the bias corrections 1 - beta1^k and 1 - beta2^k of step k, and the clipping threshold C
    (infinity for none). With g the gradient times min(1, C / (norm + 1e-6)):

    ```
    theta -= lr * weight_decay * theta
    m = beta1 m + (1 - beta1) g
    v = beta2 v + (1 - beta2) g²
    theta -= lr * (m / correction1) / (sqrt(v / correction2) + eps)
    ```

    Writes all slots of role `trainable` of the blocks that gave the gradients, and their moments.

    ```mlir
    transformer.adamw %g0, %g1 norm %norm hyperparameters %h : tensor<f32>, tensor<8xf32>
    ```

    Constraints:
    - (C1) `hyperparameters` has 8 values.
  }];
  let arguments = (ins Variadic<Transformer_GradientsType>:$gradients, Transformer_Scalar:$norm,
                       RankedTensorOf<[F32], [HasAnyRankOfPred<[1]>]>:$hyperparameters);
  let assemblyFormat = "$gradients `norm` $norm `hyperparameters` $hyperparameters attr-dict `:` type($norm) `,` type($hyperparameters)";
  let hasVerifier = 1;
}

def Transformer_SGDOp : Transformer_Op<"sgd", [MemoryEffects<[MemRead<Transformer_Parameters>, MemWrite<Transformer_Parameters>]>]> {
  let summary = "SGD update of every trainable parameter, in place";
  let description = [{
    With momentum as torch.optim.SGD (no dampening, no Nesterov) computes it; `hyperparameters` holds lr, momentum, weight_decay and the clipping threshold C.
    With g the gradient times min(1, C / (norm + 1e-6)), plus weight_decay * theta: `m = momentum m + g`, `theta -= lr m`.

    ```mlir
    transformer.sgd %g0 norm %norm hyperparameters %h : tensor<f32>, tensor<4xf32>
    ```

    Constraints:
    - (C1) `hyperparameters` has 4 values.
  }];
  let arguments = (ins Variadic<Transformer_GradientsType>:$gradients, Transformer_Scalar:$norm,
                       RankedTensorOf<[F32], [HasAnyRankOfPred<[1]>]>:$hyperparameters);
  let assemblyFormat = "$gradients `norm` $norm `hyperparameters` $hyperparameters attr-dict `:` type($norm) `,` type($hyperparameters)";
  let hasVerifier = 1;
}

#endif // LORA_MLIR_DIALECT_TRANSFORMER_IR_TRANSFORMEROPS_TD
