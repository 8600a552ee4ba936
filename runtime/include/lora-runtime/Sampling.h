//===- Sampling.h - From logits to the next token ---------------*- C++ -*-===//
//
// Changes a model's logits, turns them into probabilities, and draws a token.
// Order and formulas are those of transformers 5.24: `_get_logits_processor` of
// generation/utils.py has the order, generation/logits_process.py the formulas.
// Probabilities agree with transformers' within 1e-6. Where equal scores meet a
// limit (top-k, top-p), the tokens that stay are those that stay in torch.
//
// A draw depends only on the seed, the number of the text, the position in it
// and the probabilities. So the same seed gives the same text on any number of
// threads, and in any order of texts.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_SAMPLING_H
#define LORA_RUNTIME_SAMPLING_H

#include "lora-runtime/Error.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace lora_rt {

/// A number that is added to the logit of the last of `ids` if the text ends
/// with those before it. With one id, it is always added.
struct SequenceBias {
  std::vector<int32_t> ids;
  /// Finite, or minus infinity, which excludes the token.
  double bias = 0;

  bool operator==(const SequenceBias &) const = default;
};

/// A number that is added to a token's logit: `--logit-bias ID:X`.
struct LogitBias {
  int32_t id = 0;
  /// Finite, or minus infinity, which excludes the token.
  double bias = 0;

  bool operator==(const LogitBias &) const = default;
};

/// Raises the logits of end-of-sequence tokens more with each token: by |logit|
/// (factor^n - 1) for the n-th token after `start` new ones.
struct LengthPenalty {
  int64_t start = 0;
  double factor = 1;

  bool operator==(const LengthPenalty &) const = default;
};

/// How a token is chosen. The defaults are those of transformers' `generate`
/// without a generation_config.json. The processors are listed in the order in
/// which they are applied; those without a second source are transformers'.
struct SamplingOptions {
  /// Draws a token (`do_sample`). If false, the most likely token is taken, the
  /// one with the lowest id if several are, and the processors from
  /// `temperature` on have no effect.
  bool doSample = false;

  /// Processors that are applied in any case.

  /// `sequence_bias`; ids below the vocabulary's size.
  std::vector<SequenceBias> sequenceBias;
  /// Added as a `sequenceBias` of one token is. An id may stand only once.
  std::vector<LogitBias> logitBias;
  /// Divides the positive logits of the tokens in prompt and text by this, and
  /// multiplies the negative ones (Keskar et al. 2019, section 4.1). Above 0; 1
  /// has no effect.
  double repetitionPenalty = 1;
  /// OpenAI's penalties, which transformers does not have: from the logit of
  /// each token that was generated c > 0 times, c * `frequencyPenalty` and
  /// `presencePenalty` are subtracted. Tokens of the prompt do not count, and
  /// both come after the repetition penalty, as in vLLM. Finite; 0 has no
  /// effect.
  double frequencyPenalty = 0;
  double presencePenalty = 0;
  /// No sequence of so many tokens occurs twice in prompt and text
  /// (`no_repeat_ngram_size`); 0 has no effect.
  int64_t noRepeatNgram = 0;
  /// Sequences that must not be generated (`bad_words_ids`). A sequence that is
  /// one end-of-sequence token is ignored.
  std::vector<std::vector<int32_t>> badWords;
  /// No end-of-sequence token before prompt and text have this length.
  /// `minNewTokens` takes its place.
  int64_t minLength = 0;
  /// No end-of-sequence token before so many new tokens.
  std::optional<int64_t> minNewTokens;
  /// The first token, if the prompt has one token (`forced_bos_token_id`).
  std::optional<int32_t> forcedBos;
  /// One of these is the last token that may be generated
  /// (`forced_eos_token_id`); needs a limit of new tokens.
  std::vector<int32_t> forcedEos;
  /// Replaces NaN by 0, and infinite logits by the largest finite numbers.
  bool removeInvalidValues = false;
  /// Needs an end-of-sequence token.
  std::optional<LengthPenalty> exponentialDecay;
  /// Tokens that are never generated.
  std::vector<int32_t> suppressTokens;
  /// Tokens that are not generated first.
  std::vector<int32_t> beginSuppressTokens;

  /// Processors that are applied when a token is drawn.

  /// Divides the logits. From 0; at 0, the most likely token is taken, as if
  /// `doSample` were false.
  double temperature = 1;
  /// Keeps the first ones of the 100 most likely tokens: those whose terms of
  /// the entropy sum up to at most this share of it (`top_h`). Above 0 to 1; 0
  /// keeps all of the vocabulary.
  double topH = 0;
  /// Keeps the tokens that are as likely as the k-th; 0 keeps all. The default
  /// is transformers'.
  int64_t topK = 50;
  /// Keeps the most likely tokens whose probabilities sum up to this (Holtzman
  /// et al. 2020). From 0 to 1; 1 keeps all.
  double topP = 1;
  /// Keeps the tokens with at least this share of the largest probability
  /// (Nguyen et al. 2024). From 0 to 1; 0 keeps all.
  double minP = 0;
  /// Keeps the tokens whose information is nearest to the entropy, up to this
  /// probability (Meister et al. 2022). Above 0 to 1; 1 keeps all.
  double typicalP = 1;
  /// Keeps the tokens with at least this probability (Hewitt et al. 2022). From
  /// 0 to below 1; 0 keeps all.
  double epsilonCutoff = 0;
  /// The same with a limit that falls with the entropy, min(e, sqrt(e)
  /// exp(-H)). From 0 to below 1; 0 keeps all.
  double etaCutoff = 0;

  /// Replaces scores by their log-softmax at the end. Does not change
  /// probabilities.
  bool renormalizeLogits = false;

  /// The draws' seed; without it, `Sampler` takes one from the system.
  std::optional<uint64_t> seed;
  /// How many of the most likely tokens `Choice::top` reports.
  int64_t logprobs = 0;

  bool operator==(const SamplingOptions &) const = default;

  /// Whether the most likely token is taken.
  bool isGreedy() const { return !doSample || temperature == 0; }
};

/// Checks every value's range, and all token ids against the size of the
/// vocabulary. Messages name an option as the command line calls it, or as
/// generation_config.json does if the command line has no such option. What
/// only affects draws is not checked if `doSample` is false.
Error check(const SamplingOptions &options, int64_t vocabularySize);

/// A token and the logarithm of its probability.
struct TokenLogprob {
  int32_t id = 0;
  float logprob = 0;
};

/// The chosen token.
struct Choice {
  int32_t id = 0;
  /// With `SamplingOptions::logprobs`: the logarithm of the token's probability
  /// as the model has it, before any processor (the log-softmax of its logits,
  /// as vLLM reports it by default).
  float logprob = 0;
  /// The same for the most likely tokens, the most likely one first, the lower
  /// id first if two are equal. Tokens of probability 0 are left out. Valid
  /// until the sampler's next call.
  std::span<const TokenLogprob> top;
};

/// Where a text begins.
struct TextStart {
  /// The number of the text, for instance of a line in a file. Texts with
  /// different numbers get independent draws from one seed.
  uint64_t stream = 0;
  /// How many tokens will be generated at most; needed only for `forcedEos`.
  std::optional<int64_t> maxNewTokens;
};

/// Chooses the tokens of one text after another. Not thread-safe; a thread
/// needs its own. Memory is allocated when it is needed first, and as the text
/// grows; not for each token.
class Sampler {
public:
  /// Fails if `check` does. `endOfSequence` are the ids that end a text.
  static Expected<Sampler> create(const SamplingOptions &options,
                                  int64_t vocabularySize,
                                  std::span<const int32_t> endOfSequence = {});
  Sampler(Sampler &&) noexcept;
  Sampler &operator=(Sampler &&) noexcept;
  ~Sampler();

  /// Begins a text. The repetition penalty and n-grams count the prompt's
  /// tokens, as in transformers. Ids beyond the vocabulary are allowed.
  void prompt(std::span<const int32_t> ids, const TextStart &start = {});

  /// Chooses the next token from the logits at the text's last position. Does
  /// not add it to the text. The same call again gives the same token. Fails if
  /// there are not as many logits as tokens in the vocabulary, if a logit is
  /// NaN, or if no token is left.
  Expected<Choice> next(std::span<const float> logits);

  /// Adds a token to the text: the chosen one, or another.
  void take(int32_t id);

  /// Forgets the last `count` tokens that were taken. Fails if fewer were.
  Error rewind(int64_t count);

  /// The probabilities of all tokens after all processors. Valid until the next
  /// call.
  Expected<std::span<const float>> probabilities(std::span<const float> logits);

  /// Prompt and text so far.
  std::span<const int32_t> text() const;

  /// The seed in use; 0 if no token is drawn.
  uint64_t seed() const;

private:
  struct State;
  explicit Sampler(std::unique_ptr<State> state);
  std::unique_ptr<State> state;
};

} // namespace lora_rt

#endif // LORA_RUNTIME_SAMPLING_H
