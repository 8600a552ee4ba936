//===- ChatTemplate.h - From a conversation to a prompt ---------*- C++ -*-===//
//
// The chat template of a model: a Jinja template that makes a prompt of
// messages, tools and documents. The result is that of transformers'
// `apply_chat_template`, byte for byte: the language of jinja2 with
// transformers' settings and additions (`tojson`, `raise_exception`,
// `strftime_now`, `{% generation %}`, `break` and `continue`).
//
// A template is not trusted. It reaches no file and no environment, and its
// time, memory and output are bounded. A ChatTemplate is constant: any number
// of threads may use one.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_CHATTEMPLATE_H
#define LORA_RUNTIME_CHATTEMPLATE_H

#include "lora-runtime/Error.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lora_rt {

namespace jinja {
struct Program;
} // namespace jinja

struct RenderOptions {
  /// How messages call the variables; the template's name if it is empty.
  std::string where;
  /// Variables that are texts, for names that the object does not have.
  std::vector<std::pair<std::string, std::string>> texts;
  /// `add_generation_prompt`, if the object does not have it. A final message
  /// that is continued has none.
  bool addsGenerationPrompt = false;
  /// What `strftime_now` shows, in microseconds since 1970; the time of the
  /// call if it is absent. It is shown in the local time zone.
  std::optional<int64_t> now;
  /// The steps of the interpreter: about one for each operator, element and 32
  /// bytes of text. The default takes seconds.
  uint64_t maxSteps = 50'000'000;
  /// The bytes of the result.
  size_t maxOutput = size_t(64) << 20;
  /// The bytes of all values at one time, those of the variables included.
  size_t maxMemory = size_t(1) << 30;
};

class ChatTemplate {
public:
  /// Parses a template; `where` names it in messages: "chat_template.jinja".
  /// Errors: what is not Jinja, and tags, filters and tests that do not exist.
  static Expected<ChatTemplate> parse(std::string source, std::string where);

  /// Renders a conversation. `variables` is a JSON object: `messages` is a list
  /// of at least one message, an object each. All other members are variables
  /// of the template, too: `tools`, `documents` and `add_generation_prompt`,
  /// which are null, null and false if they are absent; the special tokens
  /// (`bos_token`); and any other. The order of keys is kept.
  ///
  /// As transformers does it, members of a message that are null are left out,
  /// and reasoning is given by the names `reasoning_content` and `thinking`.
  /// `continue_final_message` is no variable: if it is true, or the name of a
  /// member, the prompt ends with the text of the final message.
  Expected<std::string> render(std::string_view variables,
                               const RenderOptions &options = {}) const;

  /// Whether the template uses a variable that it gets from outside, such as
  /// `tools`.
  bool uses(std::string_view variable) const;

private:
  explicit ChatTemplate(std::shared_ptr<const jinja::Program> program);
  std::shared_ptr<const jinja::Program> program;
};

} // namespace lora_rt

#endif // LORA_RUNTIME_CHATTEMPLATE_H
