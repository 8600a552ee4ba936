//===- Parser.h - From tokens to a syntax tree ------------------*- C++ -*-===//
//
// The grammar of jinja2's parser, with its extensions `break`, `continue` and
// `generation`. A function that fails sets `error` and returns null.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TEXT_TEMPLATE_PARSER_H
#define LORA_RUNTIME_TEXT_TEMPLATE_PARSER_H

#include "Ast.h"
#include "Lexer.h"

#include <initializer_list>
#include <span>

namespace lora_rt::jinja {

using Names = std::span<const std::string_view>;

class Parser {
public:
  Parser(std::vector<Token> tokens, const std::string &where)
      : tokens(std::move(tokens)), where(where) {}

  /// The statements of the whole template.
  Expected<NodeList> parse();

private:
  struct TupleRules {
    bool isSimple = false;      // names and literals only
    bool hasCondition = true;   // `a if b` is one of the expressions
    std::string_view endName{}; // a name that ends it
    bool isBracketed = false;   // an empty one is permitted
    bool hasFields = false;     // namespace fields are permitted
  };

  const Token &current() const { return tokens[place]; }
  const Token &following() const {
    return tokens[std::min(place + 1, tokens.size() - 1)];
  }
  /// Moves on, and returns the token that was current.
  const Token &next() {
    const Token &token = tokens[place];
    if (place + 1 < tokens.size())
      ++place;
    return token;
  }
  bool skipName(std::string_view name) {
    bool isThere = current().isName(name);
    if (isThere)
      next();
    return isThere;
  }
  bool skipSymbol(std::string_view symbol) {
    bool isThere = current().isSymbol(symbol);
    if (isThere)
      next();
    return isThere;
  }
  template <typename... Parts>
  std::nullptr_t failAt(uint32_t line, const Parts &...parts) {
    if (!error)
      error = makeError(ErrorCode::InvalidFile, where, ": line ", line, ": ",
                        parts...);
    return nullptr;
  }
  template <typename... Parts> std::nullptr_t fail(const Parts &...parts) {
    return failAt(current().line, parts...);
  }
  std::nullptr_t failExpected(std::string_view what);
  bool expectSymbol(std::string_view symbol);
  bool expectName(std::string_view name);
  /// Any name; null if there is none.
  const Token *expectAnyName();
  bool expectKind(TokenKind kind, std::string_view what);

  NodePtr make(NodeKind kind, uint32_t line) {
    return std::make_unique<Node>(kind, line);
  }
  /// An expression of parts; fails if it is too deep.
  NodePtr makeOf(NodeKind kind, uint32_t line, NodePtr first,
                 NodePtr second = nullptr, NodePtr third = nullptr);
  bool adopt(Node &node, NodePtr part);

  // ParserStatements.cpp
  bool parseBody(NodeList &out, Names ends);
  NodePtr parseStatement();
  NodePtr parseKnown(std::string_view name);
  std::nullptr_t failTag(const Token *token);
  /// The statements up to one of the tags `ends`, which is left.
  bool parseBlock(NodeList &out, std::initializer_list<std::string_view> ends);
  /// The same, up to one tag, which is skipped.
  bool parseBlockTo(NodeList &out, std::string_view end);
  NodePtr parseFor();
  NodePtr parseIf();
  NodePtr parseSet();
  NodePtr parseWith();
  NodePtr parseAutoescape();
  NodePtr parseNamedBlock();
  NodePtr parseMacro();
  NodePtr parseCallBlock();
  NodePtr parseFilterBlock();
  NodePtr parsePrint();
  NodePtr parseImport(std::string_view tag);
  bool skipImportContext();
  bool parseParameters(Node &node);
  NodePtr parseTarget(TupleRules rules);
  NodePtr parseNameTarget();

  // ParserExpressions.cpp
  NodePtr parseExpression(bool hasCondition = true);
  NodePtr parseChoice();
  NodePtr parseOr();
  NodePtr parseAnd();
  NodePtr parseNot();
  NodePtr parseCompare();
  NodePtr parseSum();
  NodePtr parseConcat();
  NodePtr parseProduct();
  NodePtr parsePower();
  NodePtr parseUnary(bool hasFilter = true);
  NodePtr parsePrimary(bool hasFields = false);
  NodePtr parseTuple(TupleRules rules);
  NodePtr parseList();
  NodePtr parseDict();
  NodePtr parsePostfix(NodePtr node);
  NodePtr parseFilters(NodePtr node);
  NodePtr parseItem(NodePtr node);
  NodePtr parseIndex();
  NodePtr parseCall(NodePtr function);
  std::unique_ptr<CallArguments> parseArguments(uint32_t &depth);
  /// Filters after `|`, or, if `isInside`, without the first `|`.
  NodePtr parseFilter(NodePtr node, bool isInside, bool isBlock);
  NodePtr parseTest(NodePtr node);
  bool parseDottedName(std::string &name);

  std::vector<Token> tokens;
  const std::string &where;
  size_t place = 0;
  Error error;
  /// Expressions and statements in one another.
  int nesting = 0, statementNesting = 0;
  /// The tags that are open, and the ends that are looked for.
  std::vector<std::string> openTags;
  std::vector<std::string> wantedEnds;
};

} // namespace lora_rt::jinja

#endif // LORA_RUNTIME_TEXT_TEMPLATE_PARSER_H
