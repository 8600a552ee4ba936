//===- FuseGroups.h - Rewriting branches that share an input ----*- C++ -*-===//
//
// The two forms that stack weights: A with A (fused), and A below the base
// weights (augmented).
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_DIALECT_LORA_TRANSFORMS_FUSEGROUPS_H
#define LORA_MLIR_LIB_DIALECT_LORA_TRANSFORMS_FUSEGROUPS_H

#include "FuseCostModel.h"
#include "SlotValues.h"
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

  llvm::ArrayRef<BranchShape> getShapes() const { return shapes; }
  /// The width of the input.
  int64_t in() const;
  /// The bytes of an element.
  int64_t bytes() const { return compute.getIntOrFloatBitWidth() / 8; }
  bool trains() const { return group.front().trains; }

  /// The reason why the base weights cannot be stacked with A; empty if they
  /// can. (The results are slices of wider rows. That suits q, k and v. But a
  /// residual is added to the result of the last layer of a block, and needs
  /// contiguous rows.)
  std::string augmentObstacle();

  /// Builds one lora.down, and a lora.up for each branch.
  void fuse();
  /// Builds one linear layer for base and A, and adds the products with the B's
  /// to its slices.
  void augment();

private:
  mlir::RankedTensorType typeOf(int64_t rows, int64_t columns);
  llvm::StringRef slotOf(mlir::BlockArgument arg);
  std::string joinedNames(llvm::StringRef separator);
  /// A new slot that stacks the rows of others, at the block and at every
  /// application with its own values.
  mlir::Value stack(llvm::ArrayRef<mlir::Value> matrices,
                    const std::string &name, bool strip);
  mlir::Value joinedScale();
  void replace(GroupMember &member, mlir::Value result);
  void finish();

  mlir::func::FuncOp block;
  llvm::ArrayRef<transformer::ApplyOp> applies;
  BranchGroup &group;
  mlir::Type compute;
  llvm::SmallVector<BranchShape> shapes;
  /// Slots that are now part of another slot.
  llvm::StringSet<> stacked;
};

} // namespace lora

#endif // LORA_MLIR_LIB_DIALECT_LORA_TRANSFORMS_FUSEGROUPS_H
