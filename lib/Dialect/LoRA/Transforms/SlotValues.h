//===- SlotValues.h - Weight expressions and the slots they fill ----------===//
//
// Making expressions, and setting them for a block or for one place of it.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_DIALECT_LORA_TRANSFORMS_SLOTVALUES_H
#define LORA_MLIR_LIB_DIALECT_LORA_TRANSFORMS_SLOTVALUES_H

#include "lora-mlir/Dialect/LoRA/IR/LoRAOps.h"

namespace lora {

/// `expr` rounded to `type`'s element type; the same where it has it.
mlir::Attribute castExpr(mlir::Attribute expr, mlir::Type elementType);

/// The operand of a cast of a leaf or of a concatenation; others as they are.
/// Only for arithmetic in f32 on expressions of at most that precision.
mlir::Attribute stripCast(mlir::Attribute expr);

/// Concatenates two expressions along `dim`; where their types differ they are
/// widened to f32.
mlir::Attribute concatExprs(mlir::Attribute first, mlir::Attribute second,
                            int64_t dim);

/// A matrix expression with its dimensions exchanged; of a transposed one its
/// operand, of a concatenation that of the parts.
mlir::Attribute transposeExpr(mlir::Attribute expr);

/// The type of a weight expression.
mlir::RankedTensorType exprType(mlir::Attribute expr);

/// `rank` times the same scale.
mlir::DenseFPElementsAttr splatScale(mlir::MLIRContext *context, int64_t rank,
                                     double scale);

/// Sets or removes (if it is what the block says) the value of a slot at a
/// place.
void setSlotValue(transformer::ApplyOp apply, mlir::func::FuncOp block,
                  unsigned index, mlir::Attribute value);

/// Sets the value of a slot for all places that do not say otherwise; a plain
/// base tensor of the slot's name and type needs no attribute.
void setSlotValue(mlir::func::FuncOp block, unsigned index,
                  mlir::Attribute value);

/// Sets the value of a slot that all applications at `path` see; `change` makes
/// the new value of the old one, and leaves null what stays. Fails if it does.
mlir::LogicalResult changeSlotValues(
    mlir::ModuleOp module,
    llvm::function_ref<mlir::FailureOr<mlir::Attribute>(
        transformer::ApplyOp apply, mlir::func::FuncOp block, unsigned index)>
        change);

/// All applications in a module, by block.
llvm::MapVector<mlir::func::FuncOp, llvm::SmallVector<transformer::ApplyOp>>
collectApplies(mlir::ModuleOp module);

/// Removes arguments without uses that `isCandidate` accepts, and their entries
/// in the values of applications.
void eraseUnusedSlots(
    mlir::func::FuncOp block, llvm::ArrayRef<transformer::ApplyOp> applies,
    llvm::function_ref<bool(llvm::StringRef slot)> isCandidate);

} // namespace lora

#endif // LORA_MLIR_LIB_DIALECT_LORA_TRANSFORMS_SLOTVALUES_H
