//===- SamplingOptions.cpp - The ranges of settings -----------------------===//
//
// Implements `check` for SamplingOptions. The error names the first setting
// that is out of its range. A penalty or temperature that f32 would make 0 or
// infinite is refused. Settings that only affect draws are checked only with
// `doSample`.
//
//===----------------------------------------------------------------------===//

#include "OptionNames.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace lora_rt;
using namespace lora_rt::generation;

namespace {

/// A setting's name in generation_config.json, and its option, if it has one.
struct Name {
  const char *key;
  const char *option = nullptr;
};

/// Checks values and keeps the first error.
class Checker {
public:
  Checker(int64_t vocabularySize, Source source, const std::string &where)
      : vocabularySize(vocabularySize), source(source), where(where) {}

  template <typename T>
  void require(bool holds, Name name, const char *range, const T &found) {
    if (holds || error)
      return;
    bool isOption = source == Source::CommandLine && name.option;
    error = makeError(source == Source::ConfigFile ? ErrorCode::InvalidFile
                                                   : ErrorCode::InvalidArgument,
                      where, isOption ? name.option : name.key, ": expected ",
                      range, ", but got ", found);
  }

  void token(int32_t id, Name name) {
    if (error || (id >= 0 && id < vocabularySize))
      return;
    std::string range = "token ids from 0";
    // The size of the vocabulary is not known as a file is read.
    if (source == Source::CommandLine)
      range += " to " + std::to_string(vocabularySize - 1);
    require(false, name, range.c_str(), id);
  }

  /// A bias for the last of `ids`.
  void bias(std::span<const int32_t> ids, double bias, Name name) {
    require(!ids.empty(), name, "at least one token id", "none");
    for (int32_t id : ids)
      token(id, name);
    require(bias == -std::numeric_limits<double>::infinity() ||
                std::abs(bias) <= std::numeric_limits<float>::max(),
            name, "a finite bias, or -inf", bias);
  }

  Error take() { return std::move(error); }

private:
  int64_t vocabularySize;
  Source source;
  const std::string &where;
  Error error;
};

} // namespace

/// Settings that only affect draws.
static void checkWarpers(const SamplingOptions &options, Checker &checker) {
  auto isIn = [](double value, double least, double most) {
    return value >= least && value <= most;
  };
  // A temperature that is no normal f32 makes all scores infinite.
  constexpr double least = std::numeric_limits<float>::min();
  constexpr double most = std::numeric_limits<float>::max();
  checker.require(
      options.temperature == 0 || isIn(options.temperature, least, most),
      {"temperature", "--temperature"},
      "0, for the most likely token, or a number above 0", options.temperature);
  checker.require(isIn(options.topH, 0, 1), {"top_h"}, "a number from 0 to 1",
                  options.topH);
  checker.require(options.topK >= 0, {"top_k", "--top-k"},
                  "a whole number from 0, which keeps all tokens",
                  options.topK);
  checker.require(isIn(options.topP, 0, 1), {"top_p", "--top-p"},
                  "a number from 0 to 1", options.topP);
  checker.require(isIn(options.minP, 0, 1), {"min_p", "--min-p"},
                  "a number from 0 to 1", options.minP);
  checker.require(options.typicalP > 0 && options.typicalP <= 1, {"typical_p"},
                  "a number above 0 and up to 1", options.typicalP);
  checker.require(options.epsilonCutoff >= 0 && options.epsilonCutoff < 1,
                  {"epsilon_cutoff"}, "a number from 0 to below 1",
                  options.epsilonCutoff);
  checker.require(options.etaCutoff >= 0 && options.etaCutoff < 1,
                  {"eta_cutoff"}, "a number from 0 to below 1",
                  options.etaCutoff);
}

Error generation::checkOptions(const SamplingOptions &options,
                               int64_t vocabularySize, Source source,
                               const std::string &where) {
  constexpr double most = std::numeric_limits<float>::max();
  Checker checker(vocabularySize, source, where);
  for (const SequenceBias &bias : options.sequenceBias)
    checker.bias(bias.ids, bias.bias, {"sequence_bias"});
  std::vector<int32_t> biased;
  for (const LogitBias &bias : options.logitBias) {
    checker.bias({&bias.id, 1}, bias.bias, {"logit_bias", "--logit-bias"});
    biased.push_back(bias.id);
  }
  std::sort(biased.begin(), biased.end());
  if (auto twice = std::adjacent_find(biased.begin(), biased.end());
      twice != biased.end())
    checker.require(false, {"logit_bias", "--logit-bias"},
                    "one bias for a token, or none",
                    "two of token " + std::to_string(*twice));
  // Values that are no normal f32 would be 0 or infinite.
  checker.require(options.repetitionPenalty >=
                          std::numeric_limits<float>::min() &&
                      options.repetitionPenalty <= most,
                  {"repetition_penalty", "--repetition-penalty"},
                  "a number above 0", options.repetitionPenalty);
  checker.require(std::abs(options.frequencyPenalty) <= most,
                  {"frequency_penalty", "--frequency-penalty"},
                  "a finite number", options.frequencyPenalty);
  checker.require(std::abs(options.presencePenalty) <= most,
                  {"presence_penalty", "--presence-penalty"}, "a finite number",
                  options.presencePenalty);
  checker.require(options.noRepeatNgram >= 0,
                  {"no_repeat_ngram_size", "--no-repeat-ngram"},
                  "a whole number from 0", options.noRepeatNgram);
  for (const std::vector<int32_t> &word : options.badWords) {
    checker.require(!word.empty(), {"bad_words_ids"}, "at least one token id",
                    "none");
    for (int32_t id : word)
      checker.token(id, {"bad_words_ids"});
  }
  checker.require(options.minLength >= 0, {"min_length"},
                  "a whole number from 0", options.minLength);
  checker.require(options.minNewTokens.value_or(0) >= 0, {"min_new_tokens"},
                  "a whole number from 0", options.minNewTokens.value_or(0));
  if (options.forcedBos)
    checker.token(*options.forcedBos, {"forced_bos_token_id"});
  for (int32_t id : options.forcedEos)
    checker.token(id, {"forced_eos_token_id"});
  if (options.exponentialDecay) {
    checker.require(options.exponentialDecay->start >= 0,
                    {"exponential_decay_length_penalty"},
                    "a whole number from 0 as the start",
                    options.exponentialDecay->start);
    checker.require(std::isfinite(options.exponentialDecay->factor),
                    {"exponential_decay_length_penalty"}, "a finite factor",
                    options.exponentialDecay->factor);
  }
  checker.require(options.logprobs >= 0 && options.logprobs <= vocabularySize,
                  {"logprobs", "--logprobs"},
                  "a whole number from 0 to the size of the vocabulary",
                  options.logprobs);
  if (options.doSample)
    checkWarpers(options, checker);
  return checker.take();
}

Error lora_rt::check(const SamplingOptions &options, int64_t vocabularySize) {
  if (vocabularySize <= 0 ||
      vocabularySize > std::numeric_limits<int32_t>::max())
    return makeError(ErrorCode::InvalidArgument,
                     "expected a vocabulary of 1 to 2^31 - 1 tokens, but got ",
                     vocabularySize);
  return checkOptions(options, vocabularySize, Source::CommandLine, "");
}
