//===- TransformerOps.h - The transformer dialect ---------------*- C++ -*-===//
//
// Declarations of the dialect's operations, attributes and interfaces, and the
// helpers that read the slots of a block.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_DIALECT_TRANSFORMER_IR_TRANSFORMEROPS_H
#define LORA_MLIR_DIALECT_TRANSFORMER_IR_TRANSFORMEROPS_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "lora-mlir/Dialect/Transformer/IR/ModelFacts.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerEnums.h.inc"
#include "lora-mlir/Dialect/Transformer/IR/WeightExprAttrInterface.h.inc"

#include "lora-mlir/Dialect/Transformer/IR/DifferentiableOpInterface.h.inc"
#include "lora-mlir/Dialect/Transformer/IR/TransformerDialect.h.inc"

#define GET_TYPEDEF_CLASSES
#include "lora-mlir/Dialect/Transformer/IR/TransformerTypes.h.inc"

#define GET_ATTRDEF_CLASSES
#include "lora-mlir/Dialect/Transformer/IR/TransformerAttributes.h.inc"

namespace lora::transformer {
/// The resource of side effects on parameters and state.
struct ParameterResource
    : public mlir::SideEffects::Resource::Base<ParameterResource> {
  llvm::StringRef getName() final { return "transformer.parameters"; }
};
} // namespace lora::transformer

#define GET_OP_CLASSES
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h.inc"

namespace lora::transformer {

/// The model's facts on a module, or none.
std::optional<ModelFacts> getModelFacts(mlir::ModuleOp module);
void setModelFacts(mlir::ModuleOp module, const ModelFacts &facts);

/// What argument `index` of an entry is given; empty for one that is not
/// marked.
llvm::StringRef getInputName(mlir::func::FuncOp entry, unsigned index);
/// What result `index` of an entry is; empty for one that is not marked.
llvm::StringRef getOutputName(mlir::func::FuncOp entry, unsigned index);

/// The slot name of argument `index` of a block, or null for a plain value.
mlir::StringAttr getSlotName(mlir::func::FuncOp block, unsigned index);

/// The role of argument `index`, which has a slot; `frozen` if none is given.
Role getSlotRole(mlir::func::FuncOp block, unsigned index);

/// The weight expression of argument `index`, which has a slot that is not a
/// state: `transformer.value`, or the base tensor of the slot's name and type.
mlir::Attribute getSlotValue(mlir::func::FuncOp block, unsigned index);

/// The weight expression of argument `index` when `apply` applies `block`: an
/// entry of `apply`'s `values`, or the block's.
mlir::Attribute getSlotValue(ApplyOp apply, mlir::func::FuncOp block,
                             unsigned index);

/// The index of the argument with this slot; nullopt if there is none.
std::optional<unsigned> findSlot(mlir::func::FuncOp block,
                                 llvm::StringRef name);

/// Whether result `index` of a block is returned by `transformer.apply` as a
/// value (it is neither a state's next value nor a gradient).
bool isValueResult(mlir::func::FuncOp block, unsigned index);

/// The full name of a slot: `path.name`, or `name` if the path is empty.
std::string joinPath(llvm::StringRef path, llvm::StringRef name);

/// `loc` with a new name. IR that prints names calls the value by it.
mlir::Location namedLoc(llvm::StringRef name, mlir::Location loc);

/// The result types of an application of `block` (constraint C3 of apply).
llvm::SmallVector<mlir::Type> getApplyResultTypes(mlir::func::FuncOp block);

/// f64 for f64, f32 for all narrower types. It is the type of accumulation and
/// of the gradients of parameters.
mlir::Type getAccumulationType(mlir::Type elementType);

} // namespace lora::transformer

#endif // LORA_MLIR_DIALECT_TRANSFORMER_IR_TRANSFORMEROPS_H
