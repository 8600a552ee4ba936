//===- Manifest.cpp - The manifest of a lowered module --------------------===//
//
// Fills lora_rt::Manifest from the attributes that the importer and the passes
// have left in the module. Nothing is decided here.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Target/Manifest.h"
#include "lora-mlir/Dialect/OneDNN/IR/OneDNNOps.h"
#include "lora-mlir/Dialect/RT/IR/RTOps.h"
#include "lora-mlir/Dialect/Transformer/IR/RuntimeTypes.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <map>

using namespace mlir;
using namespace lora;
using lora_rt::Manifest;

namespace {

/// The manifest's order is that of the slot table's.
static_assert(Manifest::regionNames.size() ==
              rt::getMaxEnumValForRegionKind() + 1);

/// A shape; a dynamic size is -1.
std::vector<int64_t> getShape(ShapedType type) {
  std::vector<int64_t> shape;
  for (int64_t size : type.getShape())
    shape.push_back(ShapedType::isDynamic(size) ? -1 : size);
  return shape;
}

class ProgramDescriber {
public:
  explicit ProgramDescriber(ModuleOp module)
      : module(module), manifest(result.manifest) {}

  FailureOr<ProgramDescription> run() {
    auto target =
        module->getAttrOfType<rt::TargetAttr>(rt::RTDialect::kTargetAttr);
    if (!target)
      return module.emitError() << "expected a module with a target";
    manifest.target = target.getTarget();
    if (failed(addSlots()) || failed(addEntries()))
      return failure();
    for (auto primitive : module.getOps<rt::PrimitiveOp>())
      manifest.primitives.push_back(primitive.getSpec().getSpec());
    addModel();
    if (lora_rt::Error error = manifest.verify("the lowered module"))
      return module.emitError() << error.message();
    return std::move(result);
  }

private:
  //===--------------------------------------------------------------------===//
  // Slots
  //===--------------------------------------------------------------------===//

  LogicalResult addSlots() {
    auto table =
        module->getAttrOfType<ArrayAttr>(rt::RTDialect::kSlotTableAttr);
    if (!table)
      return module.emitError() << "expected a module with a slot table";
    using Kind = Manifest::Slot::Kind;
    for (Attribute entry : table) {
      if (auto region = dyn_cast<rt::RegionAttr>(entry)) {
        manifest.slots.push_back({Kind::Region, size_t(region.getRegion())});
        continue;
      }
      auto slot = cast<rt::SlotAttr>(entry);
      switch (slot.getKind()) {
      case rt::SlotKind::Param:
        manifest.slots.push_back({Kind::Param, getParam(slot)});
        break;
      case rt::SlotKind::State:
        manifest.slots.push_back({Kind::State, getState(slot)});
        break;
      case rt::SlotKind::Trainable:
        manifest.slots.push_back({Kind::Trainable, getTrainable(slot)});
        break;
      case rt::SlotKind::Gradient:
        manifest.slots.push_back({Kind::Gradient, getTrainable(slot)});
        break;
      }
    }
    return success();
  }

  static std::string getName(rt::SlotAttr slot) {
    return transformer::joinPath(slot.getPath(), slot.getSlot());
  }

  /// The index of a parameter; slots that agree in name, value and layout share
  /// one.
  size_t getParam(rt::SlotAttr slot) {
    std::string name = getName(slot);
    RankedTensorType type = slot.getType();
    auto [it, inserted] = params.try_emplace(
        {name, slot.getValue().getAsOpaquePointer(), type.getAsOpaquePointer()},
        result.params.size());
    if (!inserted)
      return it->second;
    BoundValue bound{
        name, slot.getValue(), slot.getPath().str(),
        RankedTensorType::get(type.getShape(), type.getElementType())};
    if (auto packed = dyn_cast_or_null<onednn::PackedAttr>(type.getEncoding()))
      bound.layout = packed.getTag().str();
    Manifest::Param param;
    param.name = name;
    param.dtype = getRuntimeType(type);
    param.shape = getShape(type);
    param.layout = bound.layout;
    manifest.params.push_back(std::move(param));
    result.params.push_back(std::move(bound));
    return it->second;
  }

  size_t getState(rt::SlotAttr slot) {
    std::string name = getName(slot);
    auto [it, inserted] = states.try_emplace(name, manifest.states.size());
    if (inserted)
      manifest.states.push_back(
          {name, getRuntimeType(slot.getType()), getShape(slot.getType())});
    return it->second;
  }

  /// The index of a trainable; its gradient has the same.
  size_t getTrainable(rt::SlotAttr slot) {
    std::string name = getName(slot);
    auto [it, inserted] =
        trainables.try_emplace(name, manifest.trainables.size());
    if (inserted) {
      manifest.trainables.push_back(
          {name, getShape(slot.getType()), slot.getOffset()});
      result.trainables.push_back(
          {name, Attribute(), slot.getPath().str(), slot.getType()});
    }
    // The table has a trainable for every gradient.
    if (Attribute value = slot.getValue())
      result.trainables[it->second].value = value;
    return it->second;
  }

  //===--------------------------------------------------------------------===//
  // Entries
  //===--------------------------------------------------------------------===//

  LogicalResult addEntries() {
    for (auto function : module.getOps<func::FuncOp>()) {
      rt::EntryAttr entry = rt::RTDialect::getEntry(function);
      if (!entry)
        continue;
      auto frame =
          function->getAttrOfType<IntegerAttr>(rt::RTDialect::kFrameBytesAttr);
      if (!frame)
        return function.emitError()
               << "expected an entry to have a planned frame";
      // The context, the slots and the frame are the first arguments.
      ArrayRef<Type> types = function.getArgumentTypes().drop_front(3);
      ArrayAttr inputs = entry.getInputs(), outputs = entry.getOutputs();
      if (types.size() != inputs.size() + outputs.size())
        return function.emitError()
               << "expected an entry to name its " << types.size()
               << " buffers, but got " << inputs.size() << " inputs and "
               << outputs.size() << " outputs";
      manifest.entries.push_back(
          {entry.getName().str(), entry.getFunction().str(), entry.getTokens(),
           uint64_t(frame.getInt()),
           getValues(inputs, types.take_front(inputs.size())),
           getValues(outputs, types.drop_front(inputs.size()))});
    }
    return success();
  }

  static std::vector<Manifest::Value> getValues(ArrayAttr names,
                                                ArrayRef<Type> types) {
    std::vector<Manifest::Value> values;
    for (auto [name, type] : llvm::zip_equal(names, types))
      values.push_back({cast<StringAttr>(name).str(), getRuntimeType(type),
                        getShape(cast<ShapedType>(type))});
    return values;
  }

  //===--------------------------------------------------------------------===//
  // The model
  //===--------------------------------------------------------------------===//

  /// What the runtime knows of the model. A module that is none (functions
  /// under test) counts as one with a vocabulary of one id.
  void addModel() {
    std::optional<transformer::ModelFacts> facts =
        transformer::getModelFacts(module);
    if (facts)
      manifest.model = *facts;
    for (const Manifest::Entry &entry : manifest.entries) {
      if (entry.function == "hidden_states")
        manifest.model.dtype = entry.outputs[0].dtype;
      if (entry.function == "logits" && !facts) {
        manifest.model.head = lora_rt::ModelHead::LanguageModel;
        manifest.model.outputs = manifest.model.vocabSize;
      }
    }
  }

  ModuleOp module;
  ProgramDescription result;
  Manifest &manifest;
  std::map<std::tuple<std::string, const void *, const void *>, size_t> params;
  std::map<std::string, size_t> states, trainables;
};

} // namespace

FailureOr<ProgramDescription> lora::describeProgram(ModuleOp module) {
  return ProgramDescriber(module).run();
}
