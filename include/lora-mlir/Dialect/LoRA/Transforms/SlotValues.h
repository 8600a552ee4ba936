//===- SlotValues.h - Weight expressions of slots -------------------------===//
//
// Makes expressions, and sets them for a block or for one of its applications.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_DIALECT_LORA_TRANSFORMS_SLOTVALUES_H
#define LORA_MLIR_DIALECT_LORA_TRANSFORMS_SLOTVALUES_H

#include "lora-mlir/Dialect/LoRA/IR/LoRAOps.h"

namespace lora {

/// `expr` rounded to `elementType`; unchanged if it has this type.
mlir::Attribute castExpr(mlir::Attribute expr, mlir::Type elementType);

/// The operand of a cast of a leaf or of a concatenation; other expressions are
/// returned unchanged. Use it only for arithmetic in f32 on expressions of at
/// most that precision.
mlir::Attribute stripCast(mlir::Attribute expr);

/// Concatenates two expressions along `dim`. If their types differ, they are
/// widened to f32.
mlir::Attribute concatExprs(mlir::Attribute first, mlir::Attribute second,
                            int64_t dim);

/// A matrix expression with its dimensions exchanged: for a transposition its
/// operand, for a concatenation that of the transposed parts.
mlir::Attribute transposeExpr(mlir::Attribute expr);

/// The name of the tensor that a leaf stands for; null for other expressions.
mlir::StringAttr leafName(mlir::Attribute expr);

/// The type of a weight expression.
mlir::RankedTensorType exprType(mlir::Attribute expr);

/// `rank` times the same scale.
mlir::DenseFPElementsAttr splatScale(mlir::MLIRContext *context, int64_t rank,
                                     double scale);

/// Sets the value of a slot at an application, or removes it if the block has
/// the same value.
void setSlotValue(transformer::ApplyOp apply, mlir::func::FuncOp block,
                  unsigned index, mlir::Attribute value);

/// Sets the value of a slot for all applications without their own value. A
/// base tensor with the name and type of the slot needs no attribute.
void setSlotValue(mlir::func::FuncOp block, unsigned index,
                  mlir::Attribute value);

/// Changes the value of a slot for all applications at `path`. `change` gets
/// the old value and returns the new one, or null if it stays the same. Fails
/// if `change` fails.
mlir::LogicalResult changeSlotValues(
    mlir::ModuleOp module,
    llvm::function_ref<mlir::FailureOr<mlir::Attribute>(
        transformer::ApplyOp apply, mlir::func::FuncOp block, unsigned index)>
        change);

/// All applications in a module, by block.
llvm::MapVector<mlir::func::FuncOp, llvm::SmallVector<transformer::ApplyOp>>
collectApplies(mlir::ModuleOp module);

/// Removes arguments without uses for which `isCandidate` is true, and their
/// entries in the values of applications.
void eraseUnusedSlots(
    mlir::func::FuncOp block, llvm::ArrayRef<transformer::ApplyOp> applies,
    llvm::function_ref<bool(llvm::StringRef slot)> isCandidate);

} // namespace lora

#endif // LORA_MLIR_DIALECT_LORA_TRANSFORMS_SLOTVALUES_H
