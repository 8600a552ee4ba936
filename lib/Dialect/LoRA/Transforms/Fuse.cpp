//===- Fuse.cpp - One skinny matmul for branches that share an input ------===//
//
// The stacked A is a slot. If it is trainable, it is also the storage of the
// A's, which unfuseTrainable separates again.
//
//===----------------------------------------------------------------------===//

#include "Branches.h"
#include "FuseGroups.h"
#include "MergeExpressions.h"
#include "lora-mlir/Dialect/LoRA/Transforms/Passes.h"
#include "mlir/IR/Remarks.h"

namespace lora {
#define GEN_PASS_DEF_FUSE
#include "lora-mlir/Dialect/LoRA/Transforms/Passes.h.inc"
} // namespace lora

using namespace mlir;
using namespace lora;
using namespace lora::transformer;

namespace {

enum class Form { Separate, Fused, Augmented, Merged };

StringRef nameOf(Form form) {
  switch (form) {
  case Form::Separate:
    return "separate";
  case Form::Fused:
    return "fused";
  case Form::Augmented:
    return "augmented";
  case Form::Merged:
    return "merged";
  }
  return "";
}

/// The group member that an operation is, or the reason why it is none.
FailureOr<GroupMember> memberOf(func::FuncOp block, lora::LinearOp op,
                                std::string &reason) {
  GroupMember member{op, {}, op.getA().getDefiningOp<CastOp>(), {}, false};
  member.a =
      dyn_cast<BlockArgument>(member.cast ? member.cast.getX() : op.getA());
  if (!member.a || !getSlotName(block, member.a.getArgNumber()) ||
      !member.a.hasOneUse() || !op.getA().hasOneUse()) {
    reason = "its A is not a slot of its own";
    return failure();
  }
  if (!matchPattern(op.getScale(), m_Constant(&member.scale))) {
    reason = "its scale is not a constant";
    return failure();
  }
  member.trains =
      getSlotRole(block, member.a.getArgNumber()) == Role::Trainable;
  return member;
}

struct Fuse : public lora::impl::FuseBase<Fuse> {
  using Base::Base;

  void runOnOperation() override {
    std::optional<Form> asked;
    for (Form known :
         {Form::Separate, Form::Fused, Form::Augmented, Form::Merged})
      if (form == nameOf(known))
        asked = known;
    if (!asked && form != "auto") {
      getOperation().emitError()
          << "expected form to be auto, separate, fused, augmented or merged, "
             "but got '"
          << form << "'";
      return signalPassFailure();
    }
    bool mergedSome = false;
    for (auto &[block, applies] : collectApplies(getOperation())) {
      llvm::DenseSet<Operation *> toMerge;
      for (BranchGroup &group : collectGroups(block))
        rewrite(block, applies, group, asked, toMerge);
      if (!toMerge.empty())
        mergedSome |= mergeBranches(block, applies, [&](Operation *op) {
                        return toMerge.contains(op);
                      }) > 0;
    }
    if (!mergedSome)
      return;
    deduplicateBlocks(getOperation());
    restoreBlockNames(getOperation());
  }

private:
  void notFused(lora::LinearOp op, func::FuncOp block, StringRef reason) {
    remark::missed(op.getLoc(), remark::RemarkOpts::name("NotFused")
                                    .category("lora-fuse")
                                    .function(block.getName()))
        << remark::reason("{0}", reason.str());
  }

  /// The branches of a block by their input, trainable and frozen ones
  /// separately.
  SmallVector<BranchGroup> collectGroups(func::FuncOp block) {
    llvm::MapVector<std::pair<Value, int>, BranchGroup> groups;
    block.walk([&](lora::LinearOp op) {
      std::string reason;
      FailureOr<GroupMember> member = memberOf(block, op, reason);
      if (failed(member))
        return notFused(op, block, reason);
      groups[{op.getX(), member->trains}].push_back(*member);
    });
    SmallVector<BranchGroup> result;
    for (auto &entry : groups)
      result.push_back(std::move(entry.second));
    return result;
  }

  void rewrite(func::FuncOp block, ArrayRef<ApplyOp> applies,
               BranchGroup &group, std::optional<Form> asked,
               llvm::DenseSet<Operation *> &toMerge) {
    GroupFuser fuser(block, applies, group);
    CostParameters parameters{double(tokens), launch, bandwidth, rate};
    FormCosts costs =
        estimateForms(fuser.getShapes(), fuser.in(), fuser.bytes(), parameters);
    std::string obstacle = fuser.augmentObstacle(), why;
    Form chosen = asked ? *asked : choose(group, costs, fuser, obstacle, why);
    if (asked)
      why = "asked for";
    if (chosen == Form::Merged && fuser.trains()) {
      chosen = Form::Fused;
      why = "what trains is never folded away";
    }
    if (chosen == Form::Augmented && !obstacle.empty()) {
      chosen = Form::Fused;
      why = "not augmented: " + obstacle;
    }
    if (chosen == Form::Fused && group.size() == 1) {
      chosen = Form::Separate;
      why = "no other branch reads its input";
    }
    // These are read before the operations are erased.
    Location loc = group.front().op.getLoc();
    size_t branches = group.size();
    if (chosen == Form::Fused) {
      fuser.fuse();
    } else if (chosen == Form::Augmented) {
      fuser.augment();
    } else if (chosen == Form::Merged) {
      for (GroupMember &member : group)
        toMerge.insert(member.op);
    }
    if (chosen != Form::Separate) {
      ++numGroups;
      numBranches += branches;
    }
    auto emit = chosen == Form::Separate ? remark::missed : remark::passed;
    emit(loc, remark::RemarkOpts::name(nameOf(chosen))
                  .category("lora-fuse")
                  .function(block.getName()))
        << remark::metric("Branches", int64_t(branches))
        << remark::reason("{0}", why)
        << remark::add("for {0} tokens: separate {1:f1} us, fused {2:f1} us, "
                       "augmented {3:f1} us, merged {4:f1} us",
                       int64_t(tokens), costs.separate, costs.fused,
                       costs.augmented, costs.merged);
  }

  /// The fastest form that is permitted.
  Form choose(ArrayRef<GroupMember> group, const FormCosts &costs,
              GroupFuser &fuser, StringRef obstacle, std::string &why) {
    Form best = Form::Fused;
    why = "one skinny matmul in place of " + std::to_string(group.size());
    if (fuser.trains()) {
      why += "; what trains stays a slot of its own";
      return best;
    }
    if (exchangeable) {
      why += "; the adapter stays exchangeable";
      return best;
    }
    double time = costs.fused;
    if (obstacle.empty() && costs.augmented < time) {
      best = Form::Augmented;
      time = costs.augmented;
      why = "one matmul for base and A saves launches";
    }
    if (costs.merged < time) {
      best = Form::Merged;
      why = "the adapter need not stay exchangeable, and merged it costs "
            "nothing";
    }
    return best;
  }
};

} // namespace
