//===- AdaptedTensors.cpp - Which tensor an expression belongs to ---------===//
//
// Slots are compared before and after: what a slot did to the stored tensor on
// its way into the graph (a cast, a transposition, an offset) is taken off
// again on both sides, until one of them is the tensor itself.
//
//===----------------------------------------------------------------------===//

#include "AdaptedModel.h"
#include "lora-mlir/Import/Import.h"
#include "lora-mlir/Target/WeightEvaluator.h"
#include "mlir/IR/AttrTypeSubElements.h"

#include <map>
#include <numeric>

using namespace lora;
using namespace lora::transformer;
using lora_rt::Error;
using lora_rt::ErrorCode;
using lora_rt::makeError;
using lora_rt::TensorView;
using mlir::Attribute;

int64_t AdaptedTensor::elements() const {
  return std::accumulate(shape.begin(), shape.end(), int64_t(1),
                         std::multiplies<>());
}

static mlir::RankedTensorType typeOf(Attribute expr) {
  return mlir::cast<WeightExprAttrInterface>(expr).getValueType();
}

/// The one operand of an expression, or null.
static Attribute onlyOperand(Attribute expr) {
  auto operands = mlir::cast<WeightExprAttrInterface>(expr).getOperandExprs();
  return operands.size() == 1 ? operands.front() : Attribute();
}

/// Whether two expressions do the same to their only operands.
static bool doTheSame(Attribute a, Attribute b) {
  Attribute inA = onlyOperand(a), inB = onlyOperand(b);
  if (!inA || !inB || a.getTypeID() != b.getTypeID())
    return false;
  if (mlir::isa<CastAttr, TransposeAttr>(a))
    return true;
  mlir::AttrTypeReplacer replacer;
  replacer.addReplacement(
      [&](Attribute attr)
          -> std::optional<std::pair<Attribute, mlir::WalkResult>> {
        if (attr == inB)
          return std::pair(inA, mlir::WalkResult::skip());
        return std::nullopt;
      });
  return replacer.replace(b) == a;
}

/// Whether an expression reads anything but the base checkpoint.
static bool readsAdapter(Attribute expr) {
  bool found = false;
  mlir::AttrTypeWalker walker;
  walker.addWalk([&](AdapterAttr) {
    found = true;
    return mlir::WalkResult::interrupt();
  });
  walker.walk(expr);
  return found;
}

Error AdaptedModel::compare(const std::vector<Slot> &before,
                            const std::vector<Slot> &after) {
  std::map<std::pair<std::string, bool>, const Slot *> known;
  for (const Slot &slot : before)
    known[slot.key()] = &slot;
  std::map<std::string, const Slot *> heads; // of tied tables, by name
  for (const Slot &slot : after)
    if (slot.isLinear && known.count({slot.name, false}))
      heads[slot.name] = &slot;

  for (const Slot &slot : after) {
    auto old = known.find(slot.key());
    const Slot &was = old == known.end() ? slot : *old->second;
    auto head = heads.find(slot.name);
    if (head == heads.end()) {
      if (readsAdapter(slot.value))
        if (Error error = addTensor(
                was, slot, resolveTensor(tensorFiles, slot.name), slot.name))
          return error;
      continue;
    }
    if (slot.isLinear)
      continue; // With its table.
    const TensorView *table = resolveTensor(tensorFiles, slot.name);
    const TensorView *own = tensorFiles.find("lm_head.weight");
    if (slot.value != head->second->value) {
      // Each gets a tensor; the one that has none gets a new one.
      untied = true;
      if (Error error =
              addTensor(was, slot, table == own ? nullptr : table, slot.name))
        return error;
      if (Error error = addTensor(was, *head->second, own, "lm_head.weight"))
        return error;
    } else if (readsAdapter(slot.value)) {
      if (Error error = addTensor(was, slot, table, slot.name))
        return error;
      if (own && own != table)
        if (Error error = addTensor(was, slot, own, "lm_head.weight"))
          return error;
    }
  }
  return Error::success();
}

Error AdaptedModel::addTensor(const Slot &before, const Slot &after,
                              const TensorView *stored,
                              const std::string &name) {
  AdaptedTensor tensor;
  tensor.name = stored ? stored->name : name;
  tensor.stored = stored;
  tensor.path = after.path;
  // Where a parameter is new there is nothing to take off.
  Attribute was = before.value, is = after.value;
  while (&before != &after && !mlir::isa<BaseAttr>(was)) {
    if (doTheSame(was, is)) {
      is = onlyOperand(is);
    } else if (mlir::isa<TransposeAttr>(was)) {
      tensor.transposed = !tensor.transposed;
    } else if (!mlir::isa<CastAttr>(was)) {
      return makeError(ErrorCode::Unsupported, tensorFiles.folder(),
                       ": the adapter changes '", name,
                       "' in a way that cannot be stored in its tensor; "
                       "compile it with --unmerged");
    }
    was = onlyOperand(was);
    if (!was)
      return makeError(ErrorCode::Unsupported, tensorFiles.folder(), ": '",
                       name, "' is made of several tensors");
  }
  mlir::RankedTensorType type = typeOf(is);
  tensor.shape.assign(type.getShape().begin(), type.getShape().end());
  if (tensor.transposed)
    std::swap(tensor.shape[0], tensor.shape[1]);
  tensor.dtype = stored ? stored->dtype
                 : &before != &after
                     ? getRuntimeType(typeOf(was).getElementType())
                     : getRuntimeType(type.getElementType());
  tensor.merge = mlir::dyn_cast<MergeAttr>(is);
  if (tensor.merge) {
    Attribute base = tensor.merge.getBase();
    while (mlir::isa<CastAttr, TransposeAttr>(base))
      base = onlyOperand(base);
    if (!mlir::isa<BaseAttr>(base) || !stored || stored->shape != tensor.shape)
      tensor.merge = {};
  }
  if (!type.getElementType().isF32())
    is = CastAttr::get(&context, is,
                       mlir::RankedTensorType::get(
                           type.getShape(), mlir::Float32Type::get(&context)));
  tensor.value = is;
  changed.push_back(std::move(tensor));
  return Error::success();
}

const AdaptedTensor *AdaptedModel::find(std::string_view name) const {
  for (const AdaptedTensor &tensor : changed)
    if (tensor.name == name)
      return &tensor;
  return nullptr;
}
