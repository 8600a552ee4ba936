//===- ApproximateMath.cpp - Functions in line instead of libm ------------===//
//
// A function is approximated if its polynomial has an error of a few units in
// the last place over the whole range, in f32. Upstream's sine and cosine do
// not have this accuracy near multiples of pi, so they are left out. f64 is
// never approximated.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Transforms/Passes.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace lora {
#define GEN_PASS_DEF_APPROXIMATEMATH
#include "lora-mlir/Transforms/Passes.h.inc"
} // namespace lora

using namespace mlir;
using namespace lora;

namespace {

struct ApproximateMath final
    : lora::impl::ApproximateMathBase<ApproximateMath> {
  using Base::Base;

  void runOnOperation() override {
    auto isGood = [](StringRef name) {
      return name == math::ExpOp::getOperationName() ||
             name == math::LogOp::getOperationName() ||
             name == math::Log1pOp::getOperationName() ||
             name == math::TanhOp::getOperationName() ||
             name == math::ErfOp::getOperationName();
    };
    auto count = [&] {
      int64_t found = 0;
      getOperation()->walk([&](Operation *op) {
        found += isGood(op->getName().getStringRef());
      });
      return found;
    };
    int64_t before = count();
    RewritePatternSet patterns(&getContext());
    populateMathF32ExpansionPatterns(patterns, isGood);
    populateMathPolynomialApproximationPatterns(patterns, isGood);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    numApproximated += before - count();
  }
};

} // namespace
