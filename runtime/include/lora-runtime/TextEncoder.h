//===- TextEncoder.h - What a model says about texts ------------*- C++ -*-===//
//
// Vectors, classes, fillings of masked words and tags of texts, as
// sentence-transformers and the pipelines of transformers compute them:
// feature extraction, text-classification, fill-mask, token-classification.
//
// Each function takes any number of texts. It works on a few thousand of them
// at a time, sorted by length, packed into calls; results come in the order of
// the texts. The memory does not grow with their number.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TEXTENCODER_H
#define LORA_RUNTIME_TEXTENCODER_H

#include "lora-runtime/EncoderSettings.h"
#include "lora-runtime/Session.h"
#include "lora-runtime/TextModel.h"

namespace lora_rt {

/// A text, or a pair of texts.
struct TextInput {
  std::string_view text;
  std::optional<std::string_view> pair = std::nullopt;
};

struct TextRunOptions {
  /// Too long texts are cut as transformers cuts them: the longer one of a pair
  /// first, special tokens stay. Otherwise they are an error.
  bool truncates = false;
  /// The name of a text in messages, such as "lines.txt: line 3"; if empty, it
  /// is "text 3 of 7", and nothing for a single text.
  std::function<std::string(size_t index)> nameOf;
  /// Receives the error of a text, which then has no result. If empty, or if it
  /// returns an error, the run ends with that.
  std::function<Error(size_t index, Error error)> failed;
  /// Receives the number of texts that were run so far. Results come later,
  /// because texts of a window are run in another order.
  std::function<void(size_t texts)> progress;
};

struct EmbedOptions : TextRunOptions {
  /// The name of the prompt that is put before each text; without it, the
  /// model's default prompt.
  std::optional<std::string> prompt;
};

/// The classes of a text.
struct Classification {
  /// The label with the largest score.
  size_t label = 0;
  /// By label: a probability, or for a regression the value.
  std::vector<float> scores;
};

/// A token for a masked place.
struct MaskFilling {
  uint32_t id = 0;
  double score = 0;
  /// The token as text.
  std::string token;
  /// The whole text with the token.
  std::string text;
};

/// A token of a text with its label, or a run of tokens.
struct TextTag {
  std::string label;
  double score = 0;
  /// The token as the vocabulary writes it; the text of a run.
  std::string word;
  /// The place in the text, in bytes.
  TextRange range;
  /// The number of the (first) token; special tokens count.
  size_t token = 0;
};

enum class TagGrouping {
  /// Each token by itself (aggregation_strategy "none").
  None,
  /// Runs of one label with its B- and I- forms ("simple").
  Simple,
};

/// The shortest text of a number that reads back as the same float.
std::string numberText(float value);

/// Results as JSON objects on one line: {"label", "scores"}, {"masks"} and
/// {"tags"}. `labels` are the names of all labels, `text` is the tagged text.
std::string classesJson(const Classification &result,
                        std::span<const std::string> labels);
std::string fillingsJson(std::span<const std::vector<MaskFilling>> places);
std::string tagsJson(std::string_view text, std::span<const TextTag> tags);

class TextEncoder {
public:
  /// All must outlive the object. A session runs one call at a time.
  TextEncoder(Session &session, const Tokenizer &tokenizer,
              PoolingSettings pooling = {}, LabelSettings labels = {});

  /// With the tokenizer, the labels and the poolings of a compiled file. Both
  /// must outlive the object.
  static Expected<TextEncoder> create(Session &session, const TextModel &text);

  /// Receives the result of each text, in their order. A text that failed is
  /// left out.
  template <typename Result>
  using Sink = std::function<Error(size_t index, const Result &result)>;

  /// Vectors of any model's last hidden states.
  using VectorSink =
      std::function<Error(size_t index, std::span<const float> vector)>;
  Error embed(std::span<const TextInput> texts, const VectorSink &take,
              const EmbedOptions &options = {});

  /// The number of values of a vector; fails if the model cannot make one.
  Expected<int64_t> vectorWidth() const;

  /// Classes by a head for sequence classification.
  Error classify(std::span<const TextInput> texts,
                 const Sink<Classification> &take,
                 const TextRunOptions &options = {});

  /// The names of the labels; fails if the model has no such head, or if two
  /// labels have one name.
  Expected<std::vector<std::string>> classLabels() const;

  /// For each masked place of a text the `count` most probable tokens, by a
  /// masked language model.
  Error fillMask(std::span<const TextInput> texts, size_t count,
                 const Sink<std::vector<std::vector<MaskFilling>>> &take,
                 const TextRunOptions &options = {});

  /// The tokens of a text with their labels, by a head for token
  /// classification. Tokens with the label O are left out unless `keepsOutside`
  /// is set, as with ignore_labels = [].
  Error tag(std::span<const TextInput> texts, TagGrouping grouping,
            bool keepsOutside, const Sink<std::vector<TextTag>> &take,
            const TextRunOptions &options = {});

  /// The number of tokens that were run so far.
  int64_t tokens() const { return tokensRun; }

private:
  struct Row;
  struct Task;
  struct Limit;

  Limit limitOf(bool embeds) const;
  Error prepare(const Task &task, size_t index, Row &row) const;
  Error run(std::span<const TextInput> texts, const Task &task,
            const TextRunOptions &options);
  Error runRows(const Task &task, std::span<Row *const> rows,
                const std::function<void()> &finished);
  Error checkHead(const char *task, const char *classes, bool fits) const;
  std::vector<TextTag> tagsOf(const Row &row, TagGrouping grouping,
                              bool keepsOutside) const;

  Session &session;
  const Tokenizer &tokenizer;
  PoolingSettings pooling;
  std::vector<std::string> labelNames;
  ProblemType problem;
  int64_t tokensRun = 0;
};

} // namespace lora_rt

#endif // LORA_RUNTIME_TEXTENCODER_H
