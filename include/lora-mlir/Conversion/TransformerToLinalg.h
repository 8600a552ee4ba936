//===- TransformerToLinalg.h - What the operations mean ---------*- C++ -*-===//
//
// The decompositions of the operations of `transformer` and `lora` into
// upstream dialects, and the formulas of the optimizer steps.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_CONVERSION_TRANSFORMERTOLINALG_H
#define LORA_MLIR_CONVERSION_TRANSFORMERTOLINALG_H

#include "mlir/IR/PatternMatch.h"

namespace lora {

/// How attention and its gradient are decomposed.
enum class AttentionLowering {
  /// Plain tensors of all scores, [tokens, keys] per head: the definition.
  Reference,
  /// Parallel loops over each token's own keys. No scores are stored.
  Loops,
};

/// Adds a pattern for every operation of `transformer` and `lora` on values.
void populateTransformerToLinalgPatterns(mlir::RewritePatternSet &patterns,
                                         AttentionLowering attention);

/// Builds the step of `transformer.adamw` for a flat region, in place. `theta`,
/// `gradient`, `moment1`, `moment2` are [P], `norm` has rank 0,
/// `hyperparameters` is [8]. All have one element type, and all are memrefs or
/// all tensors. Returns the new theta and moments for tensors, nothing for
/// memrefs.
llvm::SmallVector<mlir::Value>
buildAdamW(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value theta,
           mlir::Value gradient, mlir::Value moment1, mlir::Value moment2,
           mlir::Value norm, mlir::Value hyperparameters);

/// Builds the step of `transformer.sgd` in the same way; `hyperparameters` is
/// [4].
llvm::SmallVector<mlir::Value> buildSGD(mlir::OpBuilder &builder,
                                        mlir::Location loc, mlir::Value theta,
                                        mlir::Value gradient,
                                        mlir::Value momentum, mlir::Value norm,
                                        mlir::Value hyperparameters);

/// Builds `transformer.gradient_norm` of a flat region, a memref or tensor [P].
/// Returns a scalar of its element type. Squares are summed in f64, because
/// there are many of them and all are positive.
mlir::Value buildGradientNorm(mlir::OpBuilder &builder, mlir::Location loc,
                              mlir::Value gradient);

} // namespace lora

#endif // LORA_MLIR_CONVERSION_TRANSFORMERTOLINALG_H
