//===- ChatTemplate.cpp - Conversations as transformers passes them -------===//
//
// What transformers' apply_chat_template does before and after jinja2.
//
//===----------------------------------------------------------------------===//

#include "lora-runtime/ChatTemplate.h"
#include "../Unicode.h"
#include "Globals.h"
#include "Interpreter.h"
#include "Json.h"
#include "Parser.h"

namespace lora_rt {

using namespace jinja;

namespace {

constexpr size_t maxSource = size_t(4) << 20;

/// A message without members that are null, and with its reasoning by the
/// names that templates use.
Value normalizeMessage(const Dict &message) {
  const Value *reasoning = nullptr;
  for (const char *name : {"reasoning_content", "thinking", "reasoning"})
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

/// Checks that a variable is a list of objects.
Error checkList(const Value &list, const char *name, const std::string &where) {
  bool isFine = list.is(Kind::List);
  if (isFine)
    for (const Value &item : list.items())
      isFine = isFine && item.is(Kind::Dict);
  if (isFine)
    return Error::success();
  return makeError(ErrorCode::InvalidArgument, where,
                   ": expected a list of "
                   "JSON objects for '",
                   name, "'");
}

Error fillContext(const Value &variables, Context &context,
                  const std::string &where) {
  auto &names = context.names;
  names["tools"] = names["documents"] = Value();
  names["add_generation_prompt"] = Value::boolean(false);
  for (const auto &[key, value] : variables.dict().entries)
    names[key.string()] = value;
  const Value messages = names["messages"];
  if (Error error = checkList(messages, "messages", where))
    return error;
  if (messages.items().empty())
    return makeError(ErrorCode::InvalidArgument, where,
                     ": expected at least one message in 'messages'");
  for (const char *name : {"tools", "documents"})
    if (!names[name].isNone())
      if (Error error = checkList(names[name], name, where))
        return error;
  std::vector<Value> normalized;
  for (const Value &message : messages.items())
    normalized.push_back(normalizeMessage(message.dict()));
  names["messages"] = Value::list(std::move(normalized));
  return Error::success();
}

} // namespace

ChatTemplate::ChatTemplate(std::shared_ptr<const Program> program)
    : program(std::move(program)) {}

Expected<ChatTemplate> ChatTemplate::parse(std::string source,
                                           std::string where) {
  if (source.size() > maxSource)
    return makeError(ErrorCode::InvalidFile, where,
                     ": a template of more than ", maxSource, " bytes");
  if (size_t valid = text::validPrefix(source); valid != source.size())
    return makeError(ErrorCode::InvalidFile, where,
                     ": not valid UTF-8 at byte ", valid);
  auto program = std::make_shared<Program>();
  program->where = std::move(where);
  Expected<std::vector<Token>> tokens = tokenize(source, program->where);
  if (!tokens)
    return tokens.takeError();
  Expected<NodeList> body = Parser(std::move(*tokens), program->where).parse();
  if (!body)
    return body.takeError();
  program->body = std::move(*body);
  if (Error error = resolveScopes(*program))
    return error;
  return ChatTemplate(std::move(program));
}

Expected<std::string> ChatTemplate::render(std::string_view variables,
                                           const RenderOptions &options) const {
  Runtime runtime(options, program->where);
  std::string where = program->where + ": the variables";
  std::string out;
  {
    Expected<Value> values = readJson(variables, where);
    if (!values)
      return values.takeError();
    if (!values->is(Kind::Dict))
      return makeError(ErrorCode::InvalidArgument, where,
                       ": expected a JSON object");
    Ref<Context> globals(new Context);
    addGlobals(globals->names);
    Ref<Context> given(new Context(globals));
    if (Error error = fillContext(*values, *given, where))
      return error;
    Ref<Context> context(new Context(given));
    if (!Interpreter(*program, runtime).run(*context, out))
      return runtime.takeError();
  }
  return out;
}

bool ChatTemplate::uses(std::string_view variable) const {
  return program->variables.count(variable) && !isGlobal(variable);
}

} // namespace lora_rt
