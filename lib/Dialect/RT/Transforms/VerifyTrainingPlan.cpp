//===- VerifyTrainingPlan.cpp - No dense delta in the workspace -----------===//
//
// lora-verify-training-memory proves on the graph that no value has both
// dimensions of an adapted weight. This pass proves it again on the memory
// plan. The size of a frame is a constant plus a term in the number of tokens.
// So frames for two numbers of tokens determine the constant, and a dense
// gradient or delta would be part of it.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Dialect/RT/IR/RTOps.h"
#include "lora-mlir/Dialect/RT/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace lora::rt {
#define GEN_PASS_DEF_VERIFYTRAININGPLAN
#include "lora-mlir/Dialect/RT/Transforms/Passes.h.inc"
} // namespace lora::rt

using namespace mlir;
using namespace lora::rt;

namespace {

/// A planned entry.
struct Plan {
  func::FuncOp function;
  int64_t tokens;
  int64_t bytes;
};

/// The bytes of the smallest frozen matrix at a path that also has trainable
/// slots; nullopt if nothing is trained.
std::optional<int64_t> getSmallestAdaptedWeight(ArrayAttr table) {
  llvm::DenseSet<Attribute> adapted;
  for (Attribute entry : table)
    if (auto slot = dyn_cast<SlotAttr>(entry);
        slot && slot.getKind() == SlotKind::Trainable)
      adapted.insert(slot.getPath());
  std::optional<int64_t> smallest;
  for (Attribute entry : table) {
    auto slot = dyn_cast<SlotAttr>(entry);
    if (!slot || slot.getKind() != SlotKind::Param ||
        slot.getType().getRank() != 2 || !adapted.contains(slot.getPath()))
      continue;
    RankedTensorType type = slot.getType();
    int64_t bytes = type.getNumElements() * type.getElementTypeBitWidth() / 8;
    smallest = std::min(smallest.value_or(bytes), bytes);
  }
  return smallest;
}

struct VerifyTrainingPlanPass
    : lora::rt::impl::VerifyTrainingPlanBase<VerifyTrainingPlanPass> {
  using Base::Base;

  void runOnOperation() override {
    auto table =
        getOperation()->getAttrOfType<ArrayAttr>(RTDialect::kSlotTableAttr);
    if (!table) {
      getOperation().emitRemark()
          << "nothing is verified, because the module has no slot table "
             "('rt.slot_table'); run -lora-lower first";
      return;
    }
    std::optional<int64_t> smallest = getSmallestAdaptedWeight(table);
    if (!smallest)
      return;
    // The plans of each entry, by the function that it computes.
    llvm::MapVector<Attribute, SmallVector<Plan>> plans;
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      EntryAttr entry = RTDialect::getEntry(function);
      auto frame =
          function->getAttrOfType<IntegerAttr>(RTDialect::kFrameBytesAttr);
      if (entry && frame)
        plans[entry.getFunction()].push_back(
            {function, entry.getTokens(), frame.getInt()});
    }
    for (auto &[name, entries] : plans)
      if (failed(verify(entries, *smallest)))
        return signalPassFailure();
  }

private:
  LogicalResult verify(ArrayRef<Plan> plans, int64_t smallest) {
    auto [fewest, most] = std::minmax_element(
        plans.begin(), plans.end(),
        [](const Plan &a, const Plan &b) { return a.tokens < b.tokens; });
    if (fewest->tokens == most->tokens)
      return success();
    double slope = double(most->bytes - fewest->bytes) /
                   double(most->tokens - fewest->tokens);
    auto constant =
        int64_t(double(fewest->bytes) - slope * double(fewest->tokens));
    constantBytes = std::max<int64_t>(constantBytes, constant);
    if (constant < smallest)
      return success();
    func::FuncOp function = fewest->function;
    return function.emitError()
           << "expected the part of the frame that does not grow with the "
              "number of tokens to be smaller than the smallest adapted "
              "weight, "
           << smallest << " bytes, but got " << constant;
  }
};

} // namespace
