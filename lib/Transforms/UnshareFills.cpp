//===- UnshareFills.cpp - Every accumulation has its own zeros ------------===//
//
// CSE merges the equal initial values of accumulations; bufferization would
// then copy one buffer of zeros to the others. Filling is as cheap as copying,
// and a separate fill is computed in place, in the destination of the result.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Transforms/Passes.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/LoopLikeInterface.h"

namespace lora {
#define GEN_PASS_DEF_UNSHAREFILLS
#include "lora-mlir/Transforms/Passes.h.inc"
} // namespace lora

using namespace mlir;

/// Gives `use` its own fill.
static void unshare(OpOperand &use, linalg::FillOp fill) {
  OpBuilder builder(use.getOwner());
  auto copy = cast<linalg::FillOp>(builder.clone(*fill));
  if (auto empty = fill.output().getDefiningOp<tensor::EmptyOp>()) {
    builder.setInsertionPoint(copy);
    copy.getOutputsMutable().assign(builder.clone(*empty)->getResult(0));
  }
  use.set(copy.getResult(0));
}

namespace {
struct UnshareFills : public lora::impl::UnshareFillsBase<UnshareFills> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<linalg::FillOp> fills;
    getOperation()->walk([&](linalg::FillOp fill) {
      if (fill->getNumResults() == 1 && !fill->hasOneUse())
        fills.push_back(fill);
    });
    for (linalg::FillOp fill : fills) {
      // Uses that only read share the original.
      SmallVector<OpOperand *> updates;
      for (OpOperand &use : fill->getUses()) {
        // A tensor operand of a loop is loop-carried, or its output.
        auto op = dyn_cast<DestinationStyleOpInterface>(use.getOwner());
        if ((op && op.isDpsInit(&use)) ||
            isa<LoopLikeOpInterface>(use.getOwner()))
          updates.push_back(&use);
      }
      for (OpOperand *use : updates)
        unshare(*use, fill);
      numUnshared += updates.size();
      if (!fill->use_empty())
        continue;
      auto empty = fill.output().getDefiningOp<tensor::EmptyOp>();
      fill.erase();
      if (empty && empty->use_empty())
        empty.erase();
    }
  }
};
} // namespace
