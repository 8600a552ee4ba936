//===- LogitsProcessors.h - Changing logits by the text so far --*- C++ -*-===//
//
// The processors that transformers applies whether or not a token is drawn, in
// its order. They work on all logits of the vocabulary, and touch only the
// tokens that they concern.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_GENERATION_LOGITSPROCESSORS_H
#define LORA_RUNTIME_GENERATION_LOGITSPROCESSORS_H

#include "TextSoFar.h"

namespace lora_rt::generation {

/// Biases of tokens and of sequences. The biases of a token are summed up
/// before they are added to its score.
class Biases {
public:
  void add(std::span<const int32_t> ids, double bias);
  /// To be called after the last `add`.
  void finish(int64_t vocabularySize);
  bool empty() const { return tokens.empty() && sequences.empty(); }
  void apply(std::span<const int32_t> text, std::span<float> scores);

private:
  struct Sequence {
    std::vector<int32_t> prefix;
    int32_t last;
    float bias;
  };
  std::vector<std::pair<int32_t, float>> tokens;
  std::vector<Sequence> sequences;
  /// The last tokens of all sequences, each once.
  std::vector<int32_t> concerned;
  /// The sum for each token of the vocabulary.
  std::vector<float> sums;
  /// Sums to put back, because the next text does not end with a sequence.
  std::vector<std::pair<int32_t, float>> undo;
};

class LogitsProcessors {
public:
  LogitsProcessors(const SamplingOptions &options, int64_t vocabularySize,
                   std::span<const int32_t> endOfSequence);

  /// Whether no processor can change a logit.
  bool empty() const { return isEmpty; }

  void apply(const TextSoFar &text, std::span<float> scores);

private:
  void penalize(const TextSoFar &text, std::span<float> scores) const;
  void excludeRepeats(const TextSoFar &text, std::span<float> scores) const;
  void exclude(std::span<const int32_t> ids, std::span<float> scores) const;
  void force(std::span<const int32_t> ids, std::span<float> scores) const;
  void removeInvalid(std::span<float> scores) const;
  void raiseEnd(const TextSoFar &text, std::span<float> scores) const;

  const SamplingOptions &options;
  std::vector<int32_t> endOfSequence;
  Biases biases, badWords;
  bool isEmpty;
};

} // namespace lora_rt::generation

#endif // LORA_RUNTIME_GENERATION_LOGITSPROCESSORS_H
