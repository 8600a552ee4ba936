//===- ChatTemplate.cpp - Conversations as transformers passes them -------===//
//
// Implements ChatTemplate. Templates of more than 512 KiB, or with invalid
// UTF-8, are refused before they are parsed. A name is looked up in three
// contexts: what the template sets, the variables, and the functions of
// Globals.h.
//
//===----------------------------------------------------------------------===//

#include "lora-runtime/ChatTemplate.h"
#include "../Unicode.h"
#include "Conversation.h"
#include "Globals.h"
#include "Json.h"
#include "Parser.h"

namespace lora_rt {

using namespace jinja;

namespace {

constexpr size_t maxSource = size_t(512) << 10;

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
  program->source = std::move(source);
  return ChatTemplate(std::move(program));
}

Expected<std::string> ChatTemplate::render(std::string_view variables,
                                           const RenderOptions &options) const {
  Runtime runtime(options, program->where);
  std::string where = options.where.empty() ? program->where + ": the variables"
                                            : options.where;
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
    Conversation conversation(*program, where);
    if (Error error = conversation.fill(*values, options, *given))
      return error;
    Ref<Context> context(new Context(given));
    if (!Interpreter(*program, runtime).run(*context, out))
      return runtime.takeError();
    if (Error error = conversation.finish(out))
      return error;
  }
  return out;
}

bool ChatTemplate::uses(std::string_view variable) const {
  return program->variables.count(variable) && !isGlobal(variable);
}

} // namespace lora_rt
