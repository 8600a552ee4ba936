//===- JsonMutator.h - Damaged JSON that is still JSON ----------*- C++ -*-===//
//
// Random changes of bytes nearly always end in an error of the parser. Here one
// value of a text is changed, removed, copied or replaced, so that the code
// that reads the values is tested. Key names come from the texts of the corpus
// and from each target's dictionary.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_TEST_FUZZ_JSONMUTATOR_H
#define LORA_TEST_FUZZ_JSONMUTATOR_H

#define JSON_NOEXCEPTION 1
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t maxSize);

namespace fuzz {

using Json = nlohmann::ordered_json;

inline Json parse(std::string_view text) {
  return Json::parse(text.begin(), text.end(), nullptr,
                     /*allow_exceptions=*/false);
}

inline std::string print(const Json &value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// `text` with bytes changed by libFuzzer.
inline std::string mutateBytes(std::string text, size_t maxSize) {
  size_t size = std::min(text.size(), maxSize);
  text.resize(maxSize);
  text.resize(LLVMFuzzerMutate(reinterpret_cast<uint8_t *>(text.data()), size,
                               maxSize));
  return text;
}

class JsonMutator {
public:
  JsonMutator(unsigned seed, std::span<const char *const> words)
      : random(seed), words(words) {}

  /// A text of at most `maxSize` bytes that differs little from `text`.
  std::string mutate(const std::string &text, size_t maxSize) {
    if (pick(16) != 0)
      if (Json root = parse(text); !root.is_discarded()) {
        for (size_t rounds = 1 + pick(3); rounds; --rounds)
          mutateOnce(root);
        if (std::string changed = print(root); changed.size() <= maxSize)
          return changed;
      }
    return mutateBytes(text, maxSize);
  }

  size_t pick(size_t count) { return count ? random() % count : 0; }

  /// A number at which sizes and offsets often go wrong.
  uint64_t size() {
    static constexpr uint64_t sizes[] = {0,
                                         1,
                                         2,
                                         3,
                                         7,
                                         8,
                                         64,
                                         127,
                                         255,
                                         4096,
                                         65535,
                                         0x7fffffff,
                                         0x80000000,
                                         0xffffffff,
                                         uint64_t(1) << 45,
                                         INT64_MAX - 1,
                                         INT64_MAX,
                                         uint64_t(INT64_MAX) + 1,
                                         UINT64_MAX};
    return sizes[pick(std::size(sizes))];
  }

  void mutateOnce(Json &root) {
    std::vector<Json *> nodes;
    collect(root, nodes, 0);
    Json &node = *nodes[pick(nodes.size())];
    // This must be a copy: assigning a part of a value to the value itself
    // moves the part away.
    Json other = *nodes[pick(nodes.size())];
    switch (pick(9)) {
    case 0:
      node = number();
      break;
    case 1:
      node = other;
      break;
    case 2:
      eraseChild(node);
      break;
    case 3:
      if (node.is_object())
        node[key(node)] = pick(2) ? other : number();
      break;
    case 4:
      if (node.is_array())
        for (size_t copies = 1 + pick(pick(8) ? 2 : 40); copies; --copies)
          node.push_back(other);
      break;
    case 5:
      if (node.is_string())
        node = mutateBytes(node.get<std::string>(), 64);
      else if (node.is_number_integer())
        node = int64_t(node.get<uint64_t>() + pick(33) - 16); // It may wrap.
      break;
    case 6:
      node = constant();
      break;
    case 7:
      for (size_t levels = pick(8) ? 1 : pick(80); levels; --levels)
        node = pick(2) ? Json::array({node}) : Json{{word("a"), node}};
      break;
    case 8:
      node = word("");
      break;
    }
  }

private:
  static void collect(Json &node, std::vector<Json *> &nodes, int depth) {
    nodes.push_back(&node);
    if (depth < 100 && node.is_structured())
      for (Json &child : node)
        collect(child, nodes, depth + 1);
  }

  Json number() {
    static const int64_t negative[] = {-1, -2, -100, INT32_MIN, INT64_MIN};
    static const double fractions[] = {0.5,   -0.0, 1.5,    1e-30, 1e30,
                                       1e308, 4.0,  5e-324, 3e38,  -1e300};
    switch (pick(4)) {
    case 0:
      return negative[pick(std::size(negative))];
    case 1:
      return fractions[pick(std::size(fractions))];
    default:
      return size();
    }
  }

  Json constant() {
    switch (pick(6)) {
    case 0:
      return nullptr;
    case 1:
      return true;
    case 2:
      return false;
    case 3:
      return "";
    case 4:
      return Json::array();
    default:
      return Json::object();
    }
  }

  std::string word(std::string fallback) {
    return words.empty() ? fallback : words[pick(words.size())];
  }

  /// A key that `object` has, or a new one.
  std::string key(const Json &object) {
    if (object.empty() || pick(2))
      return word("key");
    return std::next(object.begin(), int64_t(pick(object.size()))).key();
  }

  void eraseChild(Json &node) {
    if (!node.is_structured() || node.empty())
      return;
    node.erase(std::next(node.begin(), int64_t(pick(node.size()))));
  }

  std::mt19937 random;
  std::span<const char *const> words;
};

/// The LLVMFuzzerCustomMutator of a target whose input is one JSON text.
inline size_t mutateText(uint8_t *data, size_t size, size_t maxSize,
                         unsigned seed, std::span<const char *const> words) {
  JsonMutator mutator(seed, words);
  std::string text = mutator.mutate(
      std::string(reinterpret_cast<const char *>(data), size), maxSize);
  std::copy(text.begin(), text.end(), data);
  return text.size();
}

} // namespace fuzz

#endif // LORA_TEST_FUZZ_JSONMUTATOR_H
