//===- TransformerTypes.td - Types and constraints -----------*- tablegen -*-===//
//
// Defines the dialect's type, and the constraints on tensors that operations of
// the transformer and lora dialects use.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_DIALECT_TRANSFORMER_IR_TRANSFORMERTYPES_TD
#define LORA_MLIR_DIALECT_TRANSFORMER_IR_TRANSFORMERTYPES_TD

include "lora-mlir/Dialect/Transformer/IR/TransformerDialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/CommonTypeConstraints.td"

def Transformer_GradientsType : TypeDef<Transformer_Dialect, "Gradients"> {
  let mnemonic = "gradients";
  let summary = "The gradients that one application of a block has written";
  let description = [{
    Stands for the values of all results tagged `transformer.grad` of an applied block. So a
    training step needs no list of all parameters: each apply returns one such value, and the update
    takes one for each apply. The values are in the gradient region of the workspace.
  }];
}

def Transformer_Float : AnyTypeOf<[F32, F64, BF16, F16]>;
/// Activations: [tokens, features].
def Transformer_Activation : RankedTensorOf<[F32, F64, BF16, F16], [HasAnyRankOfPred<[2]>], "2D tensor">;
/// Weights of a linear layer or a table: [out, in] or [rows, features].
def Transformer_Matrix : RankedTensorOf<[F32, F64, BF16, F16], [HasAnyRankOfPred<[2]>], "2D tensor">;
/// One value per feature or per token.
def Transformer_Vector : RankedTensorOf<[F32, F64, BF16, F16], [HasAnyRankOfPred<[1]>], "1D tensor">;
/// A scalar as a tensor of rank 0.
def Transformer_Scalar : RankedTensorOf<[F32, F64], [HasAnyRankOfPred<[0]>], "0D tensor">;
/// One index per token: token ids, labels.
def Transformer_Indices : RankedTensorOf<[I32], [HasAnyRankOfPred<[1]>], "1D tensor">;
/// The sequence table, [4, tokens]: position, first key, end of keys, cache row.
def Transformer_Sequence : RankedTensorOf<[I32], [HasAnyRankOfPred<[2]>], "2D tensor">;

#endif // LORA_MLIR_DIALECT_TRANSFORMER_IR_TRANSFORMERTYPES_TD
