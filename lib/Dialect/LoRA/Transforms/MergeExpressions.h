//===- MergeExpressions.h - Making and undoing #lora.merge ------*- C++ -*-===//

#ifndef LORA_MLIR_LIB_DIALECT_LORA_TRANSFORMS_MERGEEXPRESSIONS_H
#define LORA_MLIR_LIB_DIALECT_LORA_TRANSFORMS_MERGEEXPRESSIONS_H

#include "lora-mlir/Dialect/LoRA/IR/LoRAOps.h"

namespace lora {

/// `weight` + b diag(scale) a, rounded once to the type of `weight`. Joins a
/// merge that is already there, so that two adapters are rounded once together.
/// Null if an operand is null.
mlir::Attribute mergeExpr(mlir::Attribute weight, mlir::Attribute b,
                          mlir::Attribute a, mlir::DenseFPElementsAttr scale);

/// The merge inside of a weight expression that `mergeExpr` made, or null.
MergeAttr findMerge(mlir::Attribute expr);

/// What `mergeExpr` was given as the weight.
mlir::Attribute unmergedExpr(mlir::Attribute expr);

/// Rows [offset, offset + rank) of an expression, where they are an operand of
/// a concatenation or everything; null otherwise.
mlir::Attribute rowsOf(mlir::Attribute expr, int64_t offset, int64_t rank);

mlir::DenseFPElementsAttr sliceScale(mlir::DenseFPElementsAttr scale,
                                     int64_t offset, int64_t rank);
/// The scales of two branches, one behind the other, in f32.
mlir::DenseFPElementsAttr concatScales(mlir::DenseFPElementsAttr first,
                                       mlir::DenseFPElementsAttr second);

/// Folds the selected branches of a block into weight expressions, with remarks
/// on those that it leaves. Returns how many were folded.
int64_t mergeBranches(mlir::func::FuncOp block,
                      llvm::ArrayRef<transformer::ApplyOp> applies,
                      llvm::function_ref<bool(mlir::Operation *)> isSelected);

} // namespace lora

#endif // LORA_MLIR_LIB_DIALECT_LORA_TRANSFORMS_MERGEEXPRESSIONS_H
