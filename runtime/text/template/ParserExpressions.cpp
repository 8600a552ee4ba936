//===- ParserExpressions.cpp - Operators, literals, calls -----------------===//
//
// Operators, with jinja2's precedence: `~` binds more tightly than `+`, and
// `**` groups from the left. The interpreter is recursive, and therefore very
// deep expressions are refused here.
//
//===----------------------------------------------------------------------===//

#include "Parser.h"

namespace lora_rt::jinja {

namespace {

/// Expressions in brackets, lists and the like in one another. Python's
/// recursion ends at about the same depth.
constexpr int maxNestedExpressions = 100;
/// Operators on the path from an expression to its deepest part: 1 + 1 + 1 has
/// two.
constexpr uint32_t maxExpressionDepth = 250;

class Nested {
public:
  explicit Nested(int &count) : count(count) { ++count; }
  ~Nested() { --count; }

private:
  int &count;
};

} // namespace

bool Parser::adopt(Node &node, NodePtr part) {
  if (part)
    node.depth = std::max(node.depth, part->depth + 1);
  if (node.depth > maxExpressionDepth) {
    failAt(node.line, "an expression with more than ", maxExpressionDepth,
           " operators in one another; split it with 'set'");
    return false;
  }
  node.operands.push_back(std::move(part));
  return true;
}

NodePtr Parser::makeOf(NodeKind kind, uint32_t line, NodePtr first,
                       NodePtr second, NodePtr third) {
  NodePtr node = make(kind, line);
  if (!adopt(*node, std::move(first)) ||
      (second && !adopt(*node, std::move(second))) ||
      (third && !adopt(*node, std::move(third))))
    return nullptr;
  return node;
}

NodePtr Parser::parseExpression(bool hasCondition) {
  Nested nested(nesting);
  if (nesting > maxNestedExpressions)
    return fail("more than ", maxNestedExpressions,
                " expressions in one another");
  return hasCondition ? parseChoice() : parseOr();
}

NodePtr Parser::parseChoice() {
  uint32_t line = current().line;
  NodePtr value = parseOr();
  while (value && skipName("if")) {
    NodePtr condition = parseOr(), otherwise;
    if (!condition)
      return nullptr;
    if (skipName("else") && !(otherwise = parseExpression()))
      return nullptr;
    NodePtr node =
        makeOf(NodeKind::Choose, line, std::move(condition), std::move(value));
    if (!node || !adopt(*node, std::move(otherwise)))
      return nullptr;
    value = std::move(node);
    line = current().line;
  }
  return value;
}

NodePtr Parser::parseOr() {
  uint32_t line = current().line;
  NodePtr left = parseAnd();
  while (left && skipName("or")) {
    NodePtr right = parseAnd();
    if (!right)
      return nullptr;
    left = makeOf(NodeKind::Or, line, std::move(left), std::move(right));
  }
  return left;
}

NodePtr Parser::parseAnd() {
  uint32_t line = current().line;
  NodePtr left = parseNot();
  while (left && skipName("and")) {
    NodePtr right = parseNot();
    if (!right)
      return nullptr;
    left = makeOf(NodeKind::And, line, std::move(left), std::move(right));
  }
  return left;
}

NodePtr Parser::parseNot() {
  if (!current().isName("not"))
    return parseCompare();
  Nested nested(nesting);
  if (nesting > maxNestedExpressions)
    return fail("more than ", maxNestedExpressions,
                " expressions in one another");
  uint32_t line = next().line;
  NodePtr operand = parseNot();
  return operand ? makeOf(NodeKind::Not, line, std::move(operand)) : nullptr;
}

NodePtr Parser::parseCompare() {
  static constexpr std::pair<std::string_view, Operator> operators[] = {
      {"==", Operator::Equal},  {"!=", Operator::NotEqual},
      {"<", Operator::Less},    {"<=", Operator::LessEqual},
      {">", Operator::Greater}, {">=", Operator::GreaterEqual},
  };
  uint32_t line = current().line;
  NodePtr first = parseSum(), node;
  while (first || node) {
    const Operator *found = nullptr;
    static constexpr Operator in = Operator::In, notIn = Operator::NotIn;
    for (auto &[symbol, operation] : operators)
      if (current().isSymbol(symbol))
        found = &operation;
    if (current().isName("in")) {
      found = &in;
    } else if (current().isName("not") && following().isName("in")) {
      found = &notIn;
      next();
    }
    if (!found)
      return node ? std::move(node) : std::move(first);
    next();
    NodePtr operand = parseSum();
    if (!operand)
      return nullptr;
    if (!node && !(node = makeOf(NodeKind::Compare, line, std::move(first))))
      return nullptr;
    if (!adopt(*node, std::move(operand)))
      return nullptr;
    node->comparisons.push_back(*found);
  }
  return nullptr;
}

NodePtr Parser::parseSum() {
  uint32_t line = current().line;
  NodePtr left = parseConcat();
  while (left && (current().isSymbol("+") || current().isSymbol("-"))) {
    bool isPlus = next().text == "+";
    NodePtr right = parseConcat();
    if (!right)
      return nullptr;
    left = makeOf(NodeKind::Binary, line, std::move(left), std::move(right));
    if (left)
      left->operation = isPlus ? Operator::Add : Operator::Subtract;
    line = current().line;
  }
  return left;
}

NodePtr Parser::parseConcat() {
  uint32_t line = current().line;
  NodePtr first = parseProduct();
  if (!first || !current().isSymbol("~"))
    return first;
  NodePtr node = makeOf(NodeKind::Concat, line, std::move(first));
  while (node && skipSymbol("~")) {
    NodePtr part = parseProduct();
    if (!part || !adopt(*node, std::move(part)))
      return nullptr;
  }
  return node;
}

NodePtr Parser::parseProduct() {
  static constexpr std::pair<std::string_view, Operator> operators[] = {
      {"*", Operator::Multiply},
      {"/", Operator::Divide},
      {"//", Operator::FloorDivide},
      {"%", Operator::Modulo},
  };
  uint32_t line = current().line;
  NodePtr left = parsePower();
  while (left) {
    const Operator *found = nullptr;
    for (auto &[symbol, operation] : operators)
      if (current().isSymbol(symbol))
        found = &operation;
    if (!found)
      break;
    next();
    NodePtr right = parsePower();
    if (!right)
      return nullptr;
    left = makeOf(NodeKind::Binary, line, std::move(left), std::move(right));
    if (left)
      left->operation = *found;
    line = current().line;
  }
  return left;
}

NodePtr Parser::parsePower() {
  uint32_t line = current().line;
  NodePtr left = parseUnary();
  while (left && skipSymbol("**")) {
    NodePtr right = parseUnary();
    if (!right)
      return nullptr;
    left = makeOf(NodeKind::Binary, line, std::move(left), std::move(right));
    if (left)
      left->operation = Operator::Power;
    line = current().line;
  }
  return left;
}

NodePtr Parser::parseUnary(bool hasFilter) {
  uint32_t line = current().line;
  NodePtr node;
  if (current().isSymbol("-") || current().isSymbol("+")) {
    Nested nested(nesting);
    if (nesting > maxNestedExpressions)
      return fail("more than ", maxNestedExpressions,
                  " expressions in one another");
    bool isMinus = next().text == "-";
    NodePtr operand = parseUnary(false);
    if (!operand)
      return nullptr;
    node = makeOf(NodeKind::Unary, line, std::move(operand));
    if (node)
      node->operation = isMinus ? Operator::Subtract : Operator::Add;
  } else {
    node = parsePrimary();
  }
  node = parsePostfix(std::move(node));
  return hasFilter ? parseFilters(std::move(node)) : std::move(node);
}

NodePtr Parser::parsePrimary(bool hasFields) {
  const Token &token = current();
  NodePtr node = make(NodeKind::Constant, token.line);
  switch (token.kind) {
  case TokenKind::Name:
    next();
    if (token.text == "true" || token.text == "True") {
      node->value = Value::boolean(true);
    } else if (token.text == "false" || token.text == "False") {
      node->value = Value::boolean(false);
    } else if (token.text != "none" && token.text != "None") {
      node->kind = NodeKind::Name;
      node->name = token.text;
      if (hasFields && skipSymbol(".")) {
        const Token *attribute = expectAnyName();
        if (!attribute)
          return nullptr;
        node->kind = NodeKind::NamespaceField;
        node->attribute = attribute->text;
      }
    }
    return node;
  case TokenKind::String: {
    std::string all;
    while (current().kind == TokenKind::String)
      all += next().text;
    node->value = Value::text(std::move(all));
    return node;
  }
  case TokenKind::Integer:
    node->value = Value::integer(next().integer);
    return node;
  case TokenKind::Float:
    node->value = Value::real(next().real);
    return node;
  default:
    break;
  }
  if (skipSymbol("(")) {
    node = parseTuple({.isBracketed = true});
    return node && expectSymbol(")") ? std::move(node) : nullptr;
  }
  if (token.isSymbol("["))
    return parseList();
  if (token.isSymbol("{"))
    return parseDict();
  return fail("expected an expression, but found ", describe(token));
}

NodePtr Parser::parseTuple(TupleRules rules) {
  Nested nested(nesting);
  if (nesting > maxNestedExpressions)
    return fail("more than ", maxNestedExpressions,
                " expressions in one another");
  uint32_t line = current().line;
  NodePtr node = make(NodeKind::Tuple, line);
  bool isTuple = false;
  while (true) {
    if (!node->operands.empty() && !expectSymbol(","))
      return nullptr;
    const Token &token = current();
    if (token.kind == TokenKind::VariableEnd ||
        token.kind == TokenKind::BlockEnd || token.isSymbol(")") ||
        (!rules.endName.empty() && token.isName(rules.endName)))
      break;
    NodePtr item = rules.isSimple ? parsePrimary(rules.hasFields)
                                  : parseExpression(rules.hasCondition);
    if (!item || !adopt(*node, std::move(item)))
      return nullptr;
    if (!current().isSymbol(","))
      break;
    isTuple = true;
  }
  if (isTuple)
    return node;
  if (!node->operands.empty())
    return std::move(node->operands[0]);
  if (!rules.isBracketed)
    return fail("expected an expression, but found ", describe(current()));
  return node;
}

NodePtr Parser::parseList() {
  NodePtr node = make(NodeKind::List, next().line);
  while (!current().isSymbol("]")) {
    if (!node->operands.empty() && !expectSymbol(","))
      return nullptr;
    if (current().isSymbol("]"))
      break;
    NodePtr item = parseExpression();
    if (!item || !adopt(*node, std::move(item)))
      return nullptr;
  }
  next();
  return node;
}

NodePtr Parser::parseDict() {
  NodePtr node = make(NodeKind::Dict, next().line);
  while (!current().isSymbol("}")) {
    if (!node->operands.empty() && !expectSymbol(","))
      return nullptr;
    if (current().isSymbol("}"))
      break;
    NodePtr key = parseExpression();
    if (!key || !expectSymbol(":"))
      return nullptr;
    NodePtr value = parseExpression();
    if (!value || !adopt(*node, std::move(key)) ||
        !adopt(*node, std::move(value)))
      return nullptr;
  }
  next();
  return node;
}

} // namespace lora_rt::jinja
