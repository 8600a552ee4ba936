//===- ParserCalls.cpp - Indices, calls, filters and tests ----------------===//
//
// What follows an operand in an expression: `.a`, `[b]`, calls, filters and
// tests. As in jinja2, the parser refuses arguments in a wrong order, an
// argument that is given twice, and a test directly after another.
//
//===----------------------------------------------------------------------===//

#include "Parser.h"

#include <algorithm>

namespace lora_rt::jinja {

NodePtr Parser::parsePostfix(NodePtr node) {
  while (node) {
    if (current().isSymbol(".") || current().isSymbol("["))
      node = parseItem(std::move(node));
    else if (current().isSymbol("("))
      node = parseCall(std::move(node));
    else
      break;
  }
  return node;
}

NodePtr Parser::parseFilters(NodePtr node) {
  while (node) {
    if (current().isSymbol("|"))
      node = parseFilter(std::move(node), false, false);
    else if (current().isName("is"))
      node = parseTest(std::move(node));
    else if (current().isSymbol("("))
      node = parseCall(std::move(node));
    else
      break;
  }
  return node;
}

NodePtr Parser::parseItem(NodePtr object) {
  const Token &token = next();
  if (token.text == ".") {
    const Token &name = next();
    NodePtr node;
    if (name.kind == TokenKind::Name) {
      node = makeOf(NodeKind::Attribute, token.line, std::move(object));
      if (node)
        node->attribute = name.text;
      return node;
    }
    if (name.kind != TokenKind::Integer)
      return failAt(name.line,
                    "expected a name or a number after '.', but "
                    "found ",
                    describe(name));
    NodePtr index = make(NodeKind::Constant, name.line);
    index->value = Value::integer(name.integer);
    return makeOf(NodeKind::Item, token.line, std::move(object),
                  std::move(index));
  }
  NodePtr indices = make(NodeKind::Tuple, token.line);
  while (!current().isSymbol("]")) {
    if (!indices->operands.empty() && !expectSymbol(","))
      return nullptr;
    NodePtr index = parseIndex();
    if (!index || !adopt(*indices, std::move(index)))
      return nullptr;
  }
  next();
  if (indices->operands.size() == 1)
    return makeOf(NodeKind::Item, token.line, std::move(object),
                  std::move(indices->operands[0]));
  for (const NodePtr &index : indices->operands)
    if (index->kind == NodeKind::Slice)
      return failAt(token.line, "a slice is the only index in its brackets");
  return makeOf(NodeKind::Item, token.line, std::move(object),
                std::move(indices));
}

NodePtr Parser::parseIndex() {
  uint32_t line = current().line;
  NodePtr parts[3];
  if (!current().isSymbol(":")) {
    parts[0] = parseExpression();
    if (!parts[0] || !current().isSymbol(":"))
      return std::move(parts[0]);
  }
  next();
  auto isEnd = [&] {
    return current().isSymbol("]") || current().isSymbol(",");
  };
  if (!current().isSymbol(":") && !isEnd() && !(parts[1] = parseExpression()))
    return nullptr;
  if (skipSymbol(":") && !isEnd() && !(parts[2] = parseExpression()))
    return nullptr;
  NodePtr node = make(NodeKind::Slice, line);
  for (NodePtr &part : parts)
    if (!adopt(*node, std::move(part)))
      return nullptr;
  return node;
}

std::unique_ptr<CallArguments> Parser::parseArguments(uint32_t &depth) {
  auto arguments = std::make_unique<CallArguments>();
  uint32_t line = current().line;
  if (!expectSymbol("("))
    return nullptr;
  auto order = [&](bool isFine) {
    if (!isFine)
      failAt(line, "the arguments of a call are in a wrong order");
    return isFine;
  };
  auto add = [&](NodePtr value) -> Node * {
    if (value)
      depth = std::max(depth, value->depth);
    return value.release();
  };
  bool isFirst = true;
  while (!current().isSymbol(")")) {
    if (!isFirst) {
      if (!expectSymbol(","))
        return nullptr;
      if (current().isSymbol(")"))
        break;
    }
    isFirst = false;
    if (skipSymbol("*")) {
      if (!order(!arguments->morePositional && !arguments->moreNamed))
        return nullptr;
      arguments->morePositional.reset(add(parseExpression()));
      if (!arguments->morePositional)
        return nullptr;
    } else if (skipSymbol("**")) {
      if (!order(!arguments->moreNamed))
        return nullptr;
      arguments->moreNamed.reset(add(parseExpression()));
      if (!arguments->moreNamed)
        return nullptr;
    } else if (current().kind == TokenKind::Name && following().isSymbol("=")) {
      if (!order(!arguments->moreNamed))
        return nullptr;
      std::string name = next().text;
      next();
      for (auto &[known, value] : arguments->named)
        if (known == name)
          return failAt(line, "the argument '", name, "' is given twice");
      NodePtr value(add(parseExpression()));
      if (!value)
        return nullptr;
      arguments->named.emplace_back(std::move(name), std::move(value));
    } else {
      if (!order(!arguments->morePositional && !arguments->moreNamed &&
                 arguments->named.empty()))
        return nullptr;
      NodePtr value(add(parseExpression()));
      if (!value)
        return nullptr;
      arguments->positional.push_back(std::move(value));
    }
  }
  next();
  return arguments;
}

NodePtr Parser::parseCall(NodePtr function) {
  NodePtr node = make(NodeKind::Call, current().line);
  uint32_t depth = 0;
  node->arguments = parseArguments(depth);
  node->depth = depth + 1;
  if (!node->arguments || !adopt(*node, std::move(function)))
    return nullptr;
  return node;
}

bool Parser::parseDottedName(std::string &name) {
  while (true) {
    const Token *part = expectAnyName();
    if (!part)
      return false;
    name += part->text;
    if (!skipSymbol("."))
      return true;
    name += '.';
  }
}

NodePtr Parser::parseFilter(NodePtr node, bool isInside, bool isBlock) {
  while (isInside || current().isSymbol("|")) {
    if (!isInside)
      next();
    isInside = false;
    NodePtr filter = make(NodeKind::Filter, current().line);
    uint32_t depth = 0;
    if (!parseDottedName(filter->name))
      return nullptr;
    filter->arguments = current().isSymbol("(")
                            ? parseArguments(depth)
                            : std::make_unique<CallArguments>();
    filter->depth = depth + 1;
    if (!filter->arguments || !adopt(*filter, std::move(node)))
      return nullptr;
    node = std::move(filter);
  }
  if (!node && isBlock)
    return fail("expected a filter, but found ", describe(current()));
  return node;
}

NodePtr Parser::parseTest(NodePtr value) {
  uint32_t line = next().line;
  bool isNegated = skipName("not");
  NodePtr node = make(NodeKind::Test, line);
  if (!parseDottedName(node->name))
    return nullptr;
  uint32_t depth = 0;
  const Token &token = current();
  bool isArgument = token.kind == TokenKind::String ||
                    token.kind == TokenKind::Integer ||
                    token.kind == TokenKind::Float || token.isSymbol("[") ||
                    token.isSymbol("{") ||
                    (token.kind == TokenKind::Name && !token.isName("else") &&
                     !token.isName("or") && !token.isName("and"));
  if (token.isSymbol("(")) {
    node->arguments = parseArguments(depth);
    if (!node->arguments)
      return nullptr;
  } else {
    node->arguments = std::make_unique<CallArguments>();
    if (isArgument) {
      if (token.isName("is"))
        return fail("tests with 'is' cannot follow one another; use 'and'");
      NodePtr argument = parsePostfix(parsePrimary());
      if (!argument)
        return nullptr;
      depth = argument->depth;
      node->arguments->positional.push_back(std::move(argument));
    }
  }
  node->depth = depth + 1;
  if (!adopt(*node, std::move(value)))
    return nullptr;
  return isNegated ? makeOf(NodeKind::Not, line, std::move(node))
                   : std::move(node);
}

} // namespace lora_rt::jinja
