//===- Conversation.h - What transformers passes to a template --*- C++ -*-===//
//
// The part of transformers' apply_chat_template around jinja2: the variables of
// a template, and the cut behind a final message that is to be continued.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TEXT_TEMPLATE_CONVERSATION_H
#define LORA_RUNTIME_TEXT_TEMPLATE_CONVERSATION_H

#include "Interpreter.h"

namespace lora_rt::jinja {

class Conversation {
public:
  Conversation(const Program &program, const std::string &where)
      : program(program), where(where) {}

  /// Checks the variables, and adds them to a context.
  Error fill(const Value &variables, const RenderOptions &options,
             Context &context);

  /// Cuts the prompt behind the final message, if that is to be continued.
  Error finish(std::string &prompt) const;

private:
  template <typename... Parts> Error refuse(const Parts &...parts) const {
    return makeError(ErrorCode::InvalidArgument, where, ": ", parts...);
  }
  Error checkList(const Value &list, const char *name) const;
  Error markFinal(Value &message);

  const Program &program;
  const std::string &where;
  /// The text to continue, if there is one.
  bool isContinued = false;
  std::string finalText;
};

} // namespace lora_rt::jinja

#endif // LORA_RUNTIME_TEXT_TEMPLATE_CONVERSATION_H
