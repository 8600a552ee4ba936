//===- Comparison.cpp - Python's comparisons ------------------------------===//
//
// Implements the comparisons of Operators.h, and the escapes for HTML. A whole
// number and a float are compared exactly, without rounding. Only numbers,
// strings, lists and tuples have an order, as in Python; to ask for another one
// is an error.
//
//===----------------------------------------------------------------------===//

#include "Methods.h"
#include "Operators.h"

#include <algorithm>
#include <cmath>

namespace lora_rt::jinja {

namespace {

/// Compares a whole number with another number, without rounding it.
int compareExactly(int64_t whole, double real) {
  // 2^63 is the first number beyond.
  if (real >= 9223372036854775808.0)
    return -1;
  if (real < -9223372036854775808.0)
    return 1;
  double floor = std::floor(real);
  auto other = int64_t(floor);
  if (whole != other)
    return whole < other ? -1 : 1;
  return real > floor ? -1 : 0;
}

bool failOrder(Runtime &runtime, const Value &left, const Value &right) {
  if (left.isUndefined())
    (void)runtime.failUndefined(left);
  else if (right.isUndefined())
    (void)runtime.failUndefined(right);
  else
    (void)runtime.fail("a ", typeName(left), " and a ", typeName(right),
                       " have no order");
  return false;
}

/// The order of two values: negative, 0 or positive. `isUnordered` is for NaN.
bool order(Runtime &runtime, const Value &left, const Value &right, int &result,
           bool &isUnordered, int nesting = 0) {
  isUnordered = false;
  if (left.isNumber() && right.isNumber()) {
    result = compareNumbers(left, right, isUnordered);
    return true;
  }
  if (left.isString() && right.isString()) {
    // The order of UTF-8's bytes is that of the characters.
    result = left.string().compare(right.string());
    return runtime.step(
        1 + std::min(left.string().size(), right.string().size()) / 64);
  }
  if (left.kind() != right.kind() ||
      (!left.is(Kind::List) && !left.is(Kind::Tuple)))
    return failOrder(runtime, left, right);
  if (nesting > maxNesting) {
    (void)runtime.fail("values in one another are too deep to compare");
    return false;
  }
  const auto &first = left.items(), &second = right.items();
  for (size_t i = 0; i < first.size() && i < second.size(); ++i) {
    if (!runtime.step())
      return false;
    bool same = isSame(first[i], second[i]) ||
                isEqual(runtime, first[i], second[i], nesting + 1);
    if (runtime.failed())
      return false;
    if (!same)
      return order(runtime, first[i], second[i], result, isUnordered,
                   nesting + 1);
  }
  result = first.size() < second.size()   ? -1
           : first.size() > second.size() ? 1
                                          : 0;
  return true;
}

bool contains(Runtime &runtime, const Value &container, const Value &value) {
  if (container.isString()) {
    if (!value.isString()) {
      (void)runtime.fail("only a str can be 'in' a str, but found ",
                         typeName(value));
      return false;
    }
    return runtime.step(1 + container.string().size() / 32) &&
           findPart(container.string(), value.string()) != std::string::npos;
  }
  if (container.is(Kind::Dict) ||
      (container.is(Kind::View) && container.view().what == View::What::Keys)) {
    const Dict &dict =
        container.is(Kind::Dict) ? container.dict() : *container.view().dict;
    if (!runtime.step(costOfKey(value)))
      return false;
    bool isUnhashable;
    bool isThere = dict.find(value, isUnhashable) != nullptr;
    if (isUnhashable)
      (void)runtime.fail("a ", typeName(value), " cannot be the key of a dict");
    return isThere;
  }
  if (container.is(Kind::Range) && value.isInteger()) {
    const Range &range = container.range();
    if (range.length == 0)
      return false;
    int64_t number = value.integer(), last = range.at(range.length - 1);
    return number >= std::min(range.start, last) &&
           number <= std::max(range.start, last) &&
           (number - range.start) % range.step == 0;
  }
  Ref<Iterator> iterator = runtime.iterate(container);
  while (iterator && runtime.step()) {
    Value element = iterator->next(runtime);
    if (element.isMissing() || element.isFailure())
      return false;
    if (isSame(element, value) || isEqual(runtime, element, value))
      return true;
    if (runtime.failed())
      return false;
  }
  return false;
}

} // namespace

int compareNumbers(const Value &left, const Value &right, bool &isUnordered) {
  isUnordered = false;
  if (left.isInteger() && right.isInteger())
    return left.integer() < right.integer()   ? -1
           : left.integer() > right.integer() ? 1
                                              : 0;
  if (std::isnan(left.number()) || std::isnan(right.number())) {
    isUnordered = true;
    return 1;
  }
  if (left.isInteger())
    return compareExactly(left.integer(), right.number());
  if (right.isInteger())
    return -compareExactly(right.integer(), left.number());
  return left.number() < right.number()   ? -1
         : left.number() > right.number() ? 1
                                          : 0;
}

bool isSameKey(const Value &left, const Value &right, int nesting) {
  if (left.isString() && right.isString())
    return left.string() == right.string();
  if (left.isNumber() && right.isNumber()) {
    bool isUnordered;
    return compareNumbers(left, right, isUnordered) == 0;
  }
  if (left.kind() != right.kind())
    return false;
  if (left.is(Kind::Tuple)) {
    const auto &first = left.items(), &second = right.items();
    if (first.size() != second.size() || nesting > maxNesting)
      return false;
    for (size_t i = 0; i < first.size(); ++i)
      if (!isSameKey(first[i], second[i], nesting + 1))
        return false;
    return true;
  }
  if (left.is(Kind::Range)) {
    const Range &first = left.range(), &second = right.range();
    return first.length == second.length &&
           (first.length == 0 ||
            (first.start == second.start &&
             (first.length == 1 || first.step == second.step)));
  }
  return left.isUndefined() || isSame(left, right);
}

bool isEqual(Runtime &runtime, const Value &left, const Value &right,
             int nesting) {
  if (left.isString() && right.isString())
    (void)runtime.step(1 + left.string().size() / 64);
  bool isList = left.is(Kind::List) || left.is(Kind::Tuple);
  if (left.kind() != right.kind() || (!isList && !left.is(Kind::Dict)))
    return isSameKey(left, right);
  if (nesting > maxNesting || !runtime.step()) {
    (void)runtime.fail("values in one another are too deep to compare");
    return false;
  }
  auto same = [&](const Value &a, const Value &b) {
    return isSame(a, b) || isEqual(runtime, a, b, nesting + 1);
  };
  if (isList) {
    const auto &first = left.items(), &second = right.items();
    if (first.size() != second.size() || !runtime.step(first.size()))
      return false;
    for (size_t i = 0; i < first.size(); ++i)
      if (!same(first[i], second[i]))
        return false;
    return true;
  }
  const Dict &first = left.dict(), &second = right.dict();
  if (first.entries.size() != second.entries.size() ||
      !runtime.step(first.entries.size()))
    return false;
  for (const auto &[key, value] : first.entries) {
    bool isUnhashable;
    const Value *other = second.find(key, isUnhashable);
    if (!other || !same(value, *other))
      return false;
  }
  return true;
}

bool isLess(Runtime &runtime, const Value &left, const Value &right) {
  int result = 0;
  bool isUnordered;
  return order(runtime, left, right, result, isUnordered) && !isUnordered &&
         result < 0;
}

bool compare(Runtime &runtime, Operator operation, const Value &left,
             const Value &right) {
  switch (operation) {
  case Operator::Equal:
    return isEqual(runtime, left, right);
  case Operator::NotEqual:
    return !isEqual(runtime, left, right);
  case Operator::In:
    return contains(runtime, right, left);
  case Operator::NotIn:
    return !contains(runtime, right, left);
  default:
    break;
  }
  int result = 0;
  bool isUnordered;
  if (!order(runtime, left, right, result, isUnordered) || isUnordered)
    return false;
  return operation == Operator::Less        ? result < 0
         : operation == Operator::LessEqual ? result <= 0
         : operation == Operator::Greater   ? result > 0
                                            : result >= 0;
}

/// What stands for a character in HTML; empty for the character itself.
static std::string_view entityOf(char c) {
  switch (c) {
  case '&':
    return "&amp;";
  case '<':
    return "&lt;";
  case '>':
    return "&gt;";
  case '"':
    return "&#34;";
  case '\'':
    return "&#39;";
  default:
    return "";
  }
}

bool escapeHtml(Runtime &runtime, std::string_view text, std::string &out) {
  size_t size = 0;
  for (char c : text)
    size += std::max<size_t>(entityOf(c).size(), 1);
  if (!runtime.step(text.size() / 16) || !runtime.canGrow(out, size))
    return false;
  out.reserve(out.size() + size);
  for (char c : text)
    if (std::string_view entity = entityOf(c); entity.empty())
      out += c;
    else
      out += entity;
  return true;
}

bool escapeValue(Runtime &runtime, const Value &value, std::string &out) {
  if (value.isString())
    return value.asText().isMarkup ? runtime.print(value, out)
                                   : escapeHtml(runtime, value.string(), out);
  std::string text;
  return runtime.print(value, text) && escapeHtml(runtime, text, out);
}

} // namespace lora_rt::jinja
