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

/// A branch that can join others of the same input.
struct GroupMember {
  lora::LinearOp op;
  /// The slot of A; the operation reads it, or its cast to the compute type.
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
  /// Width of the input.
  int64_t in() const;
  /// Of an element.
  int64_t bytes() const { return compute.getIntOrFloatBitWidth() / 8; }
  bool trains() const { return group.front().trains; }

  /// Why the base weights cannot be stacked with A; empty if they can. (The
  /// results are ranges of wider rows: good enough for q, k and v, but a layer
  /// that ends a block is added to by its residual, which wants rows of its
  /// own.)
  std::string augmentObstacle();

  /// One lora.down, and a lora.up each.
  void fuse();
  /// One linear layer for base and A, and the sum of its slices with B's
  /// products.
  void augment();

private:
  mlir::RankedTensorType typeOf(int64_t rows, int64_t columns);
  llvm::StringRef slotOf(mlir::BlockArgument arg);
  std::string joinedNames(llvm::StringRef separator);
  /// A new slot that stacks the rows of others, at every place that has values
  /// of its own too.
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
  /// Slots that another holds now.
  llvm::StringSet<> stacked;
};

} // namespace lora

#endif // LORA_MLIR_LIB_DIALECT_LORA_TRANSFORMS_FUSEGROUPS_H
