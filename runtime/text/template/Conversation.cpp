//===- Conversation.cpp - Messages as transformers passes them ------------===//
//
// Implements Conversation. A final message is continued as in transformers: a
// mark is put behind its text, and the prompt is cut where the mark is. If the
// prompt lacks the mark or the text, it is refused.
//
//===----------------------------------------------------------------------===//

#include "Conversation.h"
#include "Methods.h"

#include <algorithm>

namespace lora_rt::jinja {

namespace {

/// The names of a message's reasoning; the first is the one of templates.
constexpr const char *reasoningNames[] = {"reasoning_content", "thinking",
                                          "reasoning"};

/// What transformers adds to the text of a final message, to find it again.
constexpr std::string_view mark = "CONTINUE_FINAL_MESSAGE_TAG ";

/// A message without members that are null, and with its reasoning by the
/// names that templates use.
Value normalizeMessage(const Dict &message) {
  const Value *reasoning = nullptr;
  for (const char *name : reasoningNames)
    if (const Value *value = message.find(name);
        !reasoning && value && !value->isNone())
      reasoning = value;
  Ref<Dict> out(new Dict);
  if (reasoning)
    out->set("thinking", *reasoning);
  for (const auto &[key, value] : message.entries)
    if (!value.isNone())
      out->set(key.string(), value);
  if (reasoning)
    out->set("reasoning_content", *reasoning);
  return Value::of(Kind::Dict, out.get());
}

/// A dict with another value for a key.
Value withMember(const Dict &dict, std::string_view key, Value value) {
  Ref<Dict> out(new Dict);
  for (const auto &[name, old] : dict.entries)
    out->set(name.string(), old);
  out->set(key, std::move(value));
  return Value::of(Kind::Dict, out.get());
}

Value withMark(const Value &text) {
  return Value::text(text.string() + std::string(mark));
}

} // namespace

Error Conversation::checkList(const Value &list, const char *name) const {
  bool isFine = list.is(Kind::List);
  if (isFine)
    for (const Value &item : list.items())
      isFine = isFine && item.is(Kind::Dict);
  if (isFine)
    return Error::success();
  return refuse("expected a list of JSON objects for '", name, "'");
}

Error Conversation::fill(const Value &variables, const RenderOptions &options,
                         Context &context) {
  auto &names = context.names;
  names["tools"] = names["documents"] = Value();
  names["add_generation_prompt"] = Value::boolean(options.addsGenerationPrompt);
  for (const auto &[name, text] : options.texts)
    names[name] = Value::text(text);
  for (const auto &[key, value] : variables.dict().entries)
    names[key.string()] = value;
  const Value messages = names["messages"];
  if (Error error = checkList(messages, "messages"))
    return error;
  if (messages.items().empty())
    return refuse("expected at least one message in 'messages'");
  for (const char *name : {"tools", "documents"})
    if (!names[name].isNone())
      if (Error error = checkList(names[name], name))
        return error;
  std::vector<Value> normalized;
  for (const Value &message : messages.items())
    normalized.push_back(normalizeMessage(message.dict()));
  // The member is for this function, and no variable.
  if (auto found = names.find("continue_final_message"); found != names.end()) {
    Value field = found->second;
    names.erase(found);
    bool isText = field.isString() && field.asText().length > 0;
    if (!field.isNone() && !field.is(Kind::Bool) && !field.isString())
      return refuse("expected true, false or the name of a member for "
                    "'continue_final_message'");
    if (isText || (field.is(Kind::Bool) && field.integer())) {
      Value &prompted = names["add_generation_prompt"];
      if (!variables.dict().find("add_generation_prompt"))
        prompted = Value::boolean(false);
      if (prompted.is(Kind::Bool) && prompted.integer())
        return refuse("'continue_final_message' and 'add_generation_prompt' "
                      "exclude each other");
      finalText = isText ? field.string() : "content";
      if (Error error = markFinal(normalized.back()))
        return error;
    }
  }
  names["messages"] = Value::list(std::move(normalized));
  return Error::success();
}

/// Marks the end of the text to continue; `finalText` is the member's name
/// before, and the text after.
Error Conversation::markFinal(Value &message) {
  const std::string field = finalText;
  const Value *found = message.dict().find(field);
  if (!found || found->isNone())
    return refuse("the final message has no '", field, "' to continue");
  const Value value = *found;
  std::vector<std::string> fields{field};
  if (std::find(std::begin(reasoningNames), std::end(reasoningNames), field) !=
      std::end(reasoningNames)) {
    fields.clear();
    for (const char *name : reasoningNames)
      if (const Value *same = message.dict().find(name);
          same && same->isString() && value.isString() &&
          same->string() == value.string())
        fields.push_back(name);
  }
  bool isUsed = false;
  for (const std::string &name : fields)
    isUsed = isUsed || program.source.find(name) != std::string::npos;
  if (!isUsed)
    return refuse("the template does not use '", field, "' of a message");
  isContinued = true;
  if (value.isString()) {
    finalText = value.string();
    for (const std::string &name : fields)
      message = withMember(message.dict(), name, withMark(value));
    return Error::success();
  }
  if (value.is(Kind::List)) {
    std::vector<Value> blocks = value.items();
    for (size_t i = blocks.size(); i > 0; --i) {
      Value &block = blocks[i - 1];
      const Value *text =
          block.is(Kind::Dict) ? block.dict().find("text") : nullptr;
      if (!text || !text->isString())
        continue;
      finalText = text->string();
      block = withMember(block.dict(), "text", withMark(*text));
      message =
          withMember(message.dict(), field, Value::list(std::move(blocks)));
      return Error::success();
    }
  }
  return refuse("the '", field,
                "' of the final message holds no text to "
                "continue");
}

Error Conversation::finish(std::string &prompt) const {
  if (!isContinued)
    return Error::success();
  std::string_view bare = mark.substr(0, mark.size() - 1);
  size_t place = prompt.rfind(bare);
  if (place == std::string::npos ||
      findPart(prompt, strip(finalText, 3)) == std::string::npos)
    return refuse("the template leaves out the final message, or a part of it, "
                  "which cannot be continued so");
  bool keepsSpace = std::string_view(prompt).substr(place).starts_with(mark);
  prompt.resize(place);
  if (!keepsSpace)
    prompt.resize(strip(prompt, 2).size());
  return Error::success();
}

} // namespace lora_rt::jinja
