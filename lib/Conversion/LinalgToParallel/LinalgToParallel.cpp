//===- LinalgToParallel.cpp - Everything on buffers becomes loops ---------===//
//
// After this pass a function has no linalg operation, no scf.forall and no
// copy: outermost parallel loops are scf.parallel, what is inside them is
// serial.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Conversion/Passes.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Linalg/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/Transforms.h"

namespace lora {
#define GEN_PASS_DEF_CONVERTLINALGTOPARALLEL
#include "lora-mlir/Conversion/Passes.h.inc"
} // namespace lora

using namespace mlir;

template <typename OpT> static SmallVector<OpT> collect(Operation *root) {
  SmallVector<OpT> ops;
  root->walk([&](OpT op) { ops.push_back(op); });
  return ops;
}

namespace {
struct LinalgToParallel
    : public lora::impl::ConvertLinalgToParallelBase<LinalgToParallel> {
  using Base::Base;

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    IRRewriter rewriter(&getContext());
    for (auto forall : collect<scf::ForallOp>(function)) {
      rewriter.setInsertionPoint(forall);
      if (failed(scf::forallToParallelLoop(rewriter, forall, nullptr))) {
        forall.emitOpError() << "expected a loop on buffers";
        return signalPassFailure();
      }
    }
    for (auto copy : collect<memref::CopyOp>(function)) {
      rewriter.setInsertionPoint(copy);
      linalg::makeMemRefCopyOp(rewriter, copy.getLoc(), copy.getSource(),
                               copy.getTarget());
      rewriter.eraseOp(copy);
      ++numCopies;
    }
    for (auto op : collect<linalg::LinalgOp>(function)) {
      rewriter.setInsertionPoint(op);
      bool nested = bool(op->getParentOfType<scf::ParallelOp>());
      if (failed(nested ? linalg::linalgOpToLoops(rewriter, op)
                        : linalg::linalgOpToParallelLoops(rewriter, op))) {
        op.emitOpError() << "expected an operation on buffers";
        return signalPassFailure();
      }
      rewriter.eraseOp(op);
    }
  }
};
} // namespace
