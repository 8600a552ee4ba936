//===- Merge.cpp - Folds frozen branches into weight expressions ----------===//
//
// A merged weight is accumulated in f32 from the checkpoints' numbers and
// rounded once: casts of the low-rank matrices are removed, and a narrowing
// cast of the base is applied to the merge instead.
//
//===----------------------------------------------------------------------===//

#include "MergeExpressions.h"
#include "lora-mlir/Dialect/LoRA/Transforms/Branches.h"
#include "lora-mlir/Dialect/LoRA/Transforms/Passes.h"
#include "lora-mlir/Dialect/LoRA/Transforms/SlotValues.h"
#include "mlir/IR/Remarks.h"
#include "llvm/ADT/StringSet.h"

namespace lora {
#define GEN_PASS_DEF_MERGE
#include "lora-mlir/Dialect/LoRA/Transforms/Passes.h.inc"
} // namespace lora

using namespace mlir;
using namespace lora;
using namespace lora::transformer;

namespace {

/// The parts of a low-rank branch, for all three operations.
struct BranchParts {
  Value x, weight, a, b, scale, bias;
  /// The rows of `a` that belong to the branch.
  int64_t offset = 0, rank = 0;
  /// Whether it is an embedding, whose input is ids and whose A is [vocabulary,
  /// rank].
  bool isEmbedding = false;
};

std::optional<BranchParts> partsOf(Operation *op) {
  auto rows = [](Value matrix, unsigned dim) {
    return cast<RankedTensorType>(matrix.getType()).getDimSize(dim);
  };
  if (auto linear = dyn_cast<lora::LinearOp>(op))
    return BranchParts{linear.getX(), linear.getWeight(),    linear.getA(),
                       linear.getB(), linear.getScale(),     linear.getBias(),
                       /*offset=*/0,  rows(linear.getA(), 0)};
  if (auto embedding = dyn_cast<lora::EmbeddingOp>(op))
    return BranchParts{embedding.getIds(),   embedding.getTable(),
                       embedding.getA(),     embedding.getB(),
                       embedding.getScale(), Value(),
                       /*offset=*/0,         rows(embedding.getA(), 1),
                       /*isEmbedding=*/true};
  auto up = dyn_cast<UpOp>(op);
  auto down = up ? up.getT().getDefiningOp<DownOp>() : DownOp();
  if (!down || down.getX() != up.getX())
    return std::nullopt;
  return BranchParts{up.getX(),
                     up.getWeight(),
                     down.getA(),
                     up.getB(),
                     down.getScale(),
                     up.getBias(),
                     int64_t(up.getOffset()),
                     rows(up.getB(), 1)};
}

/// Folds the branches of one block.
class BlockMerger {
public:
  BlockMerger(func::FuncOp block, ArrayRef<ApplyOp> applies)
      : block(block), applies(applies) {}

  /// Returns the number of branches folded.
  int64_t run(function_ref<bool(Operation *)> isSelected) {
    SmallVector<Operation *> branches;
    block.walk([&](Operation *op) {
      if (isa<lora::LinearOp, lora::EmbeddingOp, UpOp>(op) && isSelected(op))
        branches.push_back(op);
    });
    int64_t merged = 0;
    for (Operation *op : branches) {
      std::string reason = merge(op);
      if (reason.empty()) {
        ++merged;
        continue;
      }
      remark::missed(op->getLoc(), remark::RemarkOpts::name("NotMerged")
                                       .category("lora-merge")
                                       .function(block.getName()))
          << remark::reason("{0}", reason);
    }
    if (merged)
      cleanUp();
    return merged;
  }

private:
  /// The slot of a value, if it is frozen.
  std::optional<unsigned> frozenSlot(Value value) {
    auto arg = dyn_cast<BlockArgument>(value);
    if (!arg || arg.getOwner() != &block.getBody().front() ||
        !getSlotName(block, arg.getArgNumber()) ||
        getSlotRole(block, arg.getArgNumber()) != Role::Frozen)
      return std::nullopt;
    return arg.getArgNumber();
  }

  /// Folds a branch, or returns the reason why not.
  std::string merge(Operation *op) {
    std::optional<BranchParts> parts = partsOf(op);
    if (!parts)
      return "its down-projection is not a lora.down of the same input";
    std::optional<unsigned> weight = frozenSlot(parts->weight),
                            a = frozenSlot(parts->a), b = frozenSlot(parts->b);
    if (!weight || !a || !b)
      return "its matrices are not all frozen slots, and what trains is never "
             "folded away";
    if (!parts->weight.hasOneUse())
      return "its weight '" + getSlotName(block, *weight).str() +
             "' has another use, which must not see the merged one";
    DenseFPElementsAttr scale;
    if (!matchPattern(parts->scale, m_Constant(&scale)))
      return "its scale is not a constant";

    // The value in the block, and the values of applications that have their
    // own.
    auto mergedAt = [&](function_ref<Attribute(unsigned)> valueOf) {
      if (parts->isEmbedding)
        return mergeExpr(valueOf(*weight), valueOf(*a),
                         transposeExpr(stripCast(valueOf(*b))), scale);
      return mergeExpr(valueOf(*weight), valueOf(*b),
                       rowsOf(valueOf(*a), parts->offset, parts->rank),
                       sliceScale(scale, parts->offset, parts->rank));
    };
    Attribute inBlock =
        mergedAt([&](unsigned index) { return getSlotValue(block, index); });
    SmallVector<Attribute> atPlaces;
    for (ApplyOp apply : applies)
      atPlaces.push_back(mergedAt(
          [&](unsigned index) { return getSlotValue(apply, block, index); }));
    if (!inBlock || llvm::is_contained(atPlaces, Attribute()))
      return "its rows of the fused A are not a weight expression of their own";

    for (unsigned matrix : {*a, *b})
      folded.insert(getSlotName(block, matrix).getValue());
    setSlotValue(block, *weight, inBlock);
    for (auto [apply, value] : llvm::zip_equal(applies, atPlaces))
      setSlotValue(apply, block, *weight, value);
    OpBuilder builder(op);
    Type type = op->getResult(0).getType();
    Value result;
    if (parts->isEmbedding)
      result = transformer::EmbeddingOp::create(builder, op->getLoc(), type,
                                                parts->x, parts->weight);
    else
      result = transformer::LinearOp::create(
          builder, op->getLoc(), type, parts->x, parts->weight, parts->bias);
    op->getResult(0).replaceAllUsesWith(result);
    op->erase();
    return {};
  }

  /// Removes operations and slots that only the branches used.
  void cleanUp() {
    SmallVector<Operation *> dead;
    block.walk([&](Operation *op) {
      if (isa<DownOp, arith::ConstantOp>(op))
        dead.push_back(op);
    });
    for (Operation *op : llvm::reverse(dead))
      if (op->use_empty())
        op->erase();
    eraseUnusedSlots(block, applies,
                     [&](StringRef slot) { return folded.contains(slot); });
  }

  func::FuncOp block;
  ArrayRef<ApplyOp> applies;
  /// The slots of matrices that are now in the expression of a weight.
  llvm::StringSet<> folded;
};

} // namespace

int64_t lora::mergeBranches(func::FuncOp block, ArrayRef<ApplyOp> applies,
                            function_ref<bool(Operation *)> isSelected) {
  return block.isDeclaration() ? 0
                               : BlockMerger(block, applies).run(isSelected);
}

namespace {

struct Merge : public lora::impl::MergeBase<Merge> {
  using Base::Base;

  void runOnOperation() override {
    int64_t merged = 0, places = 0;
    for (auto &[block, applies] : collectApplies(getOperation()))
      if (int64_t here =
              mergeBranches(block, applies, [](Operation *) { return true; })) {
        merged += here;
        places += here * int64_t(applies.size());
      }
    if (!merged)
      return markAllAnalysesPreserved();
    int64_t removed = deduplicateBlocks(getOperation());
    restoreBlockNames(getOperation());
    numMerged += merged;
    numBlocks += removed;
    remark::analysis(getOperation().getLoc(),
                     remark::RemarkOpts::name("Merged").category("lora-merge"))
        << remark::metric("Branches", merged)
        << remark::metric("Places", places)
        << remark::metric("BlocksRemoved", removed);
  }
};

} // namespace
