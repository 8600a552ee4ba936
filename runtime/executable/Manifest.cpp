//===- Manifest.cpp - Reading the manifest --------------------------------===//
//
// Parses the JSON text into a Manifest. Every index, size and offset is checked
// here, so that the rest of the runtime need not. Errors name the entry.
//
//===----------------------------------------------------------------------===//

#include "lora-runtime/Manifest.h"
#include "../payload/PayloadFormat.h"
#include "ManifestModel.h"

#include <algorithm>
#include <array>
#include <limits>
#include <set>

namespace lora_rt {

namespace {

constexpr std::array<const char *, 4> regionNames = {"theta", "gradient",
                                                     "moment1", "moment2"};

constexpr uint64_t maxTensorBytes = uint64_t(1) << 48;

/// Whether a tensor of this shape has at most maxTensorBytes, for every type;
/// -1 counts as 1.
bool isReasonable(std::span<const int64_t> shape) {
  uint64_t elements = 1;
  for (int64_t extent : shape)
    if (__builtin_mul_overflow(elements, uint64_t(extent < 0 ? 1 : extent),
                               &elements) ||
        elements > maxTensorBytes / 8)
      return false;
  return true;
}

/// The number of elements; the largest number if it does not fit.
uint64_t product(std::span<const int64_t> shape, int64_t wildcard) {
  uint64_t elements = 1;
  bool isTooLarge = false;
  for (int64_t extent : shape) {
    uint64_t factor = uint64_t(extent < 0 ? wildcard : extent);
    if (factor == 0)
      return 0;
    isTooLarge |= __builtin_mul_overflow(elements, factor, &elements);
  }
  return isTooLarge ? std::numeric_limits<uint64_t>::max() : elements;
}

class Reader {
public:
  Reader(Manifest &manifest, const std::string &where)
      : manifest(manifest), where(where) {}

  Error read(const Json &json);

private:
  std::string at(const char *list, size_t index) const {
    return where + ": manifest: " + list + "[" + std::to_string(index) + "]";
  }

  Error readTarget(const Json &json);
  Error readParam(const Json &json, size_t index);
  Error readState(const Json &json, size_t index);
  Error readTrainable(const Json &json, size_t index);
  Error checkTrainables() const;
  Error readSlot(const Json &json, size_t index);
  Error readPrimitive(const Json &json, size_t index);
  Error readEntry(const Json &json, size_t index);
  Error readValues(Fields &fields, const char *key,
                   std::vector<Manifest::Value> &values);

  Error readAll(Fields &fields, const char *key,
                Error (Reader::*readOne)(const Json &, size_t)) {
    size_t index = 0;
    for (const Json &entry : fields.list(key))
      if (Error error = (this->*readOne)(entry, index++))
        return error;
    return Error::success();
  }

  Manifest &manifest;
  const std::string &where;
  /// The offset of the next parameter in the pack, if parameters have offsets.
  uint64_t nextOffset = 0;
  std::set<std::string> entryNames;
};

Error Reader::readTarget(const Json &json) {
  Fields fields(json, where + ": manifest: target");
  manifest.target.engine = fields.text("engine");
  manifest.target.cpu = fields.text("cpu");
  for (const Json &feature : fields.list("features")) {
    if (!feature.is_string())
      fields.fail("expected texts in 'features'");
    else
      manifest.target.features.push_back(feature.get<std::string>());
  }
  return fields.finish();
}

Error Reader::readParam(const Json &json, size_t index) {
  Fields fields(json, at("params", index));
  Manifest::Param param;
  param.name = fields.text("name");
  param.dtype = fields.type("dtype");
  param.shape = fields.shape("shape");
  param.layout = fields.layout("layout");
  if (fields.has("bytes")) {
    param.bytes = uint64_t(fields.index("bytes"));
    param.offset = uint64_t(fields.index("offset"));
    param.checksum = fields.text("xxh3");
    // An offset that follows from the sizes before it cannot overlap another
    // parameter.
    if (param.bytes > maxTensorBytes)
      fields.fail("parameter '", param.name, "' is too large");
    else if (param.offset != nextOffset)
      fields.fail("parameter '", param.name, "' is at ", param.offset,
                  " in the pack, but expected it at ", nextOffset,
                  ", on the page behind the one before it");
    else
      nextOffset =
          (param.offset + param.bytes + pageBytes - 1) / pageBytes * pageBytes;
  }
  if (!isReasonable(param.shape))
    fields.fail("parameter '", param.name, "' is too large");
  else if (param.layout != "plain" && param.shape.size() != 2)
    fields.fail("parameter '", param.name, "' is packed, but not a matrix");
  else if (param.bytes && param.layout == "plain" &&
           param.bytes != product(param.shape, 1) * sizeOf(param.dtype))
    fields.fail("parameter '", param.name, "' has ", param.bytes,
                " bytes, which does not fit its shape");
  manifest.params.push_back(std::move(param));
  return fields.finish();
}

Error Reader::readState(const Json &json, size_t index) {
  Fields fields(json, at("states", index));
  Manifest::State state;
  state.name = fields.text("name");
  state.dtype = fields.type("dtype");
  state.shape = fields.shape("shape", /*wildcard=*/true);
  if (!isReasonable(state.shape))
    fields.fail("state '", state.name, "' is too large");
  if (std::count(state.shape.begin(), state.shape.end(), -1) > 1)
    fields.fail("state '", state.name, "' has two sizes of -1");
  manifest.states.push_back(std::move(state));
  return fields.finish();
}

Error Reader::readTrainable(const Json &json, size_t index) {
  Fields fields(json, at("trainables", index));
  Manifest::Trainable trainable;
  trainable.name = fields.text("name");
  trainable.shape = fields.shape("shape");
  trainable.offset = fields.index("offset");
  if (!isReasonable(trainable.shape) || trainable.offset > int64_t(1) << 40)
    fields.fail("trainable '", trainable.name, "' is too large");
  if (trainable.offset % 16 != 0)
    fields.fail("the offset of '", trainable.name, "' is not a multiple of 16");
  manifest.trainables.push_back(std::move(trainable));
  return fields.finish();
}

/// If two trainables overlapped, they would change each other.
Error Reader::checkTrainables() const {
  std::vector<const Manifest::Trainable *> order;
  for (const Manifest::Trainable &trainable : manifest.trainables)
    if (trainable.elements())
      order.push_back(&trainable);
  std::sort(order.begin(), order.end(),
            [](const Manifest::Trainable *a, const Manifest::Trainable *b) {
              return a->offset < b->offset;
            });
  for (size_t i = 1; i < order.size(); ++i)
    if (order[i]->offset < order[i - 1]->offset + order[i - 1]->elements())
      return makeError(ErrorCode::InvalidFile, where,
                       ": manifest: trainables: '", order[i]->name,
                       "' overlaps '", order[i - 1]->name, "'");
  return Error::success();
}

Error Reader::readSlot(const Json &json, size_t index) {
  Fields fields(json, at("slots", index));
  using Kind = Manifest::Slot::Kind;
  auto indexed = [&](const char *key, Kind kind, size_t limit) {
    int64_t target = fields.index(key);
    if (uint64_t(target) >= limit)
      fields.fail("'", key, "' is ", target, ", but there are only ", limit);
    manifest.slots.push_back({kind, size_t(target)});
  };
  if (fields.has("param"))
    indexed("param", Kind::Param, manifest.params.size());
  else if (fields.has("state"))
    indexed("state", Kind::State, manifest.states.size());
  else if (fields.has("trainable"))
    indexed("trainable", Kind::Trainable, manifest.trainables.size());
  else if (fields.has("gradient"))
    indexed("gradient", Kind::Gradient, manifest.trainables.size());
  else {
    std::string name = fields.text("region");
    auto found = std::find(regionNames.begin(), regionNames.end(), name);
    if (found == regionNames.end())
      fields.fail("unknown region '", name, "'");
    else
      manifest.slots.push_back(
          {Kind::Region, size_t(found - regionNames.begin())});
  }
  return fields.finish();
}

Error Reader::readPrimitive(const Json &json, size_t index) {
  // The backend checks all other keys.
  std::string what = at("primitives", index);
  Manifest::Primitive primitive;
  if (!json.is_object() || !json.contains("kind") || !json["kind"].is_string())
    return makeError(ErrorCode::InvalidFile, what, ": expected a 'kind'");
  primitive.kind = json["kind"].get<std::string>();
  primitive.json = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  Fields fields(json, what);
  if (primitive.kind == "matmul") {
    primitive.layout = fields.layout("b_layout");
    primitive.dtype = fields.type("b");
    primitive.n = fields.size("n");
    primitive.k = fields.size("k");
  } else if (primitive.kind == "gather") {
    primitive.layout = fields.layout("layout");
    primitive.dtype = fields.type("dtype");
    primitive.n = fields.size("rows");
    primitive.k = fields.size("width");
  } else {
    fields.fail("unknown kind '", primitive.kind,
                "'; this runtime is older than the compiled model");
  }
  if (Error error = fields.failed())
    return error;
  manifest.primitives.push_back(std::move(primitive));
  return Error::success();
}

Error Reader::readValues(Fields &fields, const char *key,
                         std::vector<Manifest::Value> &values) {
  for (const Json &json : fields.list(key)) {
    Fields value(json, where + ": manifest: " + key);
    Manifest::Value result;
    result.name = value.text("name");
    result.dtype = value.type("dtype");
    result.shape = value.shape("shape");
    if (!isReasonable(result.shape))
      value.fail("'", result.name, "' is too large");
    values.push_back(std::move(result));
    if (Error error = value.finish())
      return error;
  }
  return Error::success();
}

Error Reader::readEntry(const Json &json, size_t index) {
  Fields fields(json, at("entries", index));
  Manifest::Entry entry;
  entry.name = fields.text("name");
  entry.function = fields.text("function");
  entry.tokens = fields.index("tokens");
  // Positions have 32 bits.
  if (entry.tokens > std::numeric_limits<int32_t>::max())
    fields.fail("'", entry.name, "' has too many tokens, ", entry.tokens);
  entry.frameBytes = uint64_t(fields.index("frame_bytes"));
  if (entry.frameBytes > maxTensorBytes)
    fields.fail("the frame of '", entry.name, "' is too large");
  if (!entryNames.insert(entry.name).second)
    fields.fail("there are two entries '", entry.name, "'");
  if (Error error = readValues(fields, "inputs", entry.inputs))
    return error;
  if (Error error = readValues(fields, "outputs", entry.outputs))
    return error;
  manifest.entries.push_back(std::move(entry));
  return fields.finish();
}

Error Reader::read(const Json &json) {
  Fields fields(json, where + ": manifest");
  if (int64_t format = fields.index("format"); format != 2)
    fields.fail("format ", format,
                ", but this runtime reads format 2; compile "
                "the model again with this installation");
  if (Error error = fields.failed())
    return error;
  const Json empty;
  const Json *target = fields.take("target"), *model = fields.take("model");
  if (Error error = readTarget(target ? *target : empty))
    return error;
  if (Error error = readModel(model ? *model : empty, where, manifest.model))
    return error;
  if (Error error = readAll(fields, "params", &Reader::readParam))
    return error;
  if (Error error = readAll(fields, "states", &Reader::readState))
    return error;
  if (Error error = readAll(fields, "trainables", &Reader::readTrainable))
    return error;
  if (Error error = checkTrainables())
    return error;
  if (Error error = readAll(fields, "slots", &Reader::readSlot))
    return error;
  if (Error error = readAll(fields, "primitives", &Reader::readPrimitive))
    return error;
  if (Error error = readAll(fields, "entries", &Reader::readEntry))
    return error;
  if (manifest.model.isBidirectional && !manifest.states.empty())
    fields.fail("a model with bidirectional attention has no states, but this "
                "one has ",
                manifest.states.size());
  return fields.finish();
}

} // namespace

uint64_t Manifest::State::bytes(int64_t rows) const {
  uint64_t bytes;
  // An allocation of the largest number always fails.
  return __builtin_mul_overflow(product(shape, rows), sizeOf(dtype), &bytes)
             ? std::numeric_limits<uint64_t>::max()
             : bytes;
}

int64_t Manifest::Trainable::elements() const {
  return int64_t(product(shape, 1));
}

uint64_t Manifest::Value::bytes() const {
  return product(shape, 1) * sizeOf(dtype);
}

Expected<Manifest> Manifest::parse(std::string_view text,
                                   const std::string &where) {
  Expected<Json> json = parseJson(text, where + ": manifest");
  if (!json)
    return json.takeError();
  Manifest manifest;
  if (Error error = Reader(manifest, where).read(*json))
    return error;
  return manifest;
}

int64_t Manifest::regionElements() const {
  int64_t end = 0;
  for (const Trainable &trainable : trainables)
    end = std::max(end, trainable.offset + trainable.elements());
  return (end + 15) / 16 * 16;
}

std::vector<const Manifest::Entry *>
Manifest::entriesOf(std::string_view function) const {
  std::vector<const Entry *> result;
  for (const Entry &entry : entries)
    if (entry.function == function)
      result.push_back(&entry);
  std::sort(result.begin(), result.end(), [](const Entry *a, const Entry *b) {
    return a->tokens < b->tokens;
  });
  return result;
}

std::string withLayout(const Manifest::Primitive &primitive,
                       const std::string &layout) {
  // The text comes from a JSON value, so it can be parsed.
  Json json = Json::parse(primitive.json, nullptr, /*allow_exceptions=*/false);
  Json &target = json[primitive.kind == "gather" ? "layout" : "b_layout"];
  target = layout == "plain" ? Json{{"scheme", "plain"}}
                             : Json{{"scheme", "onednn"}, {"tag", layout}};
  // A plain table is stored as [n, k].
  if (primitive.kind == "matmul" && layout == "plain")
    json["transpose_b"] = true;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

} // namespace lora_rt
