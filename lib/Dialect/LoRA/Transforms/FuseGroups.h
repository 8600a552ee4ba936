//===- FuseGroups.h - Rewriting branches that share an input ----*- C++ -*-===//
//
// Stacks the A of branches that read one value. The stacked slot is named after
// the slots that it replaces.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_DIALECT_LORA_TRANSFORMS_FUSEGROUPS_H
#define LORA_MLIR_LIB_DIALECT_LORA_TRANSFORMS_FUSEGROUPS_H

#include "lora-mlir/Dialect/LoRA/Transforms/SlotValues.h"
#include "llvm/ADT/StringSet.h"

namespace lora {

/// A branch that can be joined with others of the same input.
struct GroupMember {
  lora::LinearOp op;
  /// The slot of A. The operation reads it, or its cast to the compute type.
  mlir::BlockArgument a;
  transformer::CastOp cast;
  mlir::DenseFPElementsAttr scale;
  bool trains = false;
};

using BranchGroup = llvm::SmallVector<GroupMember, 4>;

/// Rewrites one group of a block.
class GroupFuser {
public:
  GroupFuser(mlir::func::FuncOp block,
             llvm::ArrayRef<transformer::ApplyOp> applies, BranchGroup &group);

  /// Builds one lora.down, and a lora.up for each branch.
  void fuse();

private:
  bool trains() const { return group.front().trains; }
  mlir::RankedTensorType typeOf(int64_t rows, int64_t columns);
  llvm::StringRef slotOf(mlir::BlockArgument arg);
  /// The name of the stacked slot, and what the operations on it are called.
  std::pair<std::string, std::string> joinedNames();
  /// A new slot that stacks the rows of others, at the block and at every
  /// application with its own values.
  mlir::Value stack(llvm::ArrayRef<mlir::Value> matrices,
                    const std::string &name);
  mlir::Value joinedScale();
  void replace(GroupMember &member, mlir::Value result);
  void finish();

  mlir::func::FuncOp block;
  llvm::ArrayRef<transformer::ApplyOp> applies;
  BranchGroup &group;
  mlir::Type compute;
  /// Slots that are now part of another slot.
  llvm::StringSet<> stacked;
};

} // namespace lora

#endif // LORA_MLIR_LIB_DIALECT_LORA_TRANSFORMS_FUSEGROUPS_H
