//===- TextPart.h - What a compiled file knows about text -------*- C++ -*-===//
//
// The parts `tokenizer` and `text` of a compiled file: the tokenizer's tables,
// chat templates, the defaults of generation, the names of labels, and how an
// encoder's token vectors become one vector. A file that was made from a folder
// without a tokenizer, or with --no-text, has neither part.
//
// docs/executable-format.md describes the bytes.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TEXTPART_H
#define LORA_RUNTIME_TEXTPART_H

#include "lora-runtime/Payload.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace lora_rt {

/// The bytes that Tokenizer::store returns.
inline constexpr std::string_view tokenizerPart = "tokenizer";
/// JSON: a TextSettings.
inline constexpr std::string_view textPart = "text";
/// The same two parts of the model alone, if an adapter has changed them.
inline constexpr std::string_view baseTokenizerPart = "base:tokenizer";
inline constexpr std::string_view baseTextPart = "base:text";

/// What a model's folder says about text, besides its tokenizer. Texts in JSON
/// are whole objects, or empty if the folder has no such file.
struct TextSettings {
  /// The name of the adapter's folder that the tokenizer is from; empty if it
  /// is the model's own.
  std::string tokenizerOf;
  /// The name of the adapter's folder that the templates are from.
  std::string templatesOf;
  /// The name of the adapter's folder that the pooling is from.
  std::string poolingOf;
  /// Chat templates by their names. A single template is called "default".
  std::map<std::string, std::string> templates;
  /// The defaults of generation, as GenerationConfig prints them.
  std::string generation;
  /// The names of the head's outputs, for a classification.
  std::vector<std::string> labels;
  /// "single_label_classification", "multi_label_classification",
  /// "regression", or empty.
  std::string problemType;
  /// How token vectors become one vector, as PoolingSettings prints it.
  std::string pooling;

  friend bool operator==(const TextSettings &, const TextSettings &) = default;
};

/// Reads the chat templates of a folder as transformers does:
/// chat_template.jinja and additional_chat_templates/*.jinja, or else
/// chat_template of tokenizer_config.json, a text or a list of named texts.
/// Empty if there is none.
Expected<std::map<std::string, std::string>>
readChatTemplates(const std::string &folder);

/// The template for a conversation, as transformers chooses it: "tool_use" if
/// there are tools and such a template, otherwise "default". The error names
/// `where`.
Expected<const std::string *> chooseChatTemplate(const TextSettings &settings,
                                                 bool hasTools,
                                                 const std::string &where);

/// Adds a part with settings.
Error addTextPart(PayloadWriter &writer, std::string_view part,
                  const TextSettings &settings);

/// nullopt for a file without this part.
Expected<std::optional<TextSettings>>
readTextPart(const Payload &payload, std::string_view part = textPart);

} // namespace lora_rt

#endif // LORA_RUNTIME_TEXTPART_H
