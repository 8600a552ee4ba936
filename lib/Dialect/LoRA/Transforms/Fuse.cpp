//===- Fuse.cpp - One skinny matmul for branches that share an input ------===//
//
// The stacked A is a slot. If it is trainable, it is also the storage of the
// A's, which unfuseTrainable separates again.
//
//===----------------------------------------------------------------------===//

#include "FuseGroups.h"
#include "lora-mlir/Dialect/LoRA/Transforms/Branches.h"
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
    for (auto &[block, applies] : collectApplies(getOperation()))
      for (BranchGroup &group : collectGroups(block))
        rewrite(block, applies, group);
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
               BranchGroup &group) {
    if (group.size() == 1)
      return notFused(group.front().op, block,
                      "no other branch reads its input");
    // The operations are erased by the rewrite.
    Location loc = group.front().op.getLoc();
    size_t branches = group.size();
    GroupFuser(block, applies, group).fuse();
    ++numGroups;
    numBranches += branches;
    remark::passed(loc, remark::RemarkOpts::name("Fused")
                            .category("lora-fuse")
                            .function(block.getName()))
        << remark::metric("Branches", int64_t(branches))
        << remark::reason("one skinny matmul in place of {0}",
                          int64_t(branches));
  }
};

} // namespace
