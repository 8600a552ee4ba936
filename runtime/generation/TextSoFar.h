//===- TextSoFar.h - The tokens that processors look at ---------*- C++ -*-===//
//
// Prompt and text, with the number of occurrences of each token. All changes
// are made at the end, so the last ones can be taken back.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_GENERATION_TEXTSOFAR_H
#define LORA_RUNTIME_GENERATION_TEXTSOFAR_H

#include "lora-runtime/Sampling.h"

namespace lora_rt::generation {

/// How often each token of a sequence occurs. Ids outside the vocabulary are
/// not counted.
class TokenCounts {
public:
  explicit TokenCounts(int64_t vocabularySize)
      : counts(size_t(vocabularySize), 0) {}

  void clear() {
    for (int32_t id : distinct)
      counts[size_t(id)] = 0;
    distinct.clear();
  }

  void add(int32_t id) {
    if (isCounted(id) && counts[size_t(id)]++ == 0)
      distinct.push_back(id);
  }

  /// Takes the last `add` back.
  void removeLast(int32_t id) {
    // The tokens are in the order of their first occurrence, so one that occurs
    // no more is the last.
    if (isCounted(id) && --counts[size_t(id)] == 0)
      distinct.pop_back();
  }

  /// Each token once.
  std::span<const int32_t> ids() const { return distinct; }
  uint32_t count(int32_t id) const { return counts[size_t(id)]; }

private:
  bool isCounted(int32_t id) const {
    return id >= 0 && size_t(id) < counts.size();
  }

  std::vector<uint32_t> counts;
  std::vector<int32_t> distinct;
};

struct TextSoFar {
  explicit TextSoFar(int64_t vocabularySize)
      : all(vocabularySize), generated(vocabularySize) {}

  void begin(std::span<const int32_t> prompt, const TextStart &textStart) {
    ids.assign(prompt.begin(), prompt.end());
    promptLength = prompt.size();
    start = textStart;
    all.clear();
    generated.clear();
    for (int32_t id : ids)
      all.add(id);
  }

  void take(int32_t id) {
    ids.push_back(id);
    all.add(id);
    generated.add(id);
  }

  void forgetLast() {
    generated.removeLast(ids.back());
    all.removeLast(ids.back());
    ids.pop_back();
  }

  int64_t length() const { return int64_t(ids.size()); }
  int64_t newTokens() const { return int64_t(ids.size() - promptLength); }

  std::vector<int32_t> ids;
  size_t promptLength = 0;
  TextStart start;
  TokenCounts all, generated;
};

} // namespace lora_rt::generation

#endif // LORA_RUNTIME_GENERATION_TEXTSOFAR_H
