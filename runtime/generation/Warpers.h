//===- Warpers.h - From scores to the tokens that are drawn from *- C++ -*-===//
//
// The processors that transformers calls warpers: each keeps some tokens. They
// work on the tokens that are left, which are few after top-k. A token whose
// score is minus infinity is never one of them, because it changes no sum.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_GENERATION_WARPERS_H
#define LORA_RUNTIME_GENERATION_WARPERS_H

#include "lora-runtime/Sampling.h"

namespace lora_rt::generation {

class Warpers {
public:
  explicit Warpers(const SamplingOptions &options) : options(options) {}

  /// Applies the warpers to the scores of the vocabulary, which are changed,
  /// and computes the probabilities of the tokens that are left. A score that
  /// is NaN or plus infinity, or no token that is left, is an error.
  Error apply(std::span<float> scores);

  /// The same without any warper, for the most likely token.
  Error applyNone(std::span<const float> scores);

  /// The tokens that are left, in the order of their ids, and for each its
  /// probability. The others have probability 0.
  std::span<const int32_t> ids() const { return tokens; }
  std::span<const float> probabilities() const { return probs; }

private:
  void takeAll(std::span<const float> scores);
  void topH(std::span<float> scores);
  void topK(std::span<const float> scores);
  void topP();
  void minP();
  void typicalP();
  void cutOff();
  void normalize();

  /// The k-th largest of the values.
  float kthLargest(std::span<const float> values, size_t k);
  /// Computes `probs` from `kept`.
  void softmax();
  /// Keeps the tokens for whose index among those left `keep` is true.
  template <typename Predicate> void keepIf(Predicate keep);
  /// Keeps the tokens of the first `count` entries of `order`.
  void keepFirst(size_t count);
  void keepLastSorted(size_t count);
  /// Makes `order` all tokens that are left, with these keys. `sortUpTo` sorts
  /// as many as are needed first.
  void beginOrder(std::span<const float> keys);
  template <typename Less> void sortUpTo(size_t count, Less less);

  const SamplingOptions &options;
  size_t vocabularySize = 0;
  /// The tokens that are left, by id, their scores, and their probabilities as
  /// of the last `softmax`.
  std::vector<int32_t> tokens;
  std::vector<float> kept;
  std::vector<float> probs;
  /// A number and the index that it belongs to, side by side for sorting.
  struct Ranked {
    float key;
    uint32_t index;
  };
  /// Indices into `tokens`; the first `sorted` are in order.
  std::vector<Ranked> order;
  size_t sorted = 0;
  /// Scores of the whole vocabulary, by id.
  std::vector<Ranked> queue;
  /// Space for other values.
  std::vector<float> work;
};

/// Fails if a score is NaN or plus infinity, or if all are minus infinity. The
/// message says that the options are the reason.
Error checkScores(std::span<const float> scores,
                  const SamplingOptions &options);

/// The softmax's terms exp(x - largest) are written to `terms`; returns their
/// sum.
double exponentials(std::span<const float> values, float largest,
                    std::span<float> terms);

} // namespace lora_rt::generation

#endif // LORA_RUNTIME_GENERATION_WARPERS_H
