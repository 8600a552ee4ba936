//===- BindPackedWeights.cpp - Packed weights as bytes --------------------===//
//
// A packed weight has no element addresses that generated code could use. From
// here on, only onednn operations see it, as opaque bytes with a layout.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Dialect/OneDNN/IR/OneDNNOps.h"
#include "lora-mlir/Dialect/OneDNN/Transforms/Passes.h"

namespace lora::onednn {
#define GEN_PASS_DEF_BINDPACKEDWEIGHTS
#include "lora-mlir/Dialect/OneDNN/Transforms/Passes.h.inc"
} // namespace lora::onednn

using namespace mlir;
using namespace lora::onednn;

namespace {

struct BindPackedWeightsPass
    : lora::onednn::impl::BindPackedWeightsBase<BindPackedWeightsPass> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<UnrealizedConversionCastOp> casts;
    WalkResult result =
        getOperation()->walk([&](UnrealizedConversionCastOp cast) {
          if (cast.getNumOperands() != 1 || cast.getNumResults() != 1)
            return WalkResult::advance();
          auto type = dyn_cast<RankedTensorType>(cast.getType(0));
          if (!type || !isa_and_nonnull<PackedAttr>(type.getEncoding()))
            return WalkResult::advance();
          casts.push_back(cast);
          return WalkResult(bind(cast, type));
        });
    if (result.wasInterrupted())
      return signalPassFailure();
    for (UnrealizedConversionCastOp cast : casts)
      cast.erase();
  }

private:
  /// Lets each user of `cast` read the bytes from which it was made.
  LogicalResult bind(UnrealizedConversionCastOp cast, RankedTensorType type) {
    auto layout = mlir::cast<PackedAttr>(type.getEncoding());
    auto shape = TypeAttr::get(
        RankedTensorType::get(type.getShape(), type.getElementType()));
    for (OpOperand &use : llvm::make_early_inc_range(cast->getUses())) {
      Operation *user = use.getOwner();
      if (auto matmul = dyn_cast<MatmulOp>(user);
          matmul && &use == &matmul.getBMutable()) {
        matmul.setBLayoutAttr(layout);
        matmul.setBShapeAttr(shape);
      } else if (auto gather = dyn_cast<GatherOp>(user)) {
        gather.setTableLayoutAttr(layout);
        gather.setTableShapeAttr(shape);
      } else {
        return user->emitOpError()
               << "expected a packed weight to be read only by onednn "
                  "operations that take its layout, but got "
               << type;
      }
      use.set(cast.getOperand(0));
    }
    return success();
  }
};

} // namespace
