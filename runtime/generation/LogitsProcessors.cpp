//===- LogitsProcessors.cpp - Changing logits by the text so far ----------===//
//
// Numbers are f32, as in torch: a setting is rounded before it is used.
//
//===----------------------------------------------------------------------===//

#include "LogitsProcessors.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace lora_rt;
using namespace lora_rt::generation;

static constexpr float infinity = std::numeric_limits<float>::infinity();
static constexpr float largest = std::numeric_limits<float>::max();

/// Calls `f` with each id that has a score.
template <typename F>
static void forEach(std::span<const int32_t> ids, std::span<float> scores,
                    F f) {
  for (int32_t id : ids)
    if (id >= 0 && size_t(id) < scores.size())
      f(scores[size_t(id)]);
}

void Biases::add(std::span<const int32_t> ids, double bias) {
  if (ids.size() == 1)
    tokens.push_back({ids[0], float(bias)});
  else
    sequences.push_back(
        {{ids.begin(), ids.end() - 1}, ids.back(), float(bias)});
}

void Biases::finish(int64_t vocabularySize) {
  if (empty())
    return;
  sums.assign(size_t(vocabularySize), 0.0f);
  for (auto [id, bias] : tokens) {
    sums[size_t(id)] += bias;
    concerned.push_back(id);
  }
  for (const Sequence &sequence : sequences)
    concerned.push_back(sequence.last);
  std::sort(concerned.begin(), concerned.end());
  concerned.erase(std::unique(concerned.begin(), concerned.end()),
                  concerned.end());
  undo.reserve(sequences.size());
}

void Biases::apply(std::span<const int32_t> text, std::span<float> scores) {
  for (const Sequence &sequence : sequences) {
    size_t length = sequence.prefix.size();
    if (length > text.size() ||
        !std::equal(sequence.prefix.begin(), sequence.prefix.end(),
                    text.end() - ptrdiff_t(length)))
      continue;
    float &sum = sums[size_t(sequence.last)];
    undo.push_back({sequence.last, sum});
    sum += sequence.bias;
  }
  for (int32_t id : concerned)
    scores[size_t(id)] += sums[size_t(id)];
  for (; !undo.empty(); undo.pop_back())
    sums[size_t(undo.back().first)] = undo.back().second;
}

LogitsProcessors::LogitsProcessors(const SamplingOptions &options,
                                   int64_t vocabularySize,
                                   std::span<const int32_t> ends)
    : options(options), endOfSequence(ends.begin(), ends.end()) {
  std::sort(endOfSequence.begin(), endOfSequence.end());
  endOfSequence.erase(std::unique(endOfSequence.begin(), endOfSequence.end()),
                      endOfSequence.end());
  for (const SequenceBias &bias : options.sequenceBias)
    biases.add(bias.ids, bias.bias);
  for (const LogitBias &bias : options.logitBias)
    biases.add({&bias.id, 1}, bias.bias);
  biases.finish(vocabularySize);
  for (const std::vector<int32_t> &word : options.badWords) {
    bool isEnd = word.size() == 1 &&
                 std::find(ends.begin(), ends.end(), word[0]) != ends.end();
    if (!isEnd)
      badWords.add(word, -std::numeric_limits<double>::infinity());
  }
  badWords.finish(vocabularySize);
  isEmpty = biases.empty() && badWords.empty() &&
            options.repetitionPenalty == 1 && options.frequencyPenalty == 0 &&
            options.presencePenalty == 0 && options.noRepeatNgram == 0 &&
            (endOfSequence.empty() ||
             (options.minNewTokens.value_or(options.minLength) == 0)) &&
            !options.forcedBos && options.forcedEos.empty() &&
            !options.removeInvalidValues && !options.exponentialDecay &&
            options.suppressTokens.empty() &&
            options.beginSuppressTokens.empty();
}

void LogitsProcessors::apply(const TextSoFar &text, std::span<float> scores) {
  if (!biases.empty())
    biases.apply(text.ids, scores);
  penalize(text, scores);
  excludeRepeats(text, scores);
  if (!badWords.empty())
    badWords.apply(text.ids, scores);
  if (options.minNewTokens ? text.newTokens() < *options.minNewTokens
                           : text.length() < options.minLength)
    exclude(endOfSequence, scores);
  if (options.forcedBos && text.length() == 1)
    force({&*options.forcedBos, 1}, scores);
  if (!options.forcedEos.empty() && text.start.maxNewTokens &&
      text.newTokens() == *text.start.maxNewTokens - 1)
    force(options.forcedEos, scores);
  if (options.removeInvalidValues)
    removeInvalid(scores);
  raiseEnd(text, scores);
  exclude(options.suppressTokens, scores);
  // A forced first token is not the model's, so the one after it is the first.
  int64_t begin = text.promptLength <= 1 && options.forcedBos ? 1 : 0;
  if (text.newTokens() == begin)
    exclude(options.beginSuppressTokens, scores);
}

void LogitsProcessors::penalize(const TextSoFar &text,
                                std::span<float> scores) const {
  if (float penalty = float(options.repetitionPenalty); penalty != 1)
    forEach(text.all.ids(), scores, [&](float &score) {
      score = score < 0 ? score * penalty : score / penalty;
    });
  if (options.frequencyPenalty == 0 && options.presencePenalty == 0)
    return;
  for (int32_t id : text.generated.ids()) {
    float &score = scores[size_t(id)];
    score -= float(options.frequencyPenalty) * float(text.generated.count(id));
    score -= float(options.presencePenalty);
  }
}

void LogitsProcessors::excludeRepeats(const TextSoFar &text,
                                      std::span<float> scores) const {
  int64_t size = options.noRepeatNgram;
  if (size <= 0 || text.length() < size)
    return;
  // The last tokens begin a sequence. Where they occurred before, the token
  // after them would complete a repetition.
  const int32_t *ids = text.ids.data();
  const int32_t *begin = ids + text.length() + 1 - size;
  for (int64_t at = 0; at + size <= text.length(); ++at)
    if (std::equal(ids + at, ids + at + size - 1, begin))
      exclude({ids + at + size - 1, 1}, scores);
}

void LogitsProcessors::exclude(std::span<const int32_t> ids,
                               std::span<float> scores) const {
  forEach(ids, scores, [](float &score) { score = -infinity; });
}

void LogitsProcessors::force(std::span<const int32_t> ids,
                             std::span<float> scores) const {
  std::fill(scores.begin(), scores.end(), -infinity);
  forEach(ids, scores, [](float &score) { score = 0; });
}

void LogitsProcessors::removeInvalid(std::span<float> scores) const {
  for (float &score : scores)
    score = std::isnan(score) ? 0 : std::clamp(score, -largest, largest);
}

void LogitsProcessors::raiseEnd(const TextSoFar &text,
                                std::span<float> scores) const {
  if (!options.exponentialDecay)
    return;
  int64_t count = text.newTokens() - options.exponentialDecay->start;
  if (count <= 0)
    return;
  // transformers fails where the power or the score is too large for a number.
  // Here it is the largest number, and the text ends.
  float raise = float(
      std::clamp(std::pow(options.exponentialDecay->factor, double(count)) - 1,
                 -double(largest), double(largest)));
  forEach(endOfSequence, scores, [&](float &score) {
    if (std::isfinite(score))
      score = std::clamp(score + std::abs(score) * raise, -largest, largest);
  });
}
