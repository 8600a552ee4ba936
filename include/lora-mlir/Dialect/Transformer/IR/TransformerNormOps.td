//===- TransformerNormOps.td - Normalizations --------------*- tablegen -*-===//
//
// Defines RMSNorm and LayerNorm with their gradients. The semantics of each
// operation is its formula; its constraints (Cn) are verified in
// lib/Dialect/Transformer/IR/TransformerOps.cpp.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_DIALECT_TRANSFORMER_IR_TRANSFORMERNORMOPS_TD
#define LORA_MLIR_DIALECT_TRANSFORMER_IR_TRANSFORMERNORMOPS_TD

include "lora-mlir/Dialect/Transformer/IR/TransformerOpBase.td"

//===----------------------------------------------------------------------===//
// Normalization
//===----------------------------------------------------------------------===//

def Transformer_RMSNormOp : Transformer_DifferentiableOp<"rms_norm", [AllTypesMatch<["x", "result"]>]> {
  let summary = "Root-mean-square normalization of each group of features";
  let description = [{
    Each row of `x` is a sequence of groups as wide as `weight`. Each group is normalized separately
    (Zhang and Sennrich 2019, eq. 4): `y = x / sqrt(mean(x²) + eps) * weight`. The norm of a hidden
    state has one group per row; Qwen3's norm of queries and keys has one per head.

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
    With r = 1 / sqrt(mean(x²) + eps) and g = dy * weight, per group of width n:
    `dx = r g - x r³ (sum of g x) / n`.

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
    Over the features of a row, n of them (Ba et al. 2016, eq. 4):
    `y = (x - mean(x)) / sqrt(mean((x - mean(x))²) + eps) * weight + bias`.

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
    With h = (x - mean(x)) r, r = 1 / sqrt(mean((x - mean(x))²) + eps), and g = dy * weight:
    `dx = r (g - mean(g) - h mean(g h))`.

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
    `result[i] = sum over tokens of dy * h`, h as in `layer_norm_gradient`. The gradient of the bias
    is `sum_tokens` of dy.

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

#endif // LORA_MLIR_DIALECT_TRANSFORMER_IR_TRANSFORMERNORMOPS_TD
