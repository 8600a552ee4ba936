//===- AdaptedTensors.cpp - Which tensor an expression belongs to ---------===//
//
// The expression of a slot before the merge is compared with the one after it.
// A slot may apply operations to the stored tensor (a cast, a transposition, an
// offset). The same operation is removed from both expressions, until the
// expression before the merge is the stored tensor itself.
//
//===----------------------------------------------------------------------===//

#include "AdaptedModel.h"
#include "lora-mlir/Import/Import.h"
#include "lora-mlir/Weights/WeightEvaluator.h"
#include "mlir/IR/AttrTypeSubElements.h"

#include <algorithm>
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

/// The only operand of an expression; null if it has none or several.
static Attribute onlyOperand(Attribute expr) {
  auto operands = mlir::cast<WeightExprAttrInterface>(expr).getOperandExprs();
  return operands.size() == 1 ? operands.front() : Attribute();
}

/// Whether two expressions apply the same operation to their only operands.
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

static constexpr const char *kHead = "lm_head.weight";

/// Whether an expression reads anything besides the base checkpoint, or selects
/// only some rows of a tensor.
static bool isChanged(Attribute expr) {
  bool found = false;
  mlir::AttrTypeWalker walker;
  walker.addWalk([&](Attribute part) {
    found |= mlir::isa<AdapterAttr, ResizeRowsAttr>(part);
    return found ? mlir::WalkResult::interrupt() : mlir::WalkResult::advance();
  });
  walker.walk(expr);
  return found;
}

/// Whether two values are adapter tensors with the same bytes.
bool AdaptedModel::haveSameBytes(Attribute a, const std::string &pathOfA,
                                 Attribute b,
                                 const std::string &pathOfB) const {
  while (mlir::isa<CastAttr>(a) && mlir::isa<CastAttr>(b)) {
    a = onlyOperand(a);
    b = onlyOperand(b);
  }
  auto x = mlir::dyn_cast<AdapterAttr>(a), y = mlir::dyn_cast<AdapterAttr>(b);
  if (!x || !y || x.getAdapter() != y.getAdapter())
    return false;
  for (const OpenedAdapter &adapter : opened.adapters)
    if (x.getAdapter().getValue() == adapter.name) {
      const TensorView *one =
                           adapter.files.find(joinPath(pathOfA, x.getName())),
                       *two =
                           adapter.files.find(joinPath(pathOfB, y.getName()));
      return one && two && lora_rt::haveSameBytes(*one, *two);
    }
  return false;
}

std::optional<AdaptedModel::MaskedHead>
AdaptedModel::findMaskedHead(const std::vector<Slot> &slots) const {
  for (const Slot &table : slots)
    for (const Slot &head : slots) {
      const TensorView *tensor = resolveTensor(opened.checkpoint, table.name);
      if (!table.isEmbedding || head.isEmbedding || !tensor ||
          head.name == table.name || head.name == kHead ||
          resolveTensor(opened.checkpoint, head.name) != tensor)
        continue;
      bool changes = isChanged(table.value) || isChanged(head.value);
      return MaskedHead{&head,
                        changes && !haveSameBytes(table.value, table.path,
                                                  head.value, head.path)};
    }
  return std::nullopt;
}

Error AdaptedModel::compare(const std::vector<Slot> &before,
                            const std::vector<Slot> &after) {
  std::map<std::pair<std::string, bool>, const Slot *> known, now;
  for (const Slot &slot : before)
    known[slot.key()] = &slot;
  for (const Slot &slot : after)
    now[slot.key()] = &slot;
  // The embedding, if it is also the head; and the head's slot after the merge.
  std::string table;
  const Slot *head = nullptr;
  for (const Slot &slot : before)
    if (slot.isLinear && known.count({slot.name, false})) {
      table = slot.name;
      auto same = now.find({table, true}), apart = now.find({kHead, true});
      head = same != now.end()    ? same->second
             : apart != now.end() ? apart->second
                                  : nullptr;
      untied = same == now.end();
    }

  std::optional<MaskedHead> masked = findMaskedHead(after);
  if (masked)
    untied = masked->parts;
  for (const Slot &slot : after) {
    if (&slot == head)
      continue; // The head is handled together with its table.
    auto old = known.find(slot.key());
    const Slot &was = old == known.end() ? slot : *old->second;
    const TensorView *base = resolveTensor(opened.checkpoint, slot.name);
    bool changes = isChanged(slot.value);
    if (masked && &slot == masked->head) {
      if (masked->parts)
        if (Error error = addTensor(was, slot, nullptr, base, slot.name))
          return error;
      continue;
    }
    // The bias of a head for masked words has two names. If the decoder has a
    // matrix of its own, its bias counts.
    if (masked && slot.path == masked->head->path &&
        llvm::StringRef(slot.name).ends_with(".bias") && base) {
      std::string used = slot.path + ".decoder.bias",
                  other = slot.path + ".bias";
      if (slot.name == other) {
        for (const std::string &name : {used, other}) {
          const TensorView *stored = opened.checkpoint.find(name);
          if (changes ? stored || (masked->parts && name == used)
                      : !stored && masked->parts && name == used)
            if (Error error = addTensor(was, slot, stored, base, name))
              return error;
        }
        continue;
      }
    }
    if (!head || slot.name != table) {
      if (changes)
        if (Error error = addTensor(was, slot, base, base, slot.name))
          return error;
      continue;
    }
    // The checkpoint may have the weight under either name, or under both. If
    // the two values differ, each gets a tensor; otherwise both get the same
    // value.
    const TensorView *ofHead = opened.checkpoint.find(kHead);
    const TensorView *ofTable = base == ofHead ? nullptr : base;
    bool headChanges = untied ? isChanged(head->value) : changes;
    if (changes || (untied && !ofTable))
      if (ofTable || untied)
        if (Error error = addTensor(was, slot, ofTable, base, slot.name))
          return error;
    if (headChanges || (untied && !ofHead))
      if (ofHead || untied)
        if (Error error =
                addTensor(*known[{table, true}], *head, ofHead, base, kHead))
          return error;
  }
  return Error::success();
}

Error AdaptedModel::addTensor(const Slot &before, const Slot &after,
                              const TensorView *stored, const TensorView *base,
                              const std::string &name) {
  AdaptedTensor tensor;
  tensor.name = stored ? stored->name : name;
  tensor.stored = stored;
  tensor.base = base;
  tensor.path = after.path;
  for (llvm::StringRef table :
       {"embed_tokens.weight", "wte.weight", "word_embeddings.weight"})
    tensor.isTokenTable |=
        after.isEmbedding && llvm::StringRef(after.name).ends_with(table);
  // A new parameter has no former value, so nothing is removed.
  Attribute was = before.value, is = after.value;
  while (&before != &after && !mlir::isa<BaseAttr>(was)) {
    // The resized tensor is the new stored tensor.
    if (!mlir::isa<ResizeRowsAttr>(was) && doTheSame(was, is)) {
      is = onlyOperand(is);
    } else if (mlir::isa<TransposeAttr>(was)) {
      tensor.transposed = !tensor.transposed;
    } else if (!mlir::isa<CastAttr, ResizeRowsAttr>(was)) {
      return makeError(ErrorCode::Unsupported, opened.checkpoint.folder(),
                       ": the adapter changes '", name,
                       "' in a way that cannot be stored in its tensor; "
                       "compile it with --unmerged");
    }
    was = onlyOperand(was);
    if (!was)
      return makeError(ErrorCode::Unsupported, opened.checkpoint.folder(),
                       ": '", name, "' is made of several tensors");
  }
  mlir::RankedTensorType type = typeOf(is);
  tensor.shape.assign(type.getShape().begin(), type.getShape().end());
  if (tensor.transposed)
    std::swap(tensor.shape[0], tensor.shape[1]);
  tensor.dtype = base ? base->dtype : getRuntimeType(type.getElementType());
  tensor.merge = mlir::dyn_cast<MergeAttr>(is);
  if (tensor.merge) {
    Attribute leaf = tensor.merge.getBase();
    while (mlir::isa<CastAttr, TransposeAttr>(leaf))
      leaf = onlyOperand(leaf);
    if (!mlir::isa<BaseAttr>(leaf) || !base || base->shape != tensor.shape)
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
