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
    rt::SlotKind kind = rt::SlotKind::Param;
    if (getSlotRole(block, i) == Role::State)
      kind = rt::SlotKind::State;
    else if (getSlotRole(block, i) == Role::Trainable)
      kind = rt::SlotKind::Trainable;
    slots.push_back(
        {kind, name, cast<RankedTensorType>(block.getArgumentTypes()[i]), i});
  }
  for (unsigned i = 0, e = block.getNumResults(); i < e; ++i)
    if (auto name = block.getResultAttrOfType<StringAttr>(
            i, TransformerDialect::kGradAttr))
      slots.push_back({rt::SlotKind::Gradient, name,
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
  SmallVector<Attribute> range;
  for (const BlockSlot &slot : getBlockSlots(block)) {
    Attribute value;
    int64_t offset = -1;
    if (slot.kind == rt::SlotKind::Param ||
        slot.kind == rt::SlotKind::Trainable)
      value = getSlotValue(apply, block, slot.index);
    if (slot.kind == rt::SlotKind::Trainable ||
        slot.kind == rt::SlotKind::Gradient) {
      FailureOr<int64_t> place = getOffset(apply, slot);
      if (failed(place))
        return failure();
      offset = *place;
    }
    range.push_back(rt::SlotAttr::get(module.getContext(), slot.kind,
                                      apply.getPathAttr(), slot.name, slot.type,
                                      value, offset));
  }
  ArrayAttr key = ArrayAttr::get(module.getContext(), range);
  auto [it, inserted] = ranges.try_emplace(key, entries.size());
  if (inserted)
    entries.append(range);
  return it->second;
}

RankedTensorType SlotTable::getRegionType() {
  return RankedTensorType::get({regionSize},
                               Float32Type::get(module.getContext()));
}

int64_t SlotTable::getRegion(rt::RegionKind region) {
  auto [it, inserted] = regions.try_emplace(region, entries.size());
  if (inserted)
    entries.push_back(
        rt::RegionAttr::get(module.getContext(), region, getRegionType()));
  return it->second;
}

ArrayAttr SlotTable::getAttr() {
  return ArrayAttr::get(module.getContext(), entries);
}
