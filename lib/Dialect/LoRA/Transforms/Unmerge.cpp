//===- Unmerge.cpp - Takes merged branches out again ----------------------===//
//
// The inverse of Merge.cpp: finds #lora.merge in the values of slots, and
// builds the branch with the leaves of the expression as slots.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Dialect/LoRA/Transforms/Branches.h"
#include "MergeExpressions.h"
#include "lora-mlir/Dialect/LoRA/Transforms/Passes.h"

#include <set>

namespace lora {
#define GEN_PASS_DEF_UNMERGE
#include "lora-mlir/Dialect/LoRA/Transforms/Passes.h.inc"
} // namespace lora

using namespace mlir;
using namespace lora;
using namespace lora::transformer;

/// The adapter of an expression; "default" if there are several.
static std::string adapterOf(Attribute expr) {
  std::set<std::string> names;
  AttrTypeWalker walker;
  walker.addWalk([&](AdapterAttr leaf) {
    names.insert(leaf.getAdapter().str());
    return WalkResult::advance();
  });
  walker.walk(expr);
  return names.size() == 1 ? *names.begin() : "default";
}

namespace {

struct Unmerge : public lora::impl::UnmergeBase<Unmerge> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<Branch> branches;
    std::set<std::pair<std::string, std::string>> seen;
    for (auto &[block, applies] : collectApplies(getOperation()))
      for (unsigned i = 0, e = block.getNumArguments(); i < e; ++i) {
        StringAttr slot = getSlotName(block, i);
        if (!slot || getSlotRole(block, i) != Role::Frozen)
          continue;
        SmallVector<Attribute> values;
        bool isMerged = bool(findMerge(getSlotValue(block, i)));
        for (ApplyOp apply : applies) {
          values.push_back(getSlotValue(apply, block, i));
          isMerged |= bool(findMerge(values.back()));
        }
        if (!isMerged)
          continue;
        StringRef local = slot.getValue();
        if (!local.consume_back(".weight") && !local.consume_back("weight")) {
          block.emitError() << "expected a merged slot to be the weight of a "
                               "linear layer, but got '"
                            << slot.getValue() << "'";
          return signalPassFailure();
        }
        bool isEmbedding =
            llvm::any_of(block.getArgument(i).getUsers(), [](Operation *user) {
              return isa<transformer::EmbeddingOp>(user);
            });
        setSlotValue(block, i, unmergedExpr(getSlotValue(block, i)));
        for (auto [apply, value] : llvm::zip_equal(applies, values)) {
          if (MergeAttr merge = findMerge(value);
              merge && seen.emplace(apply.getPath().str(), local.str()).second)
            branches.push_back(
                isEmbedding
                    ? Branch{apply.getPath().str(), local.str(), merge.getB(),
                             transposeExpr(merge.getA()), merge.getScale(),
                             adapterOf(merge.getB()), true}
                    : Branch{apply.getPath().str(), local.str(), merge.getA(),
                             merge.getB(), merge.getScale(),
                             adapterOf(merge.getA())});
          setSlotValue(apply, block, i, unmergedExpr(value));
        }
      }
    FailureOr<BranchStatistics> statistics =
        addBranches(getOperation(), branches, /*train=*/false);
    if (failed(statistics))
      return signalPassFailure();
    numBranches += statistics->branches;
  }
};

} // namespace
