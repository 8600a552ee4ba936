//===- Tests.cpp - What `is` asks -----------------------------------------===//
//
// Implements Tests.h with the answers of jinja2: an undefined value is
// iterable, a sequence and callable. For `sameas`, equal strings are the same,
// because Python shares short ones.
//
//===----------------------------------------------------------------------===//

#include "Tests.h"
#include "../Unicode.h"
#include "Filters.h"
#include "Operators.h"
#include "PythonText.h"

namespace lora_rt::jinja {

namespace {

/// value % divisor, compared with a number.
bool hasRemainder(Runtime &runtime, const Value &value, const Value &divisor,
                  int64_t remainder) {
  Value rest = calculate(runtime, Operator::Modulo, value, divisor);
  return !rest.isFailure() && isEqual(runtime, rest, Value::integer(remainder));
}

bool isOdd(Runtime &runtime, const Value &value, const Bound &) {
  return hasRemainder(runtime, value, Value::integer(2), 1);
}
bool isEven(Runtime &runtime, const Value &value, const Bound &) {
  return hasRemainder(runtime, value, Value::integer(2), 0);
}
bool isDivisible(Runtime &runtime, const Value &value, const Bound &bound) {
  return hasRemainder(runtime, value, bound[0], 0);
}
bool isDefined(Runtime &, const Value &value, const Bound &) {
  return !value.isUndefined();
}
bool isUndefined(Runtime &, const Value &value, const Bound &) {
  return value.isUndefined();
}
bool isNone(Runtime &, const Value &value, const Bound &) {
  return value.isNone();
}
bool isBoolean(Runtime &, const Value &value, const Bound &) {
  return value.is(Kind::Bool);
}
bool isTrueValue(Runtime &, const Value &value, const Bound &) {
  return value.is(Kind::Bool) && value.integer();
}
bool isFalseValue(Runtime &, const Value &value, const Bound &) {
  return value.is(Kind::Bool) && !value.integer();
}
bool isInteger(Runtime &, const Value &value, const Bound &) {
  return value.is(Kind::Int);
}
bool isFloat(Runtime &, const Value &value, const Bound &) {
  return value.is(Kind::Float);
}
bool isNumber(Runtime &, const Value &value, const Bound &) {
  return value.isNumber();
}
bool isString(Runtime &, const Value &value, const Bound &) {
  return value.isString();
}
bool isMapping(Runtime &, const Value &value, const Bound &) {
  return value.is(Kind::Dict);
}

bool isSequence(Runtime &, const Value &value, const Bound &) {
  switch (value.kind()) {
  case Kind::String:
  case Kind::List:
  case Kind::Tuple:
  case Kind::Dict:
  case Kind::Range:
  case Kind::Undefined:
    return true;
  default:
    return false;
  }
}

bool isIterable(Runtime &, const Value &value, const Bound &) {
  switch (value.kind()) {
  case Kind::String:
  case Kind::List:
  case Kind::Tuple:
  case Kind::Dict:
  case Kind::View:
  case Kind::Range:
  case Kind::Iterator:
  case Kind::Undefined:
    return true;
  default:
    return false;
  }
}

bool isCallable(Runtime &, const Value &value, const Bound &) {
  return value.isUndefined() ||
         (value.is(Kind::Thing) && value.thing().isCallable());
}

bool isSameAs(Runtime &, const Value &value, const Bound &bound) {
  // Python shares equal short texts of a template.
  if (value.isString() && bound[0].isString())
    return value.string() == bound[0].string();
  return isSame(value, bound[0]);
}

bool isEscaped(Runtime &, const Value &value, const Bound &) {
  return value.isString() && value.asText().isMarkup;
}

template <bool isUpper>
bool hasCase(Runtime &runtime, const Value &value, const Bound &) {
  std::string text;
  if (!runtime.print(value, text))
    return false;
  bool isFound = false;
  for (size_t at = 0; at < text.size();) {
    char32_t c = text::nextCharacter(text, at);
    if (isTitleLetter(c) || (isUpper ? isLowerLetter(c) : isUpperLetter(c)))
      return false;
    isFound = isFound || (isUpper ? isUpperLetter(c) : isLowerLetter(c));
  }
  return isFound;
}

bool isFilter(Runtime &runtime, const Value &value, const Bound &) {
  if (!isHashable(value))
    (void)runtime.fail("the name of a filter is a str");
  return value.isString() && findFilter(value.string());
}

bool isTest(Runtime &runtime, const Value &value, const Bound &) {
  if (!isHashable(value))
    (void)runtime.fail("the name of a test is a str");
  return value.isString() && findTest(value.string());
}

template <Operator operation>
bool compares(Runtime &runtime, const Value &value, const Bound &bound) {
  return compare(runtime, operation, value, bound[0]);
}

constexpr TestRule rules[] = {
    {"odd", "", isOdd},
    {"even", "", isEven},
    {"divisibleby", "num", isDivisible},
    {"defined", "", isDefined},
    {"undefined", "", isUndefined},
    {"filter", "", isFilter},
    {"test", "", isTest},
    {"none", "", isNone},
    {"boolean", "", isBoolean},
    {"true", "", isTrueValue},
    {"false", "", isFalseValue},
    {"integer", "", isInteger},
    {"float", "", isFloat},
    {"lower", "", hasCase<false>},
    {"upper", "", hasCase<true>},
    {"string", "", isString},
    {"mapping", "", isMapping},
    {"number", "", isNumber},
    {"sequence", "", isSequence},
    {"iterable", "", isIterable},
    {"callable", "/", isCallable},
    {"sameas", "other", isSameAs},
    {"escaped", "", isEscaped},
    {"in", "seq", compares<Operator::In>},
    {"==", "/ other", compares<Operator::Equal>},
    {"eq", "/ other", compares<Operator::Equal>},
    {"equalto", "/ other", compares<Operator::Equal>},
    {"!=", "/ other", compares<Operator::NotEqual>},
    {"ne", "/ other", compares<Operator::NotEqual>},
    {">", "/ other", compares<Operator::Greater>},
    {"gt", "/ other", compares<Operator::Greater>},
    {"greaterthan", "/ other", compares<Operator::Greater>},
    {">=", "/ other", compares<Operator::GreaterEqual>},
    {"ge", "/ other", compares<Operator::GreaterEqual>},
    {"<", "/ other", compares<Operator::Less>},
    {"lt", "/ other", compares<Operator::Less>},
    {"lessthan", "/ other", compares<Operator::Less>},
    {"<=", "/ other", compares<Operator::LessEqual>},
    {"le", "/ other", compares<Operator::LessEqual>},
};

} // namespace

const TestRule *findTest(std::string_view name) {
  for (const TestRule &rule : rules)
    if (rule.name == name)
      return &rule;
  return nullptr;
}

Value callTest(Runtime &runtime, const TestRule &rule, const Value &value,
               const Arguments &arguments) {
  Bound bound(runtime, rule.name, rule.parameters, arguments);
  if (!bound)
    return Value::failure();
  bool holds = rule.holds(runtime, value, bound);
  return runtime.failed() ? Value::failure() : Value::boolean(holds);
}

} // namespace lora_rt::jinja
