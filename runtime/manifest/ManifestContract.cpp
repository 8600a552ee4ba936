//===- ManifestContract.cpp - What code was compiled for ------------------===//
//
// One checksum for each member of the manifest, over the values that
// `visitFields` lists and not over their text: a field that is added is covered
// unless its struct leaves it out for a visitor of the contract.
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

/// A checksum of values, one after the other: numbers as 8 bytes, texts and
/// lists behind their lengths, so that no two sequences are the same bytes.
class ContractHash {
public:
  static constexpr bool isContract = true;

  ContractHash() { XXH3_64bits_reset(&state); }

  template <typename T> static uint64_t of(const T &value) {
    ContractHash hash;
    hash("", value);
    return XXH3_64bits_digest(&hash.state);
  }

  template <size_t N, typename T>
  void choose(const std::array<const char *, N> &, const T &choice) {
    add(uint64_t(choice));
  }
  bool group(const char *, bool isPresent) {
    add(uint64_t(isPresent));
    return isPresent;
  }

  void operator()(const char *, const std::string &text) {
    add(uint64_t(text.size()));
    XXH3_64bits_update(&state, text.data(), text.size());
  }
  void operator()(const char *key, const DType &value) {
    (*this)(key, std::string(manifestName(value)));
  }
  void operator()(const char *, const int32_t &value) {
    add(uint64_t(int64_t(value)));
  }
  void operator()(const char *, const int64_t &value) { add(uint64_t(value)); }
  void operator()(const char *, const uint64_t &value) { add(value); }
  void operator()(const char *, const double &value) {
    add(std::bit_cast<uint64_t>(value));
  }
  void operator()(const char *key, const float &value) {
    (*this)(key, double(value));
  }
  void operator()(const char *, FlagField<const bool> field) {
    add(uint64_t(field.value));
  }
  template <typename T, size_t N>
  void operator()(const char *key, NamedField<T, N> field) {
    (*this)(key, std::string(field.names[size_t(field.value)]));
  }
  // What a value may hold does not matter here.
  template <template <typename> typename Rule, typename T>
  void operator()(const char *key, Rule<T> field)
    requires requires { field.value; }
  {
    (*this)(key, field.value);
  }
  template <typename Rule, typename T, typename Absent>
  void operator()(const char *key, DefaultedField<Rule, T, Absent> field) {
    (*this)(key, field.rule);
  }
  template <typename T>
  void operator()(const char *key, const std::optional<T> &value) {
    if (group(key, value.has_value()))
      (*this)(key, *value);
  }
  template <typename T>
  void operator()(const char *key, const std::vector<T> &list) {
    add(uint64_t(list.size()));
    for (const T &element : list)
      (*this)(key, element);
  }
  template <typename T>
    requires requires(const T &value, ContractHash &hash) {
      T::visitFields(value, hash);
    }
  void operator()(const char *, const T &value) {
    T::visitFields(value, *this);
  }

private:
  void add(uint64_t value) { XXH3_64bits_update(&state, &value, 8); }

  XXH3_state_t state;
};

std::string hexadecimal(uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof(text), "%016" PRIx64, value);
  return text;
}

} // namespace

lora_rt_contract Manifest::contract() const {
  return {ContractHash::of(target),     ContractHash::of(model),
          ContractHash::of(params),     ContractHash::of(states),
          ContractHash::of(trainables), ContractHash::of(slots),
          ContractHash::of(primitives), ContractHash::of(entries)};
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
