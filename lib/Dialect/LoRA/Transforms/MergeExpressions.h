//===- MergeExpressions.h - Making and undoing #lora.merge ------*- C++ -*-===//
//
// Building and inverting the weight expressions of merged branches. The result
// of unmergedExpr(mergeExpr(w, ...)) is w again.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_DIALECT_LORA_TRANSFORMS_MERGEEXPRESSIONS_H
#define LORA_MLIR_LIB_DIALECT_LORA_TRANSFORMS_MERGEEXPRESSIONS_H

#include "lora-mlir/Dialect/LoRA/IR/LoRAOps.h"

namespace lora {

/// The expression `weight` + b diag(scale) a, rounded once to the type of
/// `weight`. If `weight` is a merge already, the two are joined, so that both
/// adapters are rounded once together. Null if an operand is null.
mlir::Attribute mergeExpr(mlir::Attribute weight, mlir::Attribute b,
                          mlir::Attribute a, mlir::DenseFPElementsAttr scale);

/// The merge inside a weight expression that `mergeExpr` made, or null.
MergeAttr findMerge(mlir::Attribute expr);

/// The weight that was passed to `mergeExpr`.
mlir::Attribute unmergedExpr(mlir::Attribute expr);

/// Rows [offset, offset + rank) of an expression, if they are an operand of a
/// concatenation or the whole expression; otherwise null.
mlir::Attribute rowsOf(mlir::Attribute expr, int64_t offset, int64_t rank);

mlir::DenseFPElementsAttr sliceScale(mlir::DenseFPElementsAttr scale,
                                     int64_t offset, int64_t rank);
/// The scales of two branches, one after the other, in f32.
mlir::DenseFPElementsAttr concatScales(mlir::DenseFPElementsAttr first,
                                       mlir::DenseFPElementsAttr second);

/// Folds the selected branches of a block into weight expressions. A remark
/// says why a branch was not folded. Returns the number of folded branches.
int64_t mergeBranches(mlir::func::FuncOp block,
                      llvm::ArrayRef<transformer::ApplyOp> applies,
                      llvm::function_ref<bool(mlir::Operation *)> isSelected);

} // namespace lora

#endif // LORA_MLIR_LIB_DIALECT_LORA_TRANSFORMS_MERGEEXPRESSIONS_H
