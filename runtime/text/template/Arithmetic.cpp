//===- Arithmetic.cpp - Python's arithmetic -------------------------------===//
//
// Implements `calculate` and `negate` of Operators.h. Floor division and
// remainder follow the sign of the divisor, as in Python. A whole number beyond
// 64 bits and a complex power are refused. The size of a result is checked
// before it is made.
//
//===----------------------------------------------------------------------===//

#include "Operators.h"
#include "PythonFormat.h"

#include <cmath>

namespace lora_rt::jinja {

namespace {

constexpr std::string_view symbols[] = {"+", "-", "*", "/", "//", "%", "**"};

Value failTypes(Runtime &runtime, Operator operation, const Value &left,
                const Value &right) {
  return runtime.fail("the operator ", symbols[size_t(operation)],
                      " does not work for ", typeName(left), " and ",
                      typeName(right));
}

Value failRange(Runtime &runtime) {
  return runtime.fail("a whole number does not fit 64 bits");
}

/// Python's floor division and remainder, whose sign is that of the divisor.
void divideFloor(int64_t left, int64_t right, int64_t &quotient,
                 int64_t &remainder) {
  quotient = left / right;
  remainder = left % right;
  if (remainder != 0 && (remainder < 0) != (right < 0)) {
    --quotient;
    remainder += right;
  }
}

void divideFloor(double left, double right, double &quotient,
                 double &remainder) {
  remainder = std::fmod(left, right);
  quotient = (left - remainder) / right;
  if (remainder != 0) {
    if ((right < 0) != (remainder < 0)) {
      remainder += right;
      quotient -= 1;
    }
  } else {
    remainder = std::copysign(0.0, right);
  }
  if (quotient != 0) {
    double rounded = std::floor(quotient);
    if (quotient - rounded > 0.5)
      rounded += 1;
    quotient = rounded;
  } else {
    quotient = std::copysign(0.0, left / right);
  }
}

Value powerOf(Runtime &runtime, int64_t base, int64_t exponent) {
  if (exponent < 0) {
    if (base == 0)
      return runtime.fail("0 cannot be raised to a negative power");
    return Value::real(std::pow(double(base), double(exponent)));
  }
  int64_t result = 1;
  while (exponent > 0) {
    if ((exponent & 1) && __builtin_mul_overflow(result, base, &result))
      return failRange(runtime);
    exponent >>= 1;
    if (exponent > 0 && __builtin_mul_overflow(base, base, &base))
      return failRange(runtime);
  }
  return Value::integer(result);
}

Value calculateWhole(Runtime &runtime, Operator operation, int64_t left,
                     int64_t right) {
  int64_t result, other;
  bool overflows = false;
  switch (operation) {
  case Operator::Add:
    overflows = __builtin_add_overflow(left, right, &result);
    break;
  case Operator::Subtract:
    overflows = __builtin_sub_overflow(left, right, &result);
    break;
  case Operator::Multiply:
    overflows = __builtin_mul_overflow(left, right, &result);
    break;
  case Operator::Power:
    return powerOf(runtime, left, right);
  default:
    if (right == 0)
      return runtime.fail("division by zero");
    if (operation == Operator::Divide) {
      // A type that holds both numbers exactly; small ones divide in double,
      // so that the quotient is rounded once.
      constexpr int64_t exact = int64_t(1) << 53;
      if (left >= -exact && left <= exact && right >= -exact && right <= exact)
        return Value::real(double(left) / double(right));
      return Value::real(double(static_cast<long double>(left) /
                                static_cast<long double>(right)));
    }
    if (right == -1) {
      overflows = operation == Operator::FloorDivide &&
                  __builtin_sub_overflow(int64_t(0), left, &result);
      if (operation == Operator::Modulo)
        result = 0;
      break;
    }
    divideFloor(left, right, result, other);
    if (operation == Operator::Modulo)
      result = other;
  }
  return overflows ? failRange(runtime) : Value::integer(result);
}

Value calculateReal(Runtime &runtime, Operator operation, double left,
                    double right) {
  double result = 0, other = 0;
  switch (operation) {
  case Operator::Add:
    return Value::real(left + right);
  case Operator::Subtract:
    return Value::real(left - right);
  case Operator::Multiply:
    return Value::real(left * right);
  case Operator::Power:
    if (left == 0 && right < 0)
      return runtime.fail("0 cannot be raised to a negative power");
    if (left < 0 && std::isfinite(left) && std::isfinite(right) &&
        right != std::floor(right))
      return runtime.fail("a negative number raised to a broken power is a "
                          "complex number, which templates do not have");
    result = std::pow(left, right);
    if (std::isinf(result) && std::isfinite(left) && std::isfinite(right))
      return runtime.fail("the result of ** is too large");
    return Value::real(result);
  default:
    if (right == 0)
      return runtime.fail("division by zero");
    if (operation == Operator::Divide)
      return Value::real(left / right);
    divideFloor(left, right, result, other);
    return Value::real(operation == Operator::FloorDivide ? result : other);
  }
}

Value addTexts(Runtime &runtime, const Value &left, const Value &right) {
  const Text &first = left.asText(), &second = right.asText();
  if (!runtime.hasRoom(first.bytes.size() + second.bytes.size()))
    return Value::failure();
  if (first.isMarkup == second.isMarkup)
    return runtime.text(first.bytes + second.bytes, first.isMarkup);
  std::string out;
  return escapeValue(runtime, left, out) && escapeValue(runtime, right, out)
             ? runtime.text(std::move(out), true)
             : Value::failure();
}

Value repeat(Runtime &runtime, const Value &value, int64_t count) {
  size_t times = count > 0 ? size_t(count) : 0;
  if (value.isString()) {
    const Text &text = value.asText();
    if (times > 0 && (text.bytes.size() > SIZE_MAX / times ||
                      !runtime.hasRoom(text.bytes.size() * times)))
      return runtime.hasRoom(SIZE_MAX), Value::failure();
    std::string out;
    out.reserve(text.bytes.size() * times);
    if (!text.bytes.empty())
      for (size_t i = 0; i < times; ++i)
        out += text.bytes;
    return runtime.text(std::move(out), text.isMarkup);
  }
  const auto &items = value.items();
  if (times > 0 && (items.size() > SIZE_MAX / sizeof(Value) / times ||
                    !runtime.hasRoom(items.size() * times * sizeof(Value))))
    return runtime.hasRoom(SIZE_MAX), Value::failure();
  if (!runtime.step(items.size() * times))
    return Value::failure();
  std::vector<Value> out;
  out.reserve(items.size() * times);
  if (!items.empty())
    for (size_t i = 0; i < times; ++i)
      out.insert(out.end(), items.begin(), items.end());
  return value.is(Kind::List) ? Value::list(std::move(out))
                              : Value::tuple(std::move(out));
}

Value addSequences(Runtime &runtime, const Value &left, const Value &right) {
  size_t count = left.items().size() + right.items().size();
  if (!runtime.hasRoom(count * sizeof(Value)) || !runtime.step(count))
    return Value::failure();
  std::vector<Value> out = left.items();
  out.insert(out.end(), right.items().begin(), right.items().end());
  return left.is(Kind::List) ? Value::list(std::move(out))
                             : Value::tuple(std::move(out));
}

bool isRepeatable(const Value &value) {
  return value.isString() || value.is(Kind::List) || value.is(Kind::Tuple);
}

} // namespace

Value calculate(Runtime &runtime, Operator operation, const Value &left,
                const Value &right) {
  if (left.isInteger() && right.isInteger())
    return calculateWhole(runtime, operation, left.integer(), right.integer());
  if (left.isNumber() && right.isNumber())
    return calculateReal(runtime, operation, left.number(), right.number());
  if (operation == Operator::Modulo && left.isString())
    return formatPercent(runtime, left, right);
  if (left.isUndefined())
    return runtime.failUndefined(left);
  if (right.isUndefined())
    return runtime.failUndefined(right);
  if (operation == Operator::Add) {
    if (left.isString() && right.isString())
      return addTexts(runtime, left, right);
    if (left.kind() == right.kind() &&
        (left.is(Kind::List) || left.is(Kind::Tuple)))
      return addSequences(runtime, left, right);
  }
  if (operation == Operator::Multiply) {
    if (isRepeatable(left) && right.isInteger())
      return repeat(runtime, left, right.integer());
    if (isRepeatable(right) && left.isInteger())
      return repeat(runtime, right, left.integer());
  }
  return failTypes(runtime, operation, left, right);
}

Value negate(Runtime &runtime, const Value &value, bool isMinus) {
  if (value.is(Kind::Float))
    return Value::real(isMinus ? -value.number() : value.number());
  if (value.isInteger()) {
    int64_t result = value.integer();
    if (isMinus && __builtin_sub_overflow(int64_t(0), result, &result))
      return failRange(runtime);
    return Value::integer(result);
  }
  if (value.isUndefined())
    return runtime.failUndefined(value);
  return runtime.fail("the sign ", isMinus ? "-" : "+", " does not work for ",
                      typeName(value));
}

} // namespace lora_rt::jinja
