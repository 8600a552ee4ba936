//===- EncoderSettings.h - Poolings and labels of a model -------*- C++ -*-===//
//
// What the files beside a model say about its results: how
// sentence-transformers makes one vector of a text, and the names of the labels
// of a classifier. A compiled file keeps both.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_ENCODERSETTINGS_H
#define LORA_RUNTIME_ENCODERSETTINGS_H

#include "lora-runtime/Error.h"

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lora_rt {

/// How the hidden states of the tokens of a text become one vector.
enum class Pooling {
  First,          ///< that of the first token
  Max,            ///< the largest value of each feature
  Mean,           ///< the sum, divided by the number of tokens
  MeanSqrtLength, ///< the sum, divided by the root of that number
  WeightedMean,   ///< the mean, the token at position p weighted by p + 1
  Last,           ///< that of the last token
};

/// The names of sentence-transformers, in the order of the enumeration.
inline constexpr std::array<const char *, 6> poolingNames = {
    "cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"};

/// How a model's folder wants a text to become a vector. The default is for a
/// folder that does not say it: the mean over all tokens, not normalised.
struct PoolingSettings {
  /// The vectors of several poolings are joined, in this order.
  std::vector<Pooling> poolings = {Pooling::Mean};
  /// Whether the vector is scaled to the length 1.
  bool normalizes = false;
  /// The most tokens of a text (max_seq_length); 0 if not set.
  int64_t maxTokens = 0;
  /// Whether texts are converted to lower case (do_lower_case).
  bool lowersCase = false;
  /// Whether the tokens of a prompt take part in the pooling.
  bool poolsPrompt = true;
  /// The width of the hidden states that the pooling is for; 0 if not set.
  int64_t hiddenSize = 0;
  /// Only so many values of a vector are kept, after it was normalised
  /// (truncate_dim); 0 for all.
  int64_t keptWidth = 0;
  /// Texts that are put before a text, by their names ("query").
  std::map<std::string, std::string> prompts;
  /// The prompt that is used if none is named; empty if there is none.
  std::string defaultPrompt;
  /// Why vectors cannot be computed: the folder asks for a module that is not
  /// supported. Empty if they can.
  std::string refusal;

  bool operator==(const PoolingSettings &) const = default;

  /// The number of values of a vector, for hidden states of `hiddenSize`
  /// values; fails if there are no vectors.
  Expected<int64_t> width(int64_t hiddenSize) const;

  /// Reads modules.json, and the files that it leads to. Empty if the folder
  /// has no modules.json. What is known to sentence-transformers and not
  /// supported becomes `refusal`, because other results of the model can be
  /// computed; what is damaged is an error.
  static Expected<std::optional<PoolingSettings>>
  load(const std::string &folder);

  /// For people: "mean, normalised, at most 256 tokens".
  std::string describe() const;

  /// As a JSON text. `where` names its source in messages.
  std::string print() const;
  static Expected<PoolingSettings> parse(std::string_view text,
                                         const std::string &where);
};

/// What transformers makes of the logits of a classifier.
enum class ProblemType {
  Unset,       ///< a sigmoid for one label, otherwise as SingleLabel
  Regression,  ///< the logits as they are
  SingleLabel, ///< a softmax; a sigmoid for one label
  MultiLabel,  ///< a sigmoid for each label
};

/// The values of problem_type in config.json, in the order of the enumeration.
inline constexpr std::array<const char *, 4> problemTypeNames = {
    "", "regression", "single_label_classification",
    "multi_label_classification"};

/// The labels of a classifier.
struct LabelSettings {
  /// By their numbers; empty if config.json has no `id2label`.
  std::vector<std::string> names;
  ProblemType problem = ProblemType::Unset;

  bool operator==(const LabelSettings &) const = default;

  /// The names of `count` labels: LABEL_0, LABEL_1, ... if there are none, or
  /// if there are not as many because an adapter has another classifier, as
  /// transformers names them.
  std::vector<std::string> namesOf(int64_t count) const;

  /// Reads `id2label` and `problem_type` of config.json.
  static Expected<LabelSettings> load(const std::string &folder);
  /// The same from the text of a config.json.
  static Expected<LabelSettings> fromConfig(std::string_view text,
                                            const std::string &where);
  /// From the parts that a compiled file keeps. `problemType` is one of
  /// problemTypeNames.
  static Expected<LabelSettings> make(std::vector<std::string> names,
                                      const std::string &problemType,
                                      const std::string &where);
};

struct TextSettings;

/// Both, as the text side of a compiled file has them.
struct EncoderSettings {
  PoolingSettings pooling;
  LabelSettings labels;

  static Expected<EncoderSettings> of(const TextSettings &text,
                                      const std::string &where);
};

} // namespace lora_rt

#endif // LORA_RUNTIME_ENCODERSETTINGS_H
