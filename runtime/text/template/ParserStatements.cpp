//===- ParserStatements.cpp - Tags ----------------------------------------===//
//
// Bodies of tags, and the tags `for`, `if`, `set` and `with`. Unknown tags and
// missing ends are refused, with the end that was expected. So are more tags in
// one another than Python permits.
//
//===----------------------------------------------------------------------===//

#include "Parser.h"

#include <algorithm>

namespace lora_rt::jinja {

namespace {

/// Tags in one another; Python permits 100 levels.
constexpr int maxNestedStatements = 98;

} // namespace

std::nullptr_t Parser::failExpected(std::string_view what) {
  return fail("expected ", what, ", but found ", describe(current()));
}

bool Parser::expectSymbol(std::string_view symbol) {
  if (skipSymbol(symbol))
    return true;
  failExpected("'" + std::string(symbol) + "'");
  return false;
}

bool Parser::expectName(std::string_view name) {
  if (skipName(name))
    return true;
  failExpected("'" + std::string(name) + "'");
  return false;
}

const Token *Parser::expectAnyName() {
  if (current().kind == TokenKind::Name)
    return &next();
  failExpected("a name");
  return nullptr;
}

bool Parser::expectKind(TokenKind kind, std::string_view what) {
  if (current().kind != kind) {
    failExpected(what);
    return false;
  }
  next();
  return true;
}

Expected<NodeList> Parser::parse() {
  NodeList body;
  if (!parseBody(body, {}))
    return std::move(error);
  return body;
}

/// Statements up to a tag that is one of `ends`, or to the end of the template.
bool Parser::parseBody(NodeList &out, Names ends) {
  NodePtr output;
  auto flush = [&] {
    if (output)
      out.push_back(std::move(output));
  };
  while (current().kind != TokenKind::End) {
    const Token &token = next();
    if (token.kind == TokenKind::Data) {
      flush();
      NodePtr data = make(NodeKind::Data, token.line);
      data->name = token.text;
      out.push_back(std::move(data));
    } else if (token.kind == TokenKind::VariableBegin) {
      NodePtr value = parseTuple({});
      if (!value || !expectKind(TokenKind::VariableEnd, "'}}'"))
        return false;
      flush();
      output = make(NodeKind::Output, token.line);
      output->operands.push_back(std::move(value));
    } else {
      flush();
      if (current().kind == TokenKind::Name &&
          std::find(ends.begin(), ends.end(), current().text) != ends.end())
        return true;
      NodePtr statement = parseStatement();
      if (!statement || !expectKind(TokenKind::BlockEnd, "'%}'"))
        return false;
      out.push_back(std::move(statement));
    }
  }
  flush();
  if (ends.empty())
    return true;
  failTag(nullptr);
  return false;
}

std::nullptr_t Parser::failTag(const Token *token) {
  std::string wanted;
  if (!wantedEnds.empty())
    wanted =
        "; expected " + wantedEnds.back() + " of '" + openTags.back() + "'";
  if (token)
    return failAt(token->line, "unknown tag '", token->text, "'", wanted);
  return fail("the template ends inside of a tag", wanted);
}

NodePtr Parser::parseStatement() {
  const Token &token = current();
  if (token.kind != TokenKind::Name)
    return failExpected("the name of a tag");
  if (++statementNesting > maxNestedStatements)
    return fail("more than ", maxNestedStatements, " tags in one another");
  openTags.push_back(token.text);
  NodePtr node = parseKnown(token.text);
  openTags.pop_back();
  --statementNesting;
  if (!node && !error)
    return failTag(&token);
  return node;
}

/// The statement of a tag; null without an error if there is no such tag.
NodePtr Parser::parseKnown(std::string_view name) {
  if (name == "for")
    return parseFor();
  if (name == "if")
    return parseIf();
  if (name == "set")
    return parseSet();
  if (name == "macro")
    return parseMacro();
  if (name == "call")
    return parseCallBlock();
  if (name == "filter")
    return parseFilterBlock();
  if (name == "with")
    return parseWith();
  if (name == "print")
    return parsePrint();
  if (name == "block")
    return parseNamedBlock();
  if (name == "autoescape")
    return parseAutoescape();
  if (name == "include" || name == "import" || name == "from" ||
      name == "extends")
    return parseImport(name);
  if (name == "break")
    return make(NodeKind::Break, next().line);
  if (name == "continue")
    return make(NodeKind::Continue, next().line);
  if (name == "generation") {
    NodePtr node = make(NodeKind::Generation, next().line);
    node->macro = std::make_unique<MacroLayout>();
    return parseBlockTo(node->body, "endgeneration") ? std::move(node)
                                                     : nullptr;
  }
  return nullptr;
}

bool Parser::parseBlock(NodeList &out,
                        std::initializer_list<std::string_view> ends) {
  skipSymbol(":");
  if (!expectKind(TokenKind::BlockEnd, "'%}'"))
    return false;
  std::string wanted;
  for (std::string_view end : ends)
    wanted += (wanted.empty() ? "the end '" : " or '") + std::string(end) + "'";
  wantedEnds.push_back(std::move(wanted));
  bool isFine = parseBody(out, Names(ends.begin(), ends.size()));
  wantedEnds.pop_back();
  return isFine;
}

bool Parser::parseBlockTo(NodeList &out, std::string_view end) {
  if (!parseBlock(out, {end}))
    return false;
  next();
  return true;
}

NodePtr Parser::parseNameTarget() {
  const Token *token = expectAnyName();
  if (!token)
    return nullptr;
  for (std::string_view word :
       {"true", "false", "none", "True", "False", "None"})
    if (token->text == word)
      return failAt(token->line, "cannot assign to '", word, "'");
  NodePtr node = make(NodeKind::Name, token->line);
  node->name = token->text;
  node->use = Use::Store;
  return node;
}

NodePtr Parser::parseTarget(TupleRules rules) {
  rules.isSimple = true;
  NodePtr target = parseTuple(rules);
  if (!target)
    return nullptr;
  // What is assigned to is a name, a field, or a tuple of these.
  std::vector<Node *> open{target.get()};
  while (!open.empty()) {
    Node *node = open.back();
    open.pop_back();
    if (node->kind == NodeKind::Tuple)
      for (NodePtr &part : node->operands)
        open.push_back(part.get());
    else if (node->kind != NodeKind::Name &&
             node->kind != NodeKind::NamespaceField)
      return failAt(node->line,
                    "expected a name to assign to, but found another "
                    "expression");
    node->use = Use::Store;
  }
  return target;
}

NodePtr Parser::parseFor() {
  NodePtr node = make(NodeKind::For, next().line);
  node->loop = std::make_unique<LoopLayout>();
  if (!(node->target = parseTarget({.endName = "in"})) || !expectName("in"))
    return nullptr;
  node->iterable = parseTuple({.hasCondition = false, .endName = "recursive"});
  if (!node->iterable)
    return nullptr;
  if (skipName("if") && !(node->condition = parseExpression()))
    return nullptr;
  node->loop->isRecursive = skipName("recursive");
  if (!parseBlock(node->body, {"endfor", "else"}))
    return nullptr;
  if (next().text == "else" && !parseBlockTo(node->otherwise, "endfor"))
    return nullptr;
  return node;
}

NodePtr Parser::parseIf() {
  NodePtr result = make(NodeKind::If, next().line);
  Node *node = result.get();
  while (true) {
    if (!(node->condition = parseTuple({.hasCondition = false})) ||
        !parseBlock(node->body, {"elif", "else", "endif"}))
      return nullptr;
    const Token &token = next();
    if (token.text == "endif")
      return result;
    if (token.text == "else")
      return parseBlockTo(result->otherwise, "endif") ? std::move(result)
                                                      : nullptr;
    // All branches are in one list, so that a long chain is not a deep one.
    result->operands.push_back(make(NodeKind::If, current().line));
    node = result->operands.back().get();
  }
}

NodePtr Parser::parseSet() {
  NodePtr node = make(NodeKind::Set, next().line);
  if (!(node->target = parseTarget({.hasFields = true})))
    return nullptr;
  if (skipSymbol("=")) {
    NodePtr value = parseTuple({});
    if (!value)
      return nullptr;
    node->operands.push_back(std::move(value));
    return node;
  }
  node->kind = NodeKind::SetBlock;
  NodePtr filter;
  if (current().isSymbol("|") && !(filter = parseFilter(nullptr, false, true)))
    return nullptr;
  node->operands.push_back(std::move(filter));
  return parseBlockTo(node->body, "endset") ? std::move(node) : nullptr;
}

NodePtr Parser::parseWith() {
  NodePtr node = make(NodeKind::With, next().line);
  while (current().kind != TokenKind::BlockEnd) {
    if (!node->operands.empty() && !expectSymbol(","))
      return nullptr;
    NodePtr target = parseTarget({});
    if (!target || !expectSymbol("="))
      return nullptr;
    NodePtr value = parseExpression();
    if (!value)
      return nullptr;
    node->operands.push_back(std::move(target));
    node->operands.push_back(std::move(value));
  }
  return parseBlockTo(node->body, "endwith") ? std::move(node) : nullptr;
}

} // namespace lora_rt::jinja
