//===- TransformerElementwiseOps.td - Elementwise operations -*- tablegen -*-===//
//
// Defines elementwise operations and operations on features, with their
// gradients. The semantics of each operation is its formula; its constraints
// (Cn) are verified in lib/Dialect/Transformer/IR/TransformerOps.cpp.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_DIALECT_TRANSFORMER_IR_TRANSFORMERELEMENTWISEOPS_TD
#define LORA_MLIR_DIALECT_TRANSFORMER_IR_TRANSFORMERELEMENTWISEOPS_TD

include "lora-mlir/Dialect/Transformer/IR/TransformerOpBase.td"

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
    %y = transformer.activation %x {kind = silu} : tensor<?x80xf32>
    ```
  }];
  let arguments = (ins Transformer_Activation:$x, Transformer_ActivationKindAttr:$kind);
  let results = (outs Transformer_Activation:$result);
  let assemblyFormat = "$x custom<KindDict>($kind, attr-dict) `:` type($result)";
}

def Transformer_ActivationGradientOp : Transformer_Op<"activation_gradient", [Pure, SameOperandsAndResultType]> {
  let summary = "Gradient of an activation: dx = dy f'(x)";
  let description = [{
    ```mlir
    %dx = transformer.activation_gradient %dy, %x {kind = silu} : tensor<?x80xf32>
    ```
  }];
  let arguments = (ins Transformer_Activation:$dy, Transformer_Activation:$x, Transformer_ActivationKindAttr:$kind);
  let results = (outs Transformer_Activation:$result);
  let assemblyFormat = "$dy `,` $x custom<KindDict>($kind, attr-dict) `:` type($result)";
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
    `result = x * factor`. `factor` is not rounded to the type of `x`.

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
  let summary = "Gradient of softcap, from its result: dx = dy (1 - (y / cap)²)";
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

#endif // LORA_MLIR_DIALECT_TRANSFORMER_IR_TRANSFORMERELEMENTWISEOPS_TD
