//===- ParserBlocks.cpp - Macros, blocks and other templates --------------===//
//
// The parser's tags for macros, calls, filters, blocks and other templates.
// `autoescape` is refused, except with `false`: a prompt is no HTML. Imports
// are parsed, and fail only when they are reached.
//
//===----------------------------------------------------------------------===//

#include "Parser.h"

namespace lora_rt::jinja {

NodePtr Parser::parseAutoescape() {
  NodePtr node = make(NodeKind::Scope, next().line);
  NodePtr value = parseExpression();
  if (!value)
    return nullptr;
  if (value->kind != NodeKind::Constant || !value->value.is(Kind::Bool) ||
      value->value.integer())
    return failAt(node->line, "'autoescape' is only supported with 'false'; a "
                              "prompt is no HTML");
  return parseBlockTo(node->body, "endautoescape") ? std::move(node) : nullptr;
}

NodePtr Parser::parseNamedBlock() {
  NodePtr node = make(NodeKind::Block, next().line);
  const Token *name = expectAnyName();
  if (!name)
    return nullptr;
  node->name = name->text;
  node->isScoped = skipName("scoped");
  node->isRequired = skipName("required");
  if (!parseBlockTo(node->body, "endblock"))
    return nullptr;
  skipName(node->name);
  return node;
}

bool Parser::parseParameters(Node &node) {
  node.macro = std::make_unique<MacroLayout>();
  auto &parameters = node.macro->parameters;
  if (!expectSymbol("("))
    return false;
  while (!current().isSymbol(")")) {
    if (!parameters.empty() && !expectSymbol(","))
      return false;
    NodePtr name = parseNameTarget();
    if (!name)
      return false;
    for (const Parameter &known : parameters)
      if (known.name == name->name) {
        fail("the parameter '", name->name, "' is there twice");
        return false;
      }
    Parameter parameter{name->name, nullptr};
    if (skipSymbol("=")) {
      if (!(parameter.initial = parseExpression()))
        return false;
    } else if (!parameters.empty() && parameters.back().initial) {
      fail("the parameter '", name->name,
           "' needs a default, because the one before has one");
      return false;
    }
    parameters.push_back(std::move(parameter));
  }
  next();
  return true;
}

NodePtr Parser::parseMacro() {
  NodePtr node = make(NodeKind::Macro, next().line);
  NodePtr name = parseNameTarget();
  if (!name)
    return nullptr;
  node->name = name->name;
  if (!parseParameters(*node) || !parseBlockTo(node->body, "endmacro"))
    return nullptr;
  return node;
}

NodePtr Parser::parseCallBlock() {
  NodePtr node = make(NodeKind::CallBlock, next().line);
  node->macro = std::make_unique<MacroLayout>();
  if (current().isSymbol("(") && !parseParameters(*node))
    return nullptr;
  NodePtr call = parseExpression();
  if (!call)
    return nullptr;
  if (call->kind != NodeKind::Call)
    return failAt(node->line, "expected the call of a macro after 'call'");
  node->operands.push_back(std::move(call));
  return parseBlockTo(node->body, "endcall") ? std::move(node) : nullptr;
}

NodePtr Parser::parseFilterBlock() {
  NodePtr node = make(NodeKind::FilterText, next().line);
  NodePtr filter = parseFilter(nullptr, true, true);
  if (!filter)
    return nullptr;
  node->operands.push_back(std::move(filter));
  return parseBlockTo(node->body, "endfilter") ? std::move(node) : nullptr;
}

NodePtr Parser::parsePrint() {
  NodePtr node = make(NodeKind::Output, next().line);
  while (current().kind != TokenKind::BlockEnd) {
    if (!node->operands.empty() && !expectSymbol(","))
      return nullptr;
    NodePtr value = parseExpression();
    if (!value)
      return nullptr;
    node->operands.push_back(std::move(value));
  }
  return node;
}

bool Parser::skipImportContext() {
  if (!(current().isName("with") || current().isName("without")) ||
      !following().isName("context"))
    return false;
  next();
  next();
  return true;
}

NodePtr Parser::parseImport(std::string_view tag) {
  NodePtr node = make(NodeKind::Import, next().line);
  node->name = tag;
  NodePtr source = parseExpression();
  if (!source)
    return nullptr;
  node->operands.push_back(std::move(source));
  auto addTarget = [&] {
    NodePtr target = parseNameTarget();
    if (!target)
      return false;
    node->operands.push_back(std::move(target));
    return true;
  };
  if (tag == "include") {
    if (current().isName("ignore") && following().isName("missing")) {
      next();
      next();
    }
    skipImportContext();
  } else if (tag == "import") {
    if (!expectName("as") || !addTarget())
      return nullptr;
    skipImportContext();
  } else if (tag == "from") {
    if (!expectName("import"))
      return nullptr;
    while (!skipImportContext()) {
      if (!addTarget())
        return nullptr;
      if (skipName("as")) {
        node->operands.pop_back();
        if (!addTarget())
          return nullptr;
      }
      if (skipImportContext() || !skipSymbol(","))
        break;
    }
  }
  return node;
}

} // namespace lora_rt::jinja
