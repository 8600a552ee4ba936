//===- TransformerOpBase.td - Base classes of operations ---*- tablegen -*-===//
//
// Defines the base classes of the operations of the dialect. The files
// Transformer*Ops.td include it.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_DIALECT_TRANSFORMER_IR_TRANSFORMEROPBASE_TD
#define LORA_MLIR_DIALECT_TRANSFORMER_IR_TRANSFORMEROPBASE_TD

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

/// An operation on values with a reverse-mode rule.
class Transformer_DifferentiableOp<string mnemonic, list<Trait> traits = []>
    : Transformer_Op<mnemonic, traits # [Pure, DeclareOpInterfaceMethods<DifferentiableOpInterface>]>;

#endif // LORA_MLIR_DIALECT_TRANSFORMER_IR_TRANSFORMEROPBASE_TD
