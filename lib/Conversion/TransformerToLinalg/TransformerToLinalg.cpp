//===- TransformerToLinalg.cpp - The pass ---------------------------------===//
//
// After the pass, the only operations of `transformer` and `lora` in a function
// are applications of blocks, and operations on the gradients of whole blocks.
//
//===----------------------------------------------------------------------===//

#include "Decomposition.h"
#include "lora-mlir/Conversion/Passes.h"
#include "lora-mlir/Dialect/LoRA/IR/LoRAOps.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace lora {
#define GEN_PASS_DEF_CONVERTTRANSFORMERTOLINALG
#include "lora-mlir/Conversion/Passes.h.inc"
} // namespace lora

using namespace mlir;
using namespace lora;

void lora::populateTransformerToLinalgPatterns(RewritePatternSet &patterns,
                                               AttentionLowering attention) {
  populateLinearAlgebraDecompositions(patterns);
  populateElementwiseDecompositions(patterns);
  populateNormDecompositions(patterns);
  populatePositionDecompositions(patterns);
  populateLossDecompositions(patterns);
  if (attention == AttentionLowering::Reference) {
    populateAttentionReferenceDecompositions(patterns);
  } else {
    populateAttentionLoopDecompositions(patterns);
    populateAttentionGradientLoopDecompositions(patterns);
  }
}

namespace {

/// Whether `op` has a decomposition. Every operation on values has one.
bool isDecomposable(Operation *op) {
  if (isa_and_present<LoRADialect>(op->getDialect()))
    return true;
  return isa_and_present<transformer::TransformerDialect>(op->getDialect()) &&
         !isa<transformer::ApplyOp, transformer::GradientNormOp,
              transformer::AdamWOp, transformer::SGDOp>(op);
}

struct ConvertTransformerToLinalg
    : lora::impl::ConvertTransformerToLinalgBase<ConvertTransformerToLinalg> {
  using Base::Base;

  void runOnOperation() override {
    getOperation().walk([&](Operation *op) {
      if (!isDecomposable(op))
        return;
      ++numDecomposed;
      // Each loop gets the name of the operation that it computes. Profiles
      // print it.
      auto name =
          StringAttr::get(op->getContext(), op->getName().stripDialect());
      op->setLoc(FusedLoc::get(op->getContext(), {op->getLoc()}, name));
    });
    RewritePatternSet patterns(&getContext());
    populateTransformerToLinalgPatterns(patterns, attention);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    WalkResult left = getOperation().walk([](Operation *op) {
      if (!isDecomposable(op))
        return WalkResult::advance();
      op->emitOpError() << "expected operands without a layout, because the "
                           "decomposition reads plain tensors";
      return WalkResult::interrupt();
    });
    if (left.wasInterrupted())
      signalPassFailure();
  }
};

} // namespace
