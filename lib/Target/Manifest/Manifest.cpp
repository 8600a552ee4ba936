//===- Manifest.cpp - The manifest of a lowered module --------------------===//
//
// Collects parameters, states, slots, primitives and entries of a module in rt
// form. lora_rt::Manifest reads the result.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Target/Manifest.h"
#include "lora-mlir/Dialect/OneDNN/IR/OneDNNOps.h"
#include "lora-mlir/Dialect/RT/IR/RTOps.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace lora;
using Json = nlohmann::ordered_json;

namespace {

std::string getDTypeName(Type type) {
  Type element = getElementTypeOrSelf(type);
  std::string name;
  llvm::raw_string_ostream(name) << element;
  return name;
}

/// A shape as JSON; a dynamic size is -1.
Json getShape(ShapedType type) {
  Json shape = Json::array();
  for (int64_t size : type.getShape())
    shape.push_back(ShapedType::isDynamic(size) ? -1 : size);
  return shape;
}

/// JSON of attributes that are strings, numbers, lists and dictionaries.
Json toJson(Attribute attribute) {
  if (auto text = dyn_cast<StringAttr>(attribute))
    return text.getValue().str();
  if (auto flag = dyn_cast<BoolAttr>(attribute))
    return flag.getValue();
  if (auto number = dyn_cast<IntegerAttr>(attribute))
    return number.getInt();
  if (auto number = dyn_cast<FloatAttr>(attribute))
    return number.getValueAsDouble();
  if (auto numbers = dyn_cast<DenseF32ArrayAttr>(attribute)) {
    Json json = Json::array();
    for (float number : numbers.asArrayRef())
      json.push_back(number);
    return json;
  }
  if (auto list = dyn_cast<ArrayAttr>(attribute)) {
    Json json = Json::array();
    for (Attribute element : list)
      json.push_back(toJson(element));
    return json;
  }
  Json json = Json::object();
  for (NamedAttribute entry : cast<DictionaryAttr>(attribute))
    json[entry.getName().str()] = toJson(entry.getValue());
  return json;
}

class ManifestBuilder {
public:
  explicit ManifestBuilder(ModuleOp module) : module(module) {}

  FailureOr<ModuleManifest> build() {
    Json &json = result.json;
    json["format"] = 2;
    auto target =
        module->getAttrOfType<DictionaryAttr>(rt::RTDialect::kTargetAttr);
    if (!target || !target.contains("cpu") || !target.contains("features"))
      return module.emitError() << "expected a module with a target";
    json["target"] = {{"engine", rt::RTDialect::getEngine(module).str()},
                      {"cpu", toJson(target.get("cpu"))},
                      {"features", toJson(target.get("features"))}};
    json["model"] = Json::object();
    for (const char *list :
         {"params", "states", "trainables", "slots", "primitives", "entries"})
      json[list] = Json::array();
    if (failed(addSlots()) || failed(addEntries()))
      return failure();
    for (auto primitive : module.getOps<rt::PrimitiveOp>())
      json["primitives"].push_back(toJson(primitive.getSpec()));
    json["model"] = getModel();
    return std::move(result);
  }

private:
  //===--------------------------------------------------------------------===//
  // Slots
  //===--------------------------------------------------------------------===//

  LogicalResult addSlots() {
    auto table = module->getAttrOfType<ArrayAttr>("rt.slot_table");
    if (!table)
      return module.emitError() << "expected a module with a slot table";
    for (auto entry : table.getAsRange<DictionaryAttr>()) {
      StringRef kind = entry.getAs<StringAttr>("kind").getValue();
      std::string name = transformer::joinPath(entry.getAs<StringAttr>("path"),
                                               entry.getAs<StringAttr>("slot"));
      auto type =
          cast<RankedTensorType>(entry.getAs<TypeAttr>("type").getValue());
      Json slot = Json::object();
      if (kind == "param")
        slot["param"] = getParam(entry, name, type);
      else if (kind == "state")
        slot["state"] = getState(name, type);
      else if (kind == "trainable" || kind == "gradient")
        slot[kind.str()] = getTrainable(entry, name, type);
      else
        slot["region"] = entry.getAs<StringAttr>("slot").getValue().str();
      result.json["slots"].push_back(std::move(slot));
    }
    for (const BoundValue &trainable : result.trainables)
      if (!trainable.value)
        return module.emitError()
               << "expected the gradient of '" << trainable.name
               << "' to belong to a trainable slot";
    return success();
  }

  /// The index of a parameter. Slots with the same name, value and layout share
  /// one.
  size_t getParam(DictionaryAttr entry, const std::string &name,
                  RankedTensorType type) {
    auto [it, inserted] = params.try_emplace(
        ArrayAttr::get(module.getContext(),
                       {StringAttr::get(module.getContext(), name),
                        entry.get("value"), TypeAttr::get(type)}),
        result.params.size());
    if (!inserted)
      return it->second;
    BoundValue bound{
        name, entry.get("value"),
        entry.getAs<StringAttr>("path").getValue().str(),
        RankedTensorType::get(type.getShape(), type.getElementType()), "plain"};
    Json layout = {{"scheme", "plain"}};
    if (auto packed =
            dyn_cast_or_null<onednn::PackedAttr>(type.getEncoding())) {
      bound.layout = packed.getTag().str();
      layout = {{"scheme", "onednn"}, {"tag", bound.layout}};
    }
    result.json["params"].push_back({{"name", name},
                                     {"dtype", getDTypeName(type)},
                                     {"shape", getShape(type)},
                                     {"layout", layout}});
    result.params.push_back(std::move(bound));
    return it->second;
  }

  size_t getState(const std::string &name, RankedTensorType type) {
    auto [it, inserted] =
        states.try_emplace(name, result.json["states"].size());
    if (inserted)
      result.json["states"].push_back({{"name", name},
                                       {"dtype", getDTypeName(type)},
                                       {"shape", getShape(type)}});
    return it->second;
  }

  /// The index of a trainable. Its gradient has the same index.
  size_t getTrainable(DictionaryAttr entry, const std::string &name,
                      RankedTensorType type) {
    auto [it, inserted] =
        trainables.try_emplace(name, result.trainables.size());
    if (inserted) {
      result.json["trainables"].push_back(
          {{"name", name},
           {"shape", getShape(type)},
           {"offset", entry.getAs<IntegerAttr>("offset").getInt()}});
      result.trainables.push_back(
          {name, Attribute(), entry.getAs<StringAttr>("path").getValue().str(),
           type, "plain"});
    }
    if (Attribute value = entry.get("value"))
      result.trainables[it->second].value = value;
    return it->second;
  }

  //===--------------------------------------------------------------------===//
  // Entries
  //===--------------------------------------------------------------------===//

  LogicalResult addEntries() {
    for (auto function : module.getOps<func::FuncOp>()) {
      auto entry =
          function->getAttrOfType<DictionaryAttr>(rt::RTDialect::kEntryAttr);
      if (!entry)
        continue;
      auto frame =
          function->getAttrOfType<IntegerAttr>(rt::RTDialect::kFrameBytesAttr);
      if (!frame)
        return function.emitError()
               << "expected an entry to have a planned frame";
      // The context, the slots and the frame are the first arguments.
      ArrayRef<Type> types = function.getArgumentTypes().drop_front(3);
      auto inputs = entry.getAs<ArrayAttr>("inputs");
      auto outputs = entry.getAs<ArrayAttr>("outputs");
      if (types.size() != inputs.size() + outputs.size())
        return function.emitError()
               << "expected an entry to name its " << types.size()
               << " buffers, but got " << inputs.size() << " inputs and "
               << outputs.size() << " outputs";
      result.json["entries"].push_back(
          {{"name", toJson(entry.get("name"))},
           {"function", toJson(entry.get("function"))},
           {"tokens", toJson(entry.get("tokens"))},
           {"frame_bytes", frame.getInt()},
           {"inputs", getValues(inputs, types.take_front(inputs.size()))},
           {"outputs", getValues(outputs, types.drop_front(inputs.size()))}});
    }
    return success();
  }

  static Json getValues(ArrayAttr names, ArrayRef<Type> types) {
    Json values = Json::array();
    for (auto [name, type] : llvm::zip_equal(names, types))
      values.push_back({{"name", toJson(name)},
                        {"dtype", getDTypeName(type)},
                        {"shape", getShape(cast<ShapedType>(type))}});
    return values;
  }

  //===--------------------------------------------------------------------===//
  // The model
  //===--------------------------------------------------------------------===//

  /// The model for the runtime: the module's attribute with the same keys.
  /// Missing keys are those of a causal language model. A module without the
  /// attribute (a function under test) counts as one with a vocabulary of one
  /// id.
  Json getModel() {
    auto model = module->getAttrOfType<DictionaryAttr>(
        transformer::TransformerDialect::kModelAttr);
    auto get = [&](StringRef key, Json absent) {
      return model && model.contains(key) ? toJson(model.get(key)) : absent;
    };
    std::string dtype = "f32";
    bool hasHead = false;
    for (const Json &entry : result.json["entries"]) {
      if (entry["function"] == "hidden_states")
        dtype = entry["outputs"][0]["dtype"];
      hasHead |= entry["function"] == "logits";
    }
    Json vocabulary = get("vocab_size", 1);
    Json json = {{"family", get("family", "none")},
                 {"vocab_size", vocabulary},
                 {"hidden_size", get("hidden_size", 1)},
                 {"max_positions", get("max_positions", 1)},
                 {"dtype", dtype},
                 {"eos_token_ids", get("eos_token_ids", Json::array())},
                 {"head", get("head", hasHead ? "language_model" : "none")},
                 {"outputs", get("outputs", hasHead ? vocabulary : Json(0))},
                 {"attention", get("attention", "causal")},
                 {"token_types", get("token_types", 0)},
                 {"pad_token_id", get("pad_token_id", -1)},
                 {"positions", get("positions", "plain")}};
    for (StringRef key : {"rope", "pooled"})
      if (model && model.contains(key))
        json[key.str()] = toJson(model.get(key));
    return json;
  }

  ModuleOp module;
  ModuleManifest result;
  llvm::DenseMap<Attribute, size_t> params;
  std::map<std::string, size_t> states, trainables;
};

} // namespace

FailureOr<ModuleManifest> lora::buildManifest(ModuleOp module) {
  return ManifestBuilder(module).build();
}
