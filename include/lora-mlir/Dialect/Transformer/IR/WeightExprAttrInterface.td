//===- WeightExprAttrInterface.td - Weight expressions -------*- tablegen -*-===//
//
// Defines the interface of weight expressions, by which lib/Weights evaluates
// those of any dialect, and verifiers check their types.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_DIALECT_TRANSFORMER_IR_WEIGHTEXPRATTRINTERFACE_TD
#define LORA_MLIR_DIALECT_TRANSFORMER_IR_WEIGHTEXPRATTRINTERFACE_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/OpBase.td"

def WeightExprAttrInterface : AttrInterface<"WeightExprAttrInterface"> {
  let cppNamespace = "::lora::transformer";
  let description = [{
    A value of a parameter that is computed at compile time from the tensors of checkpoints and
    adapters. Expressions can be nested; the leaves name tensors relative to the block.
  }];
  let methods = [
    InterfaceMethod<"The shape and element type of the value.",
      "::mlir::RankedTensorType", "getValueType">,
    InterfaceMethod<"The sub-expressions, in the order of evaluation; empty for a leaf.",
      "::llvm::SmallVector<::mlir::Attribute>", "getOperandExprs">
  ];
}

#endif // LORA_MLIR_DIALECT_TRANSFORMER_IR_WEIGHTEXPRATTRINTERFACE_TD
