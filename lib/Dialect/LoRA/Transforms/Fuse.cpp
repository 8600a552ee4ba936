//===- Fuse.cpp - One skinny matmul for branches that share an input ------===//
//
// The stacked A is a slot: for what trains it is the storage, which
// unfuseTrainable takes apart again.
//
//===----------------------------------------------------------------------===//

#include "Branches.h"
#include "FuseCostModel.h"
#include "MergeExpressions.h"
#include "lora-mlir/Dialect/LoRA/Transforms/Passes.h"
#include "mlir/IR/Remarks.h"
#include "llvm/ADT/StringSet.h"

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

/// A branch that can join a group.
struct Member {
  lora::LinearOp op;
  /// The slot of A; the operation reads it, or its cast to the compute type.
  BlockArgument a;
  CastOp cast;
  DenseFPElementsAttr scale;
  bool trains = false;
};

using Group = SmallVector<Member, 4>;

/// The member that an operation is, or why it is none.
FailureOr<Member> memberOf(func::FuncOp block, lora::LinearOp op,
                           std::string &reason) {
  Member member{op, {}, op.getA().getDefiningOp<CastOp>(), {}, false};
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

int64_t dim(Value value, unsigned index) {
  return cast<RankedTensorType>(value.getType()).getDimSize(index);
}

/// "self_attn.q_proj+k_proj" for "self_attn.q_proj", "self_attn.k_proj".
std::string joinNames(ArrayRef<std::string> names) {
  StringRef parent = StringRef(names.front()).rsplit('.').first;
  bool share = StringRef(names.front()).contains('.');
  for (StringRef name : names)
    share &= name.contains('.') && name.rsplit('.').first == parent;
  std::string result = share ? (parent + ".").str() : "";
  for (auto [i, name] : llvm::enumerate(names))
    result += (i ? "+" : "") +
              (share ? StringRef(name).rsplit('.').second.str() : name);
  return result;
}

/// Rewrites the groups of one block.
class GroupFuser {
public:
  GroupFuser(func::FuncOp block, ArrayRef<ApplyOp> applies, Group &group)
      : block(block), applies(applies), group(group),
        compute(getElementTypeOrSelf(group.front().op.getX().getType())) {
    for (Member &member : group)
      shapes.push_back(
          {dim(member.op.getWeight(), 0), dim(member.op.getA(), 0)});
  }

  ArrayRef<BranchShape> getShapes() const { return shapes; }
  int64_t in() const { return dim(group.front().op.getX(), 1); }
  int64_t bytes() const { return compute.getIntOrFloatBitWidth() / 8; }
  bool trains() const { return group.front().trains; }

  /// Why the base weights cannot be stacked with A; empty if they can. (The results
  /// are ranges of wider rows: good enough for q, k and v, but a layer that ends a
  /// block is added to by its residual, which wants rows of its own.)
  std::string augmentObstacle() {
    if (trains())
      return "it trains";
    if (group.size() == 1)
      return "no other branch reads its input";
    for (Member &member : group) {
      auto weight = dyn_cast<BlockArgument>(member.op.getWeight());
      if (!weight || !weight.hasOneUse() ||
          !getSlotName(block, weight.getArgNumber()) ||
          getSlotRole(block, weight.getArgNumber()) != Role::Frozen)
        return "a weight is not a frozen slot with one use";
      if (member.op.getBias())
        return "a layer has a bias";
      if (getElementTypeOrSelf(member.op.getResult().getType()) != compute)
        return "a result is wider than the input";
    }
    return {};
  }

  void fuse() {
    OpBuilder b(group.front().op);
    Location loc = group.front().op.getLoc();
    SmallVector<Value> matrices;
    for (Member &member : group)
      matrices.push_back(member.a);
    StringRef slot = slotOf(group.front().a);
    StringRef suffix = slot.drop_front(slot.find("lora_A."));
    Value a = stack(matrices, (joinedNames(".lora_A.") + "." + suffix).str(),
                    /*strip=*/!trains());
    if (getElementTypeOrSelf(a.getType()) != compute)
      a = CastOp::create(b, loc, typeOf(dim(a, 0), dim(a, 1)), a);
    Value x = group.front().op.getX();
    Value t = DownOp::create(b, loc, typeOf(dim(x, 0), dim(a, 0)), x, a,
                             joinedScale());
    int64_t offset = 0;
    for (Member &member : group) {
      lora::LinearOp op = member.op;
      b.setInsertionPoint(op);
      auto up = UpOp::create(
          b, op.getLoc(), op.getResult().getType(), op.getX(), op.getWeight(),
          t, b.getI64IntegerAttr(offset), op.getB(), op.getBias());
      offset += dim(op.getA(), 0);
      replace(member, up.getResult());
    }
    finish();
  }

  void augment() {
    OpBuilder b(group.front().op);
    Location loc = group.front().op.getLoc();
    SmallVector<Value> matrices;
    for (Member &member : group)
      matrices.push_back(member.op.getWeight());
    for (Member &member : group)
      matrices.push_back(member.a);
    Value w = stack(matrices, joinedNames(".lora_A.") + ".augmented.weight",
                    /*strip=*/false);
    Value x = group.front().op.getX();
    int64_t tokens = dim(x, 0), outs = 0, ranks = 0;
    for (BranchShape shape : shapes) {
      outs += shape.out;
      ranks += shape.rank;
    }
    Value all = transformer::LinearOp::create(
        b, loc, typeOf(tokens, outs + ranks), x, w, Value());
    auto slice = [&](Value from, int64_t offset, int64_t width) -> Value {
      return SliceFeaturesOp::create(b, loc, typeOf(tokens, width), from,
                                     b.getI64IntegerAttr(offset));
    };
    Value t =
        ScaleFeaturesOp::create(b, loc, slice(all, outs, ranks), joinedScale());
    int64_t outOffset = 0, rankOffset = 0;
    for (auto [member, shape] : llvm::zip_equal(group, shapes)) {
      b.setInsertionPoint(member.op);
      Value base = slice(all, outOffset, shape.out);
      Value delta = transformer::LinearOp::create(
          b, loc, base.getType(), slice(t, rankOffset, shape.rank),
          member.op.getB(), Value());
      replace(member, AddOp::create(b, loc, base.getType(), base, delta));
      outOffset += shape.out;
      rankOffset += shape.rank;
    }
    finish();
  }

private:
  RankedTensorType typeOf(int64_t rows, int64_t columns) {
    return RankedTensorType::get({rows, columns}, compute);
  }

  StringRef slotOf(BlockArgument arg) {
    return getSlotName(block, arg.getArgNumber()).getValue();
  }

  std::string joinedNames(StringRef separator) {
    SmallVector<std::string> names;
    for (Member &member : group) {
      StringRef slot = slotOf(member.a);
      // Where the block is the layer itself, the slot has no module name.
      names.push_back(slot.split(separator).first.str());
    }
    return joinNames(names);
  }

  /// A new slot that stacks the rows of others, at every place that has values
  /// of its own too.
  Value stack(ArrayRef<Value> matrices, const std::string &name, bool strip) {
    MLIRContext *context = block.getContext();
    auto concat = [&](function_ref<Attribute(unsigned)> valueOf) {
      Attribute result;
      Type element;
      for (Value matrix : matrices) {
        Attribute value = valueOf(cast<BlockArgument>(matrix).getArgNumber());
        element = exprType(value).getElementType();
        if (strip)
          value = stripCast(value);
        result = result ? concatExprs(result, value, 0) : value;
      }
      return castExpr(result, element);
    };
    Attribute value =
        concat([&](unsigned index) { return getSlotValue(block, index); });
    SmallVector<Attribute> atPlaces;
    for (ApplyOp apply : applies)
      atPlaces.push_back(concat(
          [&](unsigned index) { return getSlotValue(apply, block, index); }));
    SmallVector<NamedAttribute> attrs{
        {TransformerDialect::kSlotAttr, StringAttr::get(context, name)},
        {TransformerDialect::kValueAttr, value}};
    if (trains())
      attrs.emplace_back(TransformerDialect::kRoleAttr,
                         RoleAttr::get(context, Role::Trainable));
    for (Value matrix : matrices)
      stacked.insert(slotOf(cast<BlockArgument>(matrix)));
    unsigned position = cast<BlockArgument>(matrices.front()).getArgNumber();
    (void)block.insertArgument(position, exprType(value),
                               DictionaryAttr::get(context, attrs),
                               block.getLoc());
    for (auto [apply, place] : llvm::zip_equal(applies, atPlaces))
      setSlotValue(apply, block, position, place);
    return block.getArgument(position);
  }

  Value joinedScale() {
    SmallVector<APFloat> values;
    for (Member &member : group)
      llvm::append_range(values, member.scale.getValues<APFloat>());
    auto type = RankedTensorType::get({int64_t(values.size())},
                                      group.front().scale.getElementType());
    OpBuilder b = OpBuilder::atBlockBegin(&block.getBody().front());
    return arith::ConstantOp::create(b, group.front().op.getLoc(),
                                     DenseElementsAttr::get(type, values));
  }

  void replace(Member &member, Value result) {
    member.op.getResult().replaceAllUsesWith(result);
    Operation *scale = member.op.getScale().getDefiningOp();
    member.op.erase();
    if (member.cast)
      member.cast.erase();
    if (scale->use_empty())
      scale->erase();
  }

  void finish() {
    eraseUnusedSlots(block, applies,
                     [&](StringRef slot) { return stacked.contains(slot); });
  }

  func::FuncOp block;
  ArrayRef<ApplyOp> applies;
  Group &group;
  Type compute;
  SmallVector<BranchShape> shapes;
  llvm::StringSet<> stacked;
};

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
      for (Group &group : collectGroups(block))
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

  /// The branches of a block by their input; what trains apart from what does
  /// not.
  SmallVector<Group> collectGroups(func::FuncOp block) {
    llvm::MapVector<std::pair<Value, int>, Group> groups;
    block.walk([&](lora::LinearOp op) {
      std::string reason;
      FailureOr<Member> member = memberOf(block, op, reason);
      if (failed(member))
        return notFused(op, block, reason);
      groups[{op.getX(), member->trains}].push_back(*member);
    });
    SmallVector<Group> result;
    for (auto &entry : groups)
      result.push_back(std::move(entry.second));
    return result;
  }

  void rewrite(func::FuncOp block, ArrayRef<ApplyOp> applies, Group &group,
               std::optional<Form> asked,
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
    // Before the operations go away.
    Location loc = group.front().op.getLoc();
    size_t branches = group.size();
    if (chosen == Form::Fused) {
      fuser.fuse();
    } else if (chosen == Form::Augmented) {
      fuser.augment();
    } else if (chosen == Form::Merged) {
      for (Member &member : group)
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

  /// The fastest form that is allowed.
  Form choose(ArrayRef<Member> group, const FormCosts &costs, GroupFuser &fuser,
              StringRef obstacle, std::string &why) {
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
