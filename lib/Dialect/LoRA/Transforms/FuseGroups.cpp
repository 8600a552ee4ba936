//===- FuseGroups.cpp - Rewriting branches that share an input ------------===//
//
// Implements FuseGroups.h: builds the stacked slots with their weight
// expressions, at the block and at every application with its own values, and
// the operations that use them.
//
//===----------------------------------------------------------------------===//

#include "FuseGroups.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace lora;
using namespace lora::transformer;

static int64_t dim(Value value, unsigned index) {
  return cast<RankedTensorType>(value.getType()).getDimSize(index);
}

/// The name "self_attn.q_proj+k_proj" for "self_attn.q_proj" and
/// "self_attn.k_proj".
static std::string joinNames(ArrayRef<std::string> names) {
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

GroupFuser::GroupFuser(func::FuncOp block, ArrayRef<ApplyOp> applies,
                       BranchGroup &group)
    : block(block), applies(applies), group(group),
      compute(getElementTypeOrSelf(group.front().op.getX().getType())) {}

void GroupFuser::fuse() {
  OpBuilder b(group.front().op);
  Location loc = group.front().op.getLoc();
  SmallVector<Value> matrices;
  for (GroupMember &member : group)
    matrices.push_back(member.a);
  auto [slot, name] = joinedNames();
  Location joinedLoc = namedLoc(name, loc);
  Value a = stack(matrices, slot);
  if (getElementTypeOrSelf(a.getType()) != compute)
    a = CastOp::create(b, joinedLoc, typeOf(dim(a, 0), dim(a, 1)), a);
  Value x = group.front().op.getX();
  Value t = DownOp::create(b, joinedLoc, typeOf(dim(x, 0), dim(a, 0)), x, a,
                           joinedScale());
  int64_t offset = 0;
  for (GroupMember &member : group) {
    lora::LinearOp op = member.op;
    b.setInsertionPoint(op);
    auto up = UpOp::create(b, op.getLoc(), op.getResult().getType(), op.getX(),
                           op.getWeight(), t, b.getI64IntegerAttr(offset),
                           op.getB(), op.getBias());
    offset += dim(op.getA(), 0);
    replace(member, up.getResult());
  }
  finish();
}

RankedTensorType GroupFuser::typeOf(int64_t rows, int64_t columns) {
  return RankedTensorType::get({rows, columns}, compute);
}

StringRef GroupFuser::slotOf(BlockArgument arg) {
  return getSlotName(block, arg.getArgNumber()).getValue();
}

/// The name of the layer that has both slots: the components with which both
/// names begin.
static StringRef layerOf(StringRef a, StringRef weight) {
  size_t end = 0;
  for (size_t dot = a.find('.');
       dot != StringRef::npos && weight.starts_with(a.take_front(dot + 1));
       dot = a.find('.', dot + 1))
    end = dot;
  return a.take_front(end);
}

std::pair<std::string, std::string> GroupFuser::joinedNames() {
  SmallVector<std::string> names;
  std::string suffix, matrix;
  for (GroupMember &member : group) {
    auto weight = dyn_cast<BlockArgument>(member.op.getWeight());
    StringAttr weightSlot = weight && weight.getOwner() == member.a.getOwner()
                                ? getSlotName(block, weight.getArgNumber())
                                : StringAttr();
    StringRef slot = slotOf(member.a);
    StringRef layer = weightSlot ? layerOf(slot, weightSlot) : StringRef();
    // If the block is the layer itself, the slot has no layer name.
    names.push_back((layer.empty() ? slot : layer).str());
    if (suffix.empty() && !layer.empty()) {
      suffix = slot.drop_front(layer.size()).str();
      matrix = "." + slot.drop_front(layer.size() + 1).split('.').first.str();
    }
  }
  std::string joined = joinNames(names);
  return {joined + suffix, joined + matrix};
}

Value GroupFuser::stack(ArrayRef<Value> matrices, const std::string &name) {
  MLIRContext *context = block.getContext();
  auto concat = [&](function_ref<Attribute(unsigned)> valueOf) {
    Attribute result;
    Type element;
    for (Value matrix : matrices) {
      Attribute value = valueOf(cast<BlockArgument>(matrix).getArgNumber());
      element = exprType(value).getElementType();
      if (!trains())
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
                             namedLoc(name, block.getLoc()));
  for (auto [apply, place] : llvm::zip_equal(applies, atPlaces))
    setSlotValue(apply, block, position, place);
  return block.getArgument(position);
}

Value GroupFuser::joinedScale() {
  SmallVector<APFloat> values;
  for (GroupMember &member : group)
    llvm::append_range(values, member.scale.getValues<APFloat>());
  auto type = RankedTensorType::get({int64_t(values.size())},
                                    group.front().scale.getElementType());
  OpBuilder b = OpBuilder::atBlockBegin(&block.getBody().front());
  return arith::ConstantOp::create(b, group.front().op.getLoc(),
                                   DenseElementsAttr::get(type, values));
}

void GroupFuser::replace(GroupMember &member, Value result) {
  member.op.getResult().replaceAllUsesWith(result);
  Operation *scale = member.op.getScale().getDefiningOp();
  member.op.erase();
  if (member.cast)
    member.cast.erase();
  if (scale->use_empty())
    scale->erase();
}

void GroupFuser::finish() {
  eraseUnusedSlots(block, applies,
                   [&](StringRef slot) { return stacked.contains(slot); });
}
