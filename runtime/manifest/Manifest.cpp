//===- Manifest.cpp - The manifest as text, and what must hold in it ------===//
//
// The text comes from a file that anybody may have written. Values are read by
// their types first; then `verify` compares them with each other, so that sizes
// can be computed with and indices be used without a check.
//
//===----------------------------------------------------------------------===//

#include "lora-runtime/Manifest.h"
#include "../payload/PayloadFormat.h"
#include "FieldsJson.h"
#include "lora-runtime/Payload.h"

#include <algorithm>
#include <limits>
#include <set>

namespace lora_rt {

namespace {

constexpr uint64_t maxTensorBytes = uint64_t(1) << 48;

/// Whether a tensor of this shape has at most maxTensorBytes, whatever its
/// type; -1 counts as 1.
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

/// Compares the values of a manifest with each other.
class Verifier {
public:
  Verifier(const Manifest &manifest, const std::string &what)
      : manifest(manifest), what(what) {}

  Error run();

private:
  template <typename... Parts> Error fail(const Parts &...parts) const {
    return makeError(ErrorCode::InvalidFile, what, ": ", parts...);
  }
  Error verifyParams() const;
  Error verifyStates() const;
  Error verifyTrainables() const;
  Error verifySlots() const;
  Error verifyPrimitives() const;
  Error verifyEntries() const;

  const Manifest &manifest;
  const std::string &what;
};

Error Verifier::verifyParams() const {
  // A place that follows from the sizes before it cannot be that of another
  // parameter.
  uint64_t nextOffset = 0;
  for (size_t i = 0; i < manifest.params.size(); ++i) {
    const Manifest::Param &param = manifest.params[i];
    auto failParam = [&](const auto &...parts) {
      return fail("params[", i, "]: parameter '", param.name, "' ", parts...);
    };
    if (!isReasonable(param.shape) || param.bytes > maxTensorBytes)
      return failParam("is too large");
    if (param.layout != plainLayout && param.shape.size() != 2)
      return failParam("is packed, but not a matrix");
    if (!param.isPlaced)
      continue;
    if (param.layout == plainLayout &&
        param.bytes != product(param.shape, 1) * sizeOf(param.dtype))
      return failParam("has ", param.bytes,
                       " bytes, which does not fit its shape");
    if (param.offset != nextOffset)
      return failParam("is at ", param.offset,
                       " in the pack, but expected it at ", nextOffset,
                       ", on the page behind the one before it");
    nextOffset =
        (param.offset + param.bytes + pageBytes - 1) / pageBytes * pageBytes;
  }
  return Error::success();
}

Error Verifier::verifyStates() const {
  for (const Manifest::State &state : manifest.states) {
    if (!isReasonable(state.shape))
      return fail("states: '", state.name, "' is too large");
    if (std::count(state.shape.begin(), state.shape.end(), -1) > 1)
      return fail("states: '", state.name, "' has two sizes of -1");
  }
  if (manifest.model.isBidirectional && !manifest.states.empty())
    return fail("a model with bidirectional attention has no states, but this "
                "one has ",
                manifest.states.size());
  return Error::success();
}

/// Two trainables that share numbers would change each other.
Error Verifier::verifyTrainables() const {
  std::vector<const Manifest::Trainable *> order;
  for (const Manifest::Trainable &trainable : manifest.trainables) {
    if (!isReasonable(trainable.shape) || trainable.offset > int64_t(1) << 40)
      return fail("trainables: '", trainable.name, "' is too large");
    if (trainable.offset % 16 != 0)
      return fail("trainables: the offset of '", trainable.name,
                  "' is not a multiple of 16");
    if (trainable.elements())
      order.push_back(&trainable);
  }
  std::sort(order.begin(), order.end(),
            [](const Manifest::Trainable *a, const Manifest::Trainable *b) {
              return a->offset < b->offset;
            });
  for (size_t i = 1; i < order.size(); ++i)
    if (order[i]->offset < order[i - 1]->offset + order[i - 1]->elements())
      return fail("trainables: '", order[i]->name, "' overlaps '",
                  order[i - 1]->name, "'");
  return Error::success();
}

Error Verifier::verifySlots() const {
  using Kind = Manifest::Slot::Kind;
  for (size_t i = 0; i < manifest.slots.size(); ++i) {
    const Manifest::Slot &slot = manifest.slots[i];
    size_t limit = slot.kind == Kind::Param    ? manifest.params.size()
                   : slot.kind == Kind::State  ? manifest.states.size()
                   : slot.kind == Kind::Region ? Manifest::regionNames.size()
                                               : manifest.trainables.size();
    if (slot.index >= limit)
      return fail("slots[", i, "]: '",
                  Manifest::Slot::kindNames[size_t(slot.kind)], "' is ",
                  slot.index, ", but there are only ", limit);
  }
  return Error::success();
}

Error Verifier::verifyPrimitives() const {
  for (size_t i = 0; i < manifest.primitives.size(); ++i)
    if (Error error = manifest.primitives[i].verify(what + ": primitives[" +
                                                    std::to_string(i) + "]"))
      return error;
  return Error::success();
}

Error Verifier::verifyEntries() const {
  std::set<std::string_view> names;
  for (const Manifest::Entry &entry : manifest.entries) {
    // Positions are 32 bits wide.
    if (entry.tokens > std::numeric_limits<int32_t>::max())
      return fail("entries: '", entry.name, "' has too many tokens, ",
                  entry.tokens);
    if (entry.frameBytes > maxTensorBytes)
      return fail("entries: the frame of '", entry.name, "' is too large");
    if (!names.insert(entry.name).second)
      return fail("there are two entries '", entry.name, "'");
    for (const auto *values : {&entry.inputs, &entry.outputs})
      for (const Manifest::Value &value : *values)
        if (!isReasonable(value.shape))
          return fail("entries: '", value.name, "' of '", entry.name,
                      "' is too large");
  }
  return Error::success();
}

Error Verifier::run() {
  if (Error error = manifest.model.verify(what + ": model"))
    return error;
  for (Error (Verifier::*verify)() const :
       {&Verifier::verifyParams, &Verifier::verifyStates,
        &Verifier::verifyTrainables, &Verifier::verifySlots,
        &Verifier::verifyPrimitives, &Verifier::verifyEntries})
    if (Error error = (this->*verify)())
      return error;
  return Error::success();
}

Error verifyRope(const Manifest::Rope &rope, const std::string &what) {
  if (rope.kind == Manifest::Rope::Kind::Dynamic) {
    if (rope.width % 2 != 0 || rope.width < 4 || rope.width > 65536)
      return makeError(ErrorCode::InvalidFile, what,
                       ": expected an even 'width' from 4 to 65536");
  } else if (rope.shortFrequencies.empty() ||
             rope.shortFrequencies.size() != rope.longFrequencies.size()) {
    return makeError(ErrorCode::InvalidFile, what,
                     ": expected as many 'short' frequencies as 'long' ones");
  }
  return Error::success();
}

} // namespace

Error Manifest::Model::verify(const std::string &what) const {
  auto fail = [&](const auto &...parts) {
    return makeError(ErrorCode::InvalidFile, what, ": ", parts...);
  };
  // Token ids and positions are 32 bits wide.
  for (auto [key, value] :
       {std::pair("vocab_size", vocabSize), {"max_positions", maxPositions}})
    if (value > std::numeric_limits<int32_t>::max())
      return fail("'", key, "' is ", value, ", which is too large");
  if (hasHead() != (outputs > 0))
    return fail(
        "expected 'outputs' to be above 0 with a head and 0 without one");
  if (!isBidirectional && !poolsLast)
    return fail("with causal attention, the first token ('pooled') sees no "
                "other one");
  if (skipsPadding && (padTokenId < 0 || !isBidirectional))
    return fail("positions that skip padding need bidirectional attention and "
                "a 'pad_token_id'");
  return rope ? verifyRope(*rope, what + ": rope") : Error::success();
}

void Manifest::Param::setPlace(const PackedPlace &place) {
  isPlaced = true;
  bytes = place.bytes;
  offset = place.offset;
  checksum = place.checksum;
}

uint64_t Manifest::State::bytes(int64_t rows) const {
  uint64_t bytes;
  // No allocation of the largest number succeeds.
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

Error Manifest::verify(const std::string &where) const {
  return Verifier(*this, where + ": manifest").run();
}

Expected<Manifest> Manifest::parse(std::string_view text,
                                   const std::string &where) {
  std::string what = where + ": manifest";
  Expected<Json> json = parseJson(text, what);
  if (!json)
    return json.takeError();
  // Before anything that another format may have.
  int64_t format = json->is_object() && json->contains("format") &&
                           isIndex((*json)["format"])
                       ? (*json)["format"].get<int64_t>()
                       : -1;
  if (format < 0)
    return makeError(ErrorCode::InvalidFile, what,
                     ": expected a whole number from 0 on for 'format'");
  if (format != formatVersion)
    return makeError(ErrorCode::InvalidFile, what, ": format ", format,
                     ", but this runtime reads format ", formatVersion,
                     "; compile the model again with this installation");
  json->erase("format");
  Manifest manifest;
  if (Error error = FieldsReader::read(*json, what, manifest))
    return error;
  if (Error error = manifest.verify(where))
    return error;
  return manifest;
}

Expected<Manifest> Manifest::read(const Payload &payload) {
  Expected<std::span<const std::byte>> text = payload.verified(manifestPart);
  if (!text)
    return text.takeError();
  return parse({reinterpret_cast<const char *>(text->data()), text->size()},
               payload.path());
}

std::string Manifest::print() const {
  OrderedJson json;
  json["format"] = formatVersion;
  json.update(FieldsWriter::write(*this));
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
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

} // namespace lora_rt
