//===- SlotTable.cpp - The table of parameters and state ------------------===//
//
// Collects the slots of all applications into one table, with ranges that
// applications of equal slots share, and gives each trainable value its offset
// in the flat regions. An inconsistent graph is a diagnostic at the
// application.
//
//===----------------------------------------------------------------------===//

#include "SlotTable.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace lora;
using namespace lora::transformer;

/// The alignment of a trainable value in the regions, in elements.
static constexpr int64_t kRegionAlignment = 16;

SmallVector<BlockSlot> lora::getBlockSlots(func::FuncOp block) {
  SmallVector<BlockSlot> slots;
  for (unsigned i = 0, e = block.getNumArguments(); i < e; ++i) {
    StringAttr name = getSlotName(block, i);
    if (!name)
      continue;
    StringRef kind = "param";
    if (getSlotRole(block, i) == Role::State)
      kind = "state";
    else if (getSlotRole(block, i) == Role::Trainable)
      kind = "trainable";
    slots.push_back(
        {kind, name, cast<RankedTensorType>(block.getArgumentTypes()[i]), i});
  }
  for (unsigned i = 0, e = block.getNumResults(); i < e; ++i)
    if (auto name = block.getResultAttrOfType<StringAttr>(
            i, TransformerDialect::kGradAttr))
      slots.push_back({"gradient", name,
                       cast<RankedTensorType>(block.getResultTypes()[i]), i});
  return slots;
}

FailureOr<int64_t> SlotTable::getOffset(ApplyOp apply, const BlockSlot &slot) {
  if (!slot.type.hasStaticShape() || !slot.type.getElementType().isF32())
    return apply.emitOpError()
           << "expected the trainable slot '" << slot.name.getValue()
           << "' and its gradient to be static and f32, but got " << slot.type;
  int64_t size = slot.type.getNumElements();
  auto [it, inserted] = offsets.try_emplace(
      joinPath(apply.getPath(), slot.name), regionSize, size);
  if (inserted)
    regionSize = llvm::alignTo(regionSize + size, kRegionAlignment);
  else if (it->second.second != size)
    return apply.emitOpError()
           << "expected the trainable slot '" << slot.name.getValue()
           << "' to have one size, but got " << it->second.second << " and "
           << size << " elements";
  return it->second.first;
}

FailureOr<int64_t> SlotTable::getRange(ApplyOp apply, func::FuncOp block) {
  Builder builder(module.getContext());
  SmallVector<Attribute> range;
  for (const BlockSlot &slot : getBlockSlots(block)) {
    NamedAttrList entry;
    entry.append("kind", builder.getStringAttr(slot.kind));
    entry.append("path", apply.getPathAttr());
    entry.append("slot", slot.name);
    entry.append("type", TypeAttr::get(slot.type));
    if (slot.kind == "param" || slot.kind == "trainable")
      entry.append("value", getSlotValue(apply, block, slot.index));
    if (slot.kind == "trainable" || slot.kind == "gradient") {
      FailureOr<int64_t> offset = getOffset(apply, slot);
      if (failed(offset))
        return failure();
      entry.append("offset", builder.getI64IntegerAttr(*offset));
    }
    range.push_back(entry.getDictionary(module.getContext()));
  }
  auto [it, inserted] =
      ranges.try_emplace(builder.getArrayAttr(range), entries.size());
  if (inserted)
    entries.append(range);
  return it->second;
}

RankedTensorType SlotTable::getRegionType() {
  return RankedTensorType::get({regionSize},
                               Float32Type::get(module.getContext()));
}

int64_t SlotTable::getRegion(StringRef name) {
  auto [it, inserted] = regions.try_emplace(name, entries.size());
  if (inserted) {
    Builder builder(module.getContext());
    entries.push_back(builder.getDictionaryAttr(
        {builder.getNamedAttr("kind", builder.getStringAttr("region")),
         builder.getNamedAttr("path", builder.getStringAttr("")),
         builder.getNamedAttr("slot", builder.getStringAttr(name)),
         builder.getNamedAttr("type", TypeAttr::get(getRegionType()))}));
  }
  return it->second;
}

ArrayAttr SlotTable::getAttr() {
  return ArrayAttr::get(module.getContext(), entries);
}
