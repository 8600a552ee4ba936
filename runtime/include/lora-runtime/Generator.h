//===- Generator.h - A prompt to a text -------------------------*- C++ -*-===//
//
// Continues a prompt with a session, the model's tokenizer and a sampler, and
// passes the new text on in pieces as soon as they are whole characters. What
// the caller does not say follows from the model's generation_config.json.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_GENERATOR_H
#define LORA_RUNTIME_GENERATOR_H

#include "lora-runtime/GenerationConfig.h"
#include "lora-runtime/Session.h"
#include "lora-runtime/TextModel.h"

namespace lora_rt {

/// What a caller asks for. A value that is not set is the model's default, or
/// that of SamplingOptions, whose members have these names.
struct GenerationRequest {
  /// The most new tokens. By default the model's, or as many as the context
  /// holds.
  std::optional<int64_t> maxTokens;
  /// Texts that end the answer and are not part of it.
  std::vector<std::string> stop;
  std::optional<double> temperature;
  std::optional<int64_t> topK;
  std::optional<double> topP, minP;
  std::optional<double> repetitionPenalty, presencePenalty, frequencyPenalty;
  std::optional<int64_t> noRepeatNgram;
  std::vector<LogitBias> logitBias;
  std::optional<uint64_t> seed;
  /// Take the most likely token, whatever the model's defaults are.
  std::optional<bool> greedy;
  /// How many of the most likely tokens to report for each new one.
  std::optional<int64_t> logprobs;

  /// Calls visit(name, member) for each option except the logit bias, with its
  /// name on the command line, without dashes in front. In JSON, a name has "_"
  /// in place of "-".
  template <typename Self, typename Visitor>
  static void visitOptions(Self &self, Visitor &&visit) {
    visit("max-tokens", self.maxTokens);
    visit("stop", self.stop);
    visit("temperature", self.temperature);
    visit("top-k", self.topK);
    visit("top-p", self.topP);
    visit("min-p", self.minP);
    visit("repetition-penalty", self.repetitionPenalty);
    visit("presence-penalty", self.presencePenalty);
    visit("frequency-penalty", self.frequencyPenalty);
    visit("no-repeat-ngram", self.noRepeatNgram);
    visit("seed", self.seed);
    visit("greedy", self.greedy);
    visit("logprobs", self.logprobs);
  }

  /// Parses "ID:X", as in --logit-bias.
  static Expected<LogitBias> parseLogitBias(const std::string &text);

  /// Reads the options in a JSON object, with "logit_bias" as {"ID": X}. Other
  /// keys than these and `others` are refused. What the object does not have
  /// keeps its value. `where` names it in messages.
  Error read(std::string_view json, std::span<const std::string_view> others,
             const std::string &where);

  /// The model's defaults with this request on top. A setting of a draw, such
  /// as the temperature, means that tokens are drawn.
  SamplingOptions sampling(const SamplingOptions &defaults) const;
};

enum class FinishReason {
  Stop,    ///< The end of the sequence, or a stop text.
  Length,  ///< As many tokens as permitted, or the context is full.
  Stopped, ///< The caller did not want more.
};

/// A new text.
struct GeneratedText {
  std::string text;
  /// The new tokens, with the end of the sequence.
  std::vector<int32_t> ids;
  int64_t promptTokens = 0;
  FinishReason finish = FinishReason::Length;
  /// If requested: the most likely tokens at each new token.
  std::vector<std::vector<TokenLogprob>> logprobs;
  /// Tokens of the prompt that the session had already.
  int64_t reusedTokens = 0;
  /// Lookup: how many tokens were proposed, and how many of them were right.
  int64_t proposed = 0, accepted = 0;
};

/// "stop", "length" or "stopped".
const char *finishName(FinishReason reason);

/// A new text as a JSON object on one line. `hasLogprobs` says whether they
/// were requested.
std::string answerJson(const GeneratedText &answer, bool hasLogprobs);

/// Continues prompts. The session, the text model and the generator belong to
/// one thread.
class Generator {
public:
  /// Fails if the model cannot continue texts, or its defaults are damaged.
  static Expected<Generator> create(Session &session, const TextModel &text);

  struct Options {
    /// Propose tokens from the text so far, and verify several in one call. The
    /// text is the same.
    bool lookup = false;
    /// Shorten a prompt that does not fit the context: the beginning is left
    /// off, except for special tokens that the tokenizer adds there.
    bool truncate = false;
    /// The number of the text: texts with different numbers get independent
    /// draws from one seed.
    uint64_t stream = 0;
    /// Called when the prompt is fed, with the number of tokens that were not
    /// there before.
    std::function<void(int64_t tokens)> promptRead;
  };

  /// Receives pieces of the new text; it returns false to stop.
  using Piece = std::function<bool(std::string_view)>;

  /// Continues a prompt. The session keeps what it was fed, if that is the
  /// beginning of the prompt; the rest is removed.
  Expected<GeneratedText> run(std::span<const int32_t> prompt,
                              const GenerationRequest &request,
                              const Options &options, const Piece &piece);

  /// The ids of a prompt that is a text, or of a conversation that the template
  /// rendered.
  Expected<std::vector<int32_t>> encodePrompt(std::string_view text) const;
  Expected<std::vector<int32_t>> encodeRendered(std::string_view text) const;

  /// The ids of a conversation: a JSON object with messages, as for
  /// TextModel::render. By default, the template adds a prompt for the answer.
  Expected<std::vector<int32_t>>
  encodeMessages(std::string_view json, const std::string &where) const;

  /// The model's defaults.
  const GenerationConfig &defaults() const { return config; }

private:
  Generator(Session &session, const TextModel &text, GenerationConfig config)
      : session(session), text(text), config(std::move(config)) {}

  Expected<std::vector<int32_t>> fit(std::span<const int32_t> prompt,
                                     int64_t room, bool truncate) const;

  Session &session;
  const TextModel &text;
  GenerationConfig config;
};

} // namespace lora_rt

#endif // LORA_RUNTIME_GENERATOR_H
