//===- Sampler.cpp - Choosing the next token ------------------------------===//
//
// Without processors, the most likely token is found in one pass over the
// logits, without a copy.
//
//===----------------------------------------------------------------------===//

#include "Draw.h"
#include "LogitsProcessors.h"
#include "Warpers.h"
#include "lora-runtime/File.h"
#include "lora-runtime/Numeric.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <limits>
#include <sys/random.h>

using namespace lora_rt;
using namespace lora_rt::generation;

static constexpr float infinity = std::numeric_limits<float>::infinity();

/// A seed from the operating system.
static Expected<uint64_t> randomSeed() {
  uint64_t seed;
  ssize_t size;
  do
    size = getrandom(&seed, sizeof seed, 0);
  while (size < 0 && errno == EINTR);
  if (size != ssize_t(sizeof seed))
    return makeError(ErrorCode::System,
                     "the system gives no random number for a seed: ",
                     systemMessage(errno), "; --seed N sets one");
  return seed;
}

struct Sampler::State {
  State(const SamplingOptions &given, int64_t vocabularySize,
        std::span<const int32_t> endOfSequence)
      : options(given), vocabularySize(size_t(vocabularySize)),
        text(vocabularySize),
        processors(options, vocabularySize, endOfSequence), warpers(options) {}

  Error checkLogits(std::span<const float> logits) const;
  Error makeNaNError(std::span<const float> logits) const;
  Error process(std::span<const float> logits);
  Expected<int32_t> mostLikely(std::span<const float> logits);
  Expected<int32_t> draw(std::span<const float> logits);
  Error report(std::span<const float> logits, Choice &choice);

  SamplingOptions options;
  size_t vocabularySize;
  TextSoFar text;
  LogitsProcessors processors;
  Warpers warpers;
  /// The logits after the processors so far.
  std::vector<float> scores;
  /// The result of `probabilities`.
  std::vector<float> probabilities;
  std::vector<TokenLogprob> top;
};

Sampler::Sampler(std::unique_ptr<State> state) : state(std::move(state)) {}
Sampler::Sampler(Sampler &&) noexcept = default;
Sampler &Sampler::operator=(Sampler &&) noexcept = default;
Sampler::~Sampler() = default;

Expected<Sampler> Sampler::create(const SamplingOptions &options,
                                  int64_t vocabularySize,
                                  std::span<const int32_t> endOfSequence) {
  if (Error error = check(options, vocabularySize))
    return error;
  if (options.exponentialDecay && endOfSequence.empty())
    return makeError(ErrorCode::InvalidArgument,
                     "exponential_decay_length_penalty raises the score of the "
                     "end-of-sequence token, but the model has none; set "
                     "eos_token_id in generation_config.json");
  auto state = std::make_unique<State>(options, vocabularySize, endOfSequence);
  if (!options.isGreedy() && !options.seed) {
    Expected<uint64_t> seed = randomSeed();
    if (!seed)
      return seed.takeError();
    state->options.seed = *seed;
  }
  return Sampler(std::move(state));
}

void Sampler::prompt(std::span<const int32_t> ids, const TextStart &start) {
  state->text.begin(ids, start);
}

void Sampler::take(int32_t id) { state->text.take(id); }

Error Sampler::rewind(int64_t count) {
  if (count < 0 || count > state->text.newTokens())
    return makeError(ErrorCode::InvalidArgument, "cannot take ", count,
                     " tokens back; ", state->text.newTokens(),
                     " were generated");
  for (; count > 0; --count)
    state->text.forgetLast();
  return Error::success();
}

std::span<const int32_t> Sampler::text() const { return state->text.ids; }

uint64_t Sampler::seed() const { return state->options.seed.value_or(0); }

Error Sampler::State::checkLogits(std::span<const float> logits) const {
  if (logits.size() == vocabularySize)
    return Error::success();
  return makeError(ErrorCode::InvalidArgument, "expected ", vocabularySize,
                   " logits, one for each token of the vocabulary, but got ",
                   logits.size());
}

Error Sampler::State::makeNaNError(std::span<const float> logits) const {
  auto at = std::find_if(logits.begin(), logits.end(),
                         [](float value) { return std::isnan(value); });
  return makeError(ErrorCode::System, "the model computed NaN for token ",
                   at - logits.begin(), " at position ", text.length() - 1);
}

/// Makes `scores` the logits after the processors that are applied always.
Error Sampler::State::process(std::span<const float> logits) {
  scores.assign(logits.begin(), logits.end());
  if (!options.removeInvalidValues) {
    uint32_t hasNaN = 0;
    for (float value : logits)
      hasNaN |= uint32_t(value != value);
    if (hasNaN)
      return makeNaNError(logits);
  }
  processors.apply(text, scores);
  return Error::success();
}

Expected<int32_t> Sampler::State::mostLikely(std::span<const float> logits) {
  if (processors.empty()) {
    std::optional<size_t> best = indexOfLargest(logits);
    if (!best)
      return makeNaNError(logits);
    if (logits[*best] == -infinity)
      return checkScores(logits, options);
    return int32_t(*best);
  }
  if (Error error = process(logits))
    return error;
  std::optional<size_t> best = indexOfLargest(scores);
  if (!best || scores[*best] == -infinity)
    return checkScores(scores, options);
  return int32_t(*best);
}

Expected<int32_t> Sampler::State::draw(std::span<const float> logits) {
  if (Error error = process(logits))
    return error;
  if (Error error = warpers.apply(scores))
    return error;
  double number =
      uniform(*options.seed, text.start.stream, uint64_t(text.length()));
  return warpers.ids()[drawIndex(warpers.probabilities(), number)];
}

/// Fills in the logarithms of the model's own probabilities.
Error Sampler::State::report(std::span<const float> logits, Choice &choice) {
  auto isBefore = [](const TokenLogprob &a, const TokenLogprob &b) {
    return a.logprob != b.logprob ? a.logprob > b.logprob : a.id < b.id;
  };
  // A heap of the most likely ones, the least likely of them first.
  top.clear();
  double sum = 0;
  std::span<const float> values = logits;
  if (options.removeInvalidValues) {
    scores.assign(logits.begin(), logits.end());
    constexpr float most = std::numeric_limits<float>::max();
    for (float &value : scores)
      value = std::isnan(value) ? 0 : std::clamp(value, -most, most);
    values = scores;
  }
  float largest = *std::max_element(values.begin(), values.end());
  if (!std::isfinite(largest))
    return makeError(ErrorCode::System, "the model computed ", largest,
                     " as the largest logit at position ", text.length() - 1,
                     ", so that tokens have no probabilities");
  size_t count = size_t(options.logprobs);
  for (size_t i = 0; i < values.size(); ++i) {
    sum += std::exp(values[i] - largest);
    TokenLogprob token{int32_t(i), values[i]};
    if (values[i] == -infinity ||
        (top.size() == count && !isBefore(token, top.front())))
      continue;
    if (top.size() == count) {
      std::pop_heap(top.begin(), top.end(), isBefore);
      top.pop_back();
    }
    top.push_back(token);
    std::push_heap(top.begin(), top.end(), isBefore);
  }
  std::sort_heap(top.begin(), top.end(), isBefore);
  double shift = double(largest) + std::log(sum);
  for (TokenLogprob &token : top)
    token.logprob = float(token.logprob - shift);
  choice.logprob = float(values[size_t(choice.id)] - shift);
  choice.top = top;
  return Error::success();
}

Expected<Choice> Sampler::next(std::span<const float> logits) {
  if (Error error = state->checkLogits(logits))
    return error;
  Expected<int32_t> id = state->options.isGreedy() ? state->mostLikely(logits)
                                                   : state->draw(logits);
  if (!id)
    return id.takeError();
  Choice choice;
  choice.id = *id;
  if (state->options.logprobs > 0)
    if (Error error = state->report(logits, choice))
      return error;
  return choice;
}

Expected<std::span<const float>>
Sampler::probabilities(std::span<const float> logits) {
  if (Error error = state->checkLogits(logits))
    return error;
  if (Error error = state->process(logits))
    return error;
  if (Error error = state->options.isGreedy()
                        ? state->warpers.applyNone(state->scores)
                        : state->warpers.apply(state->scores))
    return error;
  std::vector<float> &result = state->probabilities;
  result.assign(logits.size(), 0.0f);
  for (size_t i = 0; i < state->warpers.ids().size(); ++i)
    result[size_t(state->warpers.ids()[i])] = state->warpers.probabilities()[i];
  return std::span<const float>(result);
}
