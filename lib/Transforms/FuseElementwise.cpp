//===- FuseElementwise.cpp - Fusion that computes nothing twice -----------===//
//
// Upstream's fusion of elementwise operations with a restriction. A producer is
// fused only if each of its values is computed once, or outside the innermost
// loop of the consumer. So an activation is not fused into a matrix product.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Transforms/Passes.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace lora {
#define GEN_PASS_DEF_FUSEELEMENTWISE
#include "lora-mlir/Transforms/Passes.h.inc"
} // namespace lora

using namespace mlir;

/// Whether the producer of `operand` should be fused into its consumer.
static bool isWorthFusing(OpOperand *operand) {
  auto consumer = dyn_cast<linalg::GenericOp>(operand->getOwner());
  auto producer = operand->get().getDefiningOp<linalg::GenericOp>();
  if (!consumer || !producer || !producer->hasOneUse())
    return false;
  AffineMap map = consumer.getMatchingIndexingMap(operand);
  unsigned numLoops = consumer.getNumLoops();
  // Every loop indexes the operand, so each value is computed once.
  if (map.isPermutation())
    return true;
  // The operand is the same for a whole innermost loop.
  if (numLoops == 0 || map.isFunctionOfDim(numLoops - 1))
    return false;
  for (unsigned i = 0; i + 1 < numLoops; ++i)
    if (!map.isFunctionOfDim(i))
      return false;
  return true;
}

namespace {
struct FuseElementwise
    : public lora::impl::FuseElementwiseBase<FuseElementwise> {
  using Base::Base;

  void runOnOperation() override {
    MLIRContext *context = &getContext();
    auto countGenerics = [&] {
      int64_t count = 0;
      getOperation()->walk([&](linalg::GenericOp) { ++count; });
      return count;
    };
    int64_t before = countGenerics();
    RewritePatternSet patterns(context);
    linalg::populateElementwiseOpsFusionPatterns(patterns, isWorthFusing);
    linalg::populateEraseUnusedOperandsAndResultsPatterns(patterns);
    affine::AffineApplyOp::getCanonicalizationPatterns(patterns, context);
    linalg::GenericOp::getCanonicalizationPatterns(patterns, context);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    numFused += before - countGenerics();
  }
};
} // namespace
