//===- ManifestContract.cpp - What code was compiled for ------------------===//
//
// Computes one checksum for each member of the manifest, from the values that
// were read, not from their text. Structured bindings name every field of a
// struct. So if a field is added, this file does not compile until it is
// decided here whether compiled code depends on the field.
//
//===----------------------------------------------------------------------===//

#include "lora-runtime/Manifest.h"

#include <bit>
#include <cinttypes>
#include <cstdio>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace lora_rt {

namespace {

/// A checksum of a sequence of values: numbers as 8 bytes, texts and lists
/// after their lengths, so that different sequences have different bytes.
class Hash {
public:
  Hash() { XXH3_64bits_reset(&state); }

  void add(uint64_t value) { XXH3_64bits_update(&state, &value, 8); }
  void add(int64_t value) { add(uint64_t(value)); }
  void add(int32_t value) { add(int64_t(value)); }
  void add(bool value) { add(uint64_t(value)); }
  void add(double value) { add(std::bit_cast<uint64_t>(value)); }
  void add(float value) { add(double(value)); }
  void add(DType value) { add(std::string(manifestName(value))); }
  void add(ModelHead value) { add(std::string(headName(value))); }
  void add(const std::string &text) {
    add(uint64_t(text.size()));
    XXH3_64bits_update(&state, text.data(), text.size());
  }
  template <typename Element> void add(const std::vector<Element> &list) {
    add(uint64_t(list.size()));
    for (const Element &element : list)
      add(element);
  }

  void add(const Manifest::Target &target) {
    const auto &[engine, cpu, features] = target;
    addAll(engine, cpu, features);
  }
  void add(const Manifest::Rope &rope) {
    const auto &[kind, switchLength, width, theta, factor, shortFrequencies,
                 longFrequencies] = rope;
    addAll(uint64_t(kind), switchLength, width, theta, factor, shortFrequencies,
           longFrequencies);
  }
  void add(const Manifest::Model &model) {
    const auto &[family, vocabSize, hiddenSize, maxPositions, dtype,
                 eosTokenIds, head, outputs, isBidirectional, poolsLast,
                 tokenTypes, padTokenId, skipsPadding, rope] = model;
    addAll(family, vocabSize, hiddenSize, maxPositions, dtype, eosTokenIds,
           head, outputs, isBidirectional, poolsLast, tokenTypes, padTokenId,
           skipsPadding, rope.has_value());
    if (rope)
      add(*rope);
  }
  void add(const Manifest::Param &param) {
    // The fields after the layout change with the weights.
    const auto &[name, dtype, shape, layout, bytes, offset, checksum] = param;
    addAll(name, dtype, shape, layout);
  }
  void add(const Manifest::State &state) {
    const auto &[name, dtype, shape] = state;
    addAll(name, dtype, shape);
  }
  void add(const Manifest::Trainable &trainable) {
    const auto &[name, shape, offset] = trainable;
    addAll(name, shape, offset);
  }
  void add(const Manifest::Slot &slot) {
    const auto &[kind, index] = slot;
    addAll(uint64_t(kind), uint64_t(index));
  }
  void add(const Manifest::Primitive &primitive) {
    // The text contains all fields, including those that the others were read
    // from.
    const auto &[kind, json, layout, dtype, n, k] = primitive;
    add(json);
  }
  void add(const Manifest::Value &value) {
    const auto &[name, dtype, shape] = value;
    addAll(name, dtype, shape);
  }
  void add(const Manifest::Entry &entry) {
    const auto &[name, function, tokens, frameBytes, inputs, outputs] = entry;
    addAll(name, function, tokens, frameBytes, inputs, outputs);
  }

  uint64_t digest() const { return XXH3_64bits_digest(&state); }

private:
  template <typename... Values> void addAll(const Values &...values) {
    (add(values), ...);
  }

  XXH3_state_t state;
};

template <typename Value> uint64_t hashOf(const Value &value) {
  Hash hash;
  hash.add(value);
  return hash.digest();
}

std::string hexadecimal(uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof(text), "%016" PRIx64, value);
  return text;
}

} // namespace

lora_rt_contract Manifest::contract() const {
  const auto &[target, model, params, states, trainables, slots, primitives,
               entries] = *this;
  return {hashOf(target),     hashOf(model),      hashOf(params),
          hashOf(states),     hashOf(trainables), hashOf(slots),
          hashOf(primitives), hashOf(entries)};
}

Error checkContract(const Manifest &manifest, const lora_rt_contract &code,
                    const std::string &where) {
  lora_rt_contract file = manifest.contract();
  struct Member {
    const char *name;
    uint64_t lora_rt_contract::*value;
  };
  constexpr Member members[] = {{"target", &lora_rt_contract::target},
                                {"model", &lora_rt_contract::model},
                                {"params", &lora_rt_contract::params},
                                {"states", &lora_rt_contract::states},
                                {"trainables", &lora_rt_contract::trainables},
                                {"slots", &lora_rt_contract::slots},
                                {"primitives", &lora_rt_contract::primitives},
                                {"entries", &lora_rt_contract::entries}};
  static_assert(sizeof(members) / sizeof(Member) * sizeof(uint64_t) ==
                sizeof(lora_rt_contract));
  for (const Member &member : members)
    if (file.*member.value != code.*member.value)
      return makeError(ErrorCode::InvalidFile, where, ": '", member.name,
                       "' in its manifest is not what its code was made for: "
                       "the manifest says ",
                       hexadecimal(file.*member.value),
                       " (a checksum), the code was made for ",
                       hexadecimal(code.*member.value),
                       "; the file was changed, compile the model again");
  return Error::success();
}

} // namespace lora_rt
