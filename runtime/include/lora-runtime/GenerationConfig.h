//===- GenerationConfig.h - A model's defaults for generation ---*- C++ -*-===//
//
// Reads generation_config.json as transformers 5.24 does: an absent key, or one
// that is null, has the default of `generate`; unknown keys are ignored. What
// has a type or a value that transformers cannot use is refused, and so is a
// setting that asks for another procedure than one token after another (beams,
// watermarks), if it would have an effect.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_GENERATIONCONFIG_H
#define LORA_RUNTIME_GENERATIONCONFIG_H

#include "lora-runtime/Sampling.h"

#include <string>
#include <string_view>

namespace lora_rt {

struct GenerationConfig {
  /// `logitBias`, `presencePenalty`, `frequencyPenalty`, `seed` and `logprobs`
  /// are no keys of the file.
  SamplingOptions sampling;
  /// Ids that end a text; none if the file has none. Ids below 0, which no
  /// model generates, are left out.
  std::vector<int32_t> endOfSequence;
  std::optional<int32_t> beginOfSequence;
  std::optional<int32_t> padding;
  /// The limit of new tokens; goes before `maxLength`.
  std::optional<int64_t> maxNewTokens;
  /// The limit of prompt and new tokens together.
  std::optional<int64_t> maxLength;
  /// Texts that end the text (`stop_strings`); none is empty.
  std::vector<std::string> stopTexts;

  bool operator==(const GenerationConfig &) const = default;

  /// Reads the text of a generation_config.json. `where` is its name in
  /// messages.
  static Expected<GenerationConfig> parse(std::string_view text,
                                          const std::string &where);

  /// Reads the keys for generation in the text of a config.json, as old models
  /// have them; those of the text model inside where the outer object has none.
  static Expected<GenerationConfig> parseModelConfig(std::string_view text,
                                                     const std::string &where);

  /// Reads a model folder's generation_config.json or, if it has none, the keys
  /// in its config.json.
  static Expected<GenerationConfig> load(const std::string &folder);

  /// A text that `parse` reads as this struct: JSON in one line, keys sorted,
  /// only values that are not the default.
  std::string print() const;
};

} // namespace lora_rt

#endif // LORA_RUNTIME_GENERATIONCONFIG_H
