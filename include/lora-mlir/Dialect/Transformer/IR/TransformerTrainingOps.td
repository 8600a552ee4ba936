//===- TransformerTrainingOps.td - Loss and update ---------*- tablegen -*-===//
//
// Defines the loss with its gradient, the norm of all gradients, and the
// updates of the optimizers. The semantics of each operation is its formula;
// its constraints (Cn) are verified in
// lib/Dialect/Transformer/IR/TransformerOps.cpp.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_DIALECT_TRANSFORMER_IR_TRANSFORMERTRAININGOPS_TD
#define LORA_MLIR_DIALECT_TRANSFORMER_IR_TRANSFORMERTRAININGOPS_TD

include "lora-mlir/Dialect/Transformer/IR/TransformerOpBase.td"

//===----------------------------------------------------------------------===//
// Loss and update
//===----------------------------------------------------------------------===//

def Transformer_CrossEntropyOp : Transformer_DifferentiableOp<"cross_entropy"> {
  let summary = "Mean cross-entropy over the labelled tokens";
  let description = [{
    The mean over the n tokens with `labels[t] >= 0`: `loss = (sum of lse[t] - logits[t, labels[t]])
    / n`, where `lse[t] = log(sum over v of exp(logits[t, v]))`. Negative labels are not counted; n
    = 0 gives NaN, as in PyTorch. Labels are already shifted: `labels[t]` is what token t should
    predict.

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
    `result[t, v] = dloss / n * (exp(logits[t, v] - lse[t]) - (v == labels[t]))` for labelled
    tokens, 0 for the others.

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
    The formula is that of Loshchilov and Hutter 2019, algorithm 2, as torch.optim.AdamW computes
    it. `hyperparameters` contains, in this order, lr, beta1, beta2, eps, weight_decay, the bias
    corrections 1 - beta1^k and 1 - beta2^k of step k, and the clipping threshold C (infinity for
    none). With g the gradient times min(1, C / (norm + 1e-6)):

    ```
    theta -= lr * weight_decay * theta
    m = beta1 m + (1 - beta1) g
    v = beta2 v + (1 - beta2) g²
    theta -= lr * (m / correction1) / (sqrt(v / correction2) + eps)
    ```

    Writes all slots with the role `trainable` of the blocks that the gradients come from, and their
    moments.

    ```mlir
    transformer.adamw %g0, %g1 norm %norm hyperparameters %h : tensor<f32>, tensor<8xf32>
    ```

    Constraints:
    - (C1) `hyperparameters` has 8 values.
  }];
  let arguments = (ins Variadic<Transformer_GradientsType>:$gradients, Transformer_Scalar:$norm,
                       RankedTensorOf<[F32], [HasAnyRankOfPred<[1]>], "1D tensor">:$hyperparameters);
  let assemblyFormat = "$gradients `norm` $norm `hyperparameters` $hyperparameters attr-dict `:` type($norm) `,` type($hyperparameters)";
  let hasVerifier = 1;
}

def Transformer_SGDOp : Transformer_Op<"sgd", [MemoryEffects<[MemRead<Transformer_Parameters>, MemWrite<Transformer_Parameters>]>]> {
  let summary = "SGD update of every trainable parameter, in place";
  let description = [{
    The formula has momentum, as torch.optim.SGD computes it (no dampening, no Nesterov).
    `hyperparameters` contains lr, momentum, weight_decay and the clipping threshold C. With g the
    gradient times min(1, C / (norm + 1e-6)), plus weight_decay * theta: `m = momentum m + g`,
    `theta -= lr m`.

    ```mlir
    transformer.sgd %g0 norm %norm hyperparameters %h : tensor<f32>, tensor<4xf32>
    ```

    Constraints:
    - (C1) `hyperparameters` has 4 values.
  }];
  let arguments = (ins Variadic<Transformer_GradientsType>:$gradients, Transformer_Scalar:$norm,
                       RankedTensorOf<[F32], [HasAnyRankOfPred<[1]>], "1D tensor">:$hyperparameters);
  let assemblyFormat = "$gradients `norm` $norm `hyperparameters` $hyperparameters attr-dict `:` type($norm) `,` type($hyperparameters)";
  let hasVerifier = 1;
}

#endif // LORA_MLIR_DIALECT_TRANSFORMER_IR_TRANSFORMERTRAININGOPS_TD
