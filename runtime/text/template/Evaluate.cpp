//===- Evaluate.cpp - Expressions -----------------------------------------===//
//
// The expressions of the interpreter. Each node takes a step, and the depth of
// nodes in one another is limited. An operator sets the line after its operands
// were evaluated, so that a message names its own line.
//
//===----------------------------------------------------------------------===//

#include "Access.h"
#include "Filters.h"
#include "Interpreter.h"
#include "Operators.h"
#include "Tests.h"

namespace lora_rt::jinja {

Value Interpreter::evaluate(const Node &node, Frame &frame) {
  Descent descent(runtime);
  if (!descent || !runtime.step())
    return Value::failure();
  switch (node.kind) {
  case NodeKind::Name:
    return evaluateName(node, frame);
  case NodeKind::Constant:
    return node.value;
  case NodeKind::Tuple:
  case NodeKind::List:
    return evaluateItems(node, frame);
  case NodeKind::Dict:
    return evaluateDict(node, frame);
  case NodeKind::Binary:
    return evaluateBinary(node, frame);
  case NodeKind::And:
  case NodeKind::Or: {
    Value left = evaluate(*node.operands[0], frame);
    if (left.isFailure())
      return left;
    bool isTrue = runtime.isTrue(left);
    if (runtime.failed())
      return Value::failure();
    return isTrue == (node.kind == NodeKind::And)
               ? evaluate(*node.operands[1], frame)
               : left;
  }
  case NodeKind::Not: {
    Value value = evaluate(*node.operands[0], frame);
    if (value.isFailure())
      return value;
    bool isTrue = runtime.isTrue(value);
    return runtime.failed() ? Value::failure() : Value::boolean(!isTrue);
  }
  case NodeKind::Unary: {
    Value value = evaluate(*node.operands[0], frame);
    runtime.line = node.line;
    return value.isFailure()
               ? value
               : negate(runtime, value, node.operation == Operator::Subtract);
  }
  case NodeKind::Concat:
    return evaluateConcat(node, frame);
  case NodeKind::Compare:
    return evaluateCompare(node, frame);
  case NodeKind::Attribute: {
    Value object = evaluate(*node.operands[0], frame);
    runtime.line = node.line;
    return object.isFailure() ? object
                              : getAttribute(runtime, object, node.attribute);
  }
  case NodeKind::Item:
    return evaluateItem(node, frame);
  case NodeKind::Choose:
    return evaluateChoice(node, frame);
  case NodeKind::Call:
    return evaluateCall(node, frame, nullptr);
  case NodeKind::Filter:
    return evaluateFilter(node, frame, nullptr);
  case NodeKind::Test:
    return evaluateTest(node, frame);
  default:
    runtime.line = node.line;
    return runtime.fail("not an expression");
  }
}

Value Interpreter::evaluateName(const Node &node, Frame &frame) {
  const Value &value = frame.variables.at(node.place);
  if (!value.isMissing() || !node.isChecked)
    return value;
  return runtime.undefined("'", node.name, "' is undefined");
}

Value Interpreter::evaluateItems(const Node &node, Frame &frame) {
  std::vector<Value> items;
  items.reserve(node.operands.size());
  for (const NodePtr &operand : node.operands) {
    items.push_back(evaluate(*operand, frame));
    if (items.back().isFailure())
      return Value::failure();
  }
  return node.kind == NodeKind::List ? Value::list(std::move(items))
                                     : Value::tuple(std::move(items));
}

Value Interpreter::evaluateDict(const Node &node, Frame &frame) {
  Ref<Dict> dict(new Dict);
  for (size_t i = 0; i < node.operands.size(); i += 2) {
    Value key = evaluate(*node.operands[i], frame);
    if (key.isFailure())
      return key;
    Value value = evaluate(*node.operands[i + 1], frame);
    if (value.isFailure())
      return value;
    runtime.line = node.line;
    if (!dict->set(runtime, key, std::move(value)))
      return Value::failure();
  }
  return Value::of(Kind::Dict, dict.get());
}

Value Interpreter::evaluateBinary(const Node &node, Frame &frame) {
  Value left = evaluate(*node.operands[0], frame);
  if (left.isFailure())
    return left;
  Value right = evaluate(*node.operands[1], frame);
  if (right.isFailure())
    return right;
  runtime.line = node.line;
  return calculate(runtime, node.operation, left, right);
}

Value Interpreter::evaluateCompare(const Node &node, Frame &frame) {
  Value left = evaluate(*node.operands[0], frame);
  if (left.isFailure())
    return left;
  for (size_t i = 1; i < node.operands.size(); ++i) {
    Value right = evaluate(*node.operands[i], frame);
    if (right.isFailure())
      return right;
    runtime.line = node.line;
    bool holds = compare(runtime, node.comparisons[i - 1], left, right);
    if (runtime.failed())
      return Value::failure();
    if (!holds)
      return Value::boolean(false);
    left = std::move(right);
  }
  return Value::boolean(true);
}

Value Interpreter::evaluateConcat(const Node &node, Frame &frame) {
  // All parts are evaluated before the first is printed.
  std::vector<Value> parts;
  for (const NodePtr &operand : node.operands) {
    parts.push_back(evaluate(*operand, frame));
    if (parts.back().isFailure())
      return Value::failure();
  }
  runtime.line = node.line;
  std::string out;
  for (const Value &part : parts)
    if (!runtime.print(part, out))
      return Value::failure();
  return runtime.text(std::move(out));
}

Value Interpreter::evaluateChoice(const Node &node, Frame &frame) {
  Value condition = evaluate(*node.operands[0], frame);
  if (condition.isFailure())
    return condition;
  bool isTrue = runtime.isTrue(condition);
  if (runtime.failed())
    return Value::failure();
  if (isTrue)
    return evaluate(*node.operands[1], frame);
  if (node.operands[2])
    return evaluate(*node.operands[2], frame);
  return runtime.undefined("the condition in line ", node.line,
                           " is false, and there is no 'else'");
}

Value Interpreter::evaluateItem(const Node &node, Frame &frame) {
  Value object = evaluate(*node.operands[0], frame);
  if (object.isFailure())
    return object;
  const Node &index = *node.operands[1];
  if (index.kind == NodeKind::Slice)
    return evaluateSlice(object, index, frame);
  Value key = evaluate(index, frame);
  runtime.line = node.line;
  return key.isFailure() ? key : getItem(runtime, object, key);
}

Value Interpreter::evaluateSlice(const Value &object, const Node &slice,
                                 Frame &frame) {
  Value parts[3];
  for (size_t i = 0; i < 3; ++i) {
    if (slice.operands[i])
      parts[i] = evaluate(*slice.operands[i], frame);
    if (parts[i].isFailure())
      return Value::failure();
  }
  runtime.line = slice.line;
  return getSlice(runtime, object, parts[0], parts[1], parts[2]);
}

bool Interpreter::evaluateArguments(const CallArguments &syntax, Frame &frame,
                                    Arguments &out) {
  for (const NodePtr &argument : syntax.positional) {
    out.positional.push_back(evaluate(*argument, frame));
    if (out.positional.back().isFailure())
      return false;
  }
  if (syntax.morePositional) {
    Value more = evaluate(*syntax.morePositional, frame);
    if (more.isFailure() || !runtime.collect(more, out.positional))
      return false;
  }
  for (const auto &[name, argument] : syntax.named) {
    out.named.emplace_back(name, evaluate(*argument, frame));
    if (out.named.back().second.isFailure())
      return false;
  }
  if (!syntax.moreNamed)
    return true;
  Value more = evaluate(*syntax.moreNamed, frame);
  if (more.isFailure())
    return false;
  if (!more.is(Kind::Dict)) {
    (void)runtime.fail("expected a dict after '**', but found ",
                       typeName(more));
    return false;
  }
  for (const auto &[name, value] : more.dict().entries) {
    if (!name.isString()) {
      (void)runtime.fail("the names of arguments are strings");
      return false;
    }
    for (const auto &[known, ignored] : syntax.named)
      if (known == name.string()) {
        (void)runtime.fail("the argument '", known, "' is given twice");
        return false;
      }
    out.named.emplace_back(name.string(), value);
  }
  return true;
}

Value Interpreter::evaluateCall(const Node &node, Frame &frame,
                                const Value *caller) {
  Value function = evaluate(*node.operands[0], frame);
  Arguments arguments;
  if (function.isFailure() ||
      !evaluateArguments(*node.arguments, frame, arguments))
    return Value::failure();
  runtime.line = node.line;
  if (caller) {
    for (const auto &[known, value] : arguments.named)
      if (known == "caller")
        return runtime.fail("the argument 'caller' is given twice");
    arguments.named.emplace_back("caller", *caller);
  }
  Value result = runtime.call(function, arguments);
  runtime.line = node.line;
  return result;
}

Value Interpreter::evaluateFilter(const Node &node, Frame &frame,
                                  const Value *text) {
  // Only the first filter of a chain has the text of a block.
  Value value;
  if (!node.operands[0])
    value = *text;
  else if (node.operands[0]->kind == NodeKind::Filter)
    value = evaluateFilter(*node.operands[0], frame, text);
  else
    value = evaluate(*node.operands[0], frame);
  Arguments arguments;
  if (value.isFailure() ||
      !evaluateArguments(*node.arguments, frame, arguments))
    return Value::failure();
  runtime.line = node.line;
  if (!node.filter)
    return runtime.fail("no filter named '", node.name, "'");
  return callFilter(runtime, *node.filter, value, arguments);
}

Value Interpreter::evaluateTest(const Node &node, Frame &frame) {
  Value value = evaluate(*node.operands[0], frame);
  Arguments arguments;
  if (value.isFailure() ||
      !evaluateArguments(*node.arguments, frame, arguments))
    return Value::failure();
  runtime.line = node.line;
  if (!node.test)
    return runtime.fail("no test named '", node.name, "'");
  return callTest(runtime, *node.test, value, arguments);
}

} // namespace lora_rt::jinja
