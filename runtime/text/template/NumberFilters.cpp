//===- NumberFilters.cpp - Filters of numbers -----------------------------===//
//
// jinja2's filters `int`, `float`, `abs`, `round` and `filesizeformat`. By
// default, `round` rounds half to even, as Python's round() does. A whole
// number beyond 64 bits is refused.
//
//===----------------------------------------------------------------------===//

#include "Filters.h"
#include "Operators.h"
#include "PythonFormat.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace lora_rt::jinja {

namespace {

Value failRange(Runtime &runtime) {
  return runtime.fail("a whole number does not fit 64 bits");
}

/// int() of a float that is not NaN.
Value truncate(Runtime &runtime, double value) {
  double whole = std::trunc(value);
  if (!(whole >= -9223372036854775808.0 && whole < 9223372036854775808.0))
    return failRange(runtime);
  return Value::integer(int64_t(whole));
}

Value toInteger(FilterCall &call) {
  Runtime &runtime = call.runtime;
  const Value &value = call.value;
  Value initial = call.bound.has(0) ? call.bound[0] : Value::integer(0);
  if (value.isInteger())
    return Value::integer(value.integer());
  if (value.isUndefined())
    return runtime.failUndefined(value);
  if (value.is(Kind::Float)) {
    if (std::isnan(value.number()))
      return initial;
    return std::isinf(value.number())
               ? runtime.fail("int() of an infinite number")
               : truncate(runtime, value.number());
  }
  if (!value.isString() || !runtime.step(value.string().size() / 8))
    return initial;
  int64_t base = call.bound.whole(1, 10);
  if (!call.bound)
    return Value::failure();
  if (base == 0 || (base >= 2 && base <= 36)) {
    bool isTooLarge;
    if (auto whole = parseWhole(value.string(), int(base), isTooLarge))
      return Value::integer(*whole);
    if (isTooLarge)
      return failRange(runtime);
  }
  std::optional<double> real = parseReal(value.string());
  if (!real || !std::isfinite(*real))
    return initial;
  return truncate(runtime, *real);
}

Value toReal(FilterCall &call) {
  const Value &value = call.value;
  if (value.isNumber())
    return Value::real(value.number());
  if (value.isUndefined())
    return call.runtime.failUndefined(value);
  if (value.isString())
    if (std::optional<double> real = parseReal(value.string()))
      return Value::real(*real);
  return call.bound.has(0) ? call.bound[0] : Value::real(0);
}

Value absolute(FilterCall &call) {
  const Value &value = call.value;
  if (value.is(Kind::Float))
    return Value::real(std::fabs(value.number()));
  if (!value.isInteger())
    return value.isUndefined()
               ? call.runtime.failUndefined(value)
               : call.runtime.fail("abs() wants a number, but found a ",
                                   typeName(value));
  return negate(call.runtime, value, value.integer() < 0);
}

/// Python's round() of a float: half to even, by the exact value.
double roundReal(double value, int64_t digits) {
  if (!std::isfinite(value) || digits > 330)
    return value;
  if (digits < -310)
    return std::copysign(0.0, value);
  if (digits >= 0) {
    char buffer[800];
    std::snprintf(buffer, sizeof buffer, "%.*f", int(digits), value);
    return std::strtod(buffer, nullptr);
  }
  // As CPython: the digits before the point, by way of its decimal text.
  char buffer[400];
  std::snprintf(buffer, sizeof buffer, "%.0f", std::fabs(value));
  long double power = std::pow(10.0L, -digits);
  double scaled = double(std::nearbyint(value / double(power)));
  return scaled * double(power);
}

Value roundWhole(Runtime &runtime, int64_t value, int64_t digits) {
  if (digits >= 0)
    return Value::integer(value);
  if (digits < -18)
    return Value::integer(0);
  int64_t power = 1;
  for (int64_t i = 0; i < -digits; ++i)
    power *= 10;
  int64_t rest = value % power;
  if (rest < 0)
    rest += power;
  int64_t down = value - rest;
  bool isUp =
      rest > power - rest || (rest == power - rest && (down / power) % 2 != 0);
  int64_t result = down;
  if (isUp && __builtin_add_overflow(down, power, &result))
    return failRange(runtime);
  return Value::integer(result);
}

Value round(FilterCall &call) {
  Runtime &runtime = call.runtime;
  const Value &value = call.value;
  int64_t digits = call.bound.whole(0, 0);
  std::string_view method = call.bound.text(1, "common");
  if (!call.bound)
    return Value::failure();
  if (method != "common" && method != "ceil" && method != "floor")
    return runtime.fail("round() wants the method common, ceil or floor");
  if (!value.isNumber())
    return value.isUndefined()
               ? runtime.failUndefined(value)
               : runtime.fail("round() wants a number, but found a ",
                              typeName(value));
  if (method == "common")
    return value.isInteger() ? roundWhole(runtime, value.integer(), digits)
                             : Value::real(roundReal(value.number(), digits));
  Value power = calculate(runtime, Operator::Power, Value::integer(10),
                          Value::integer(digits));
  if (power.isFailure())
    return power;
  Value scaled = calculate(runtime, Operator::Multiply, value, power);
  if (scaled.is(Kind::Float)) {
    if (!std::isfinite(scaled.number()))
      return runtime.fail("round() of a number that is not finite");
    scaled = truncate(runtime, method == "ceil" ? std::ceil(scaled.number())
                                                : std::floor(scaled.number()));
  }
  return scaled.isFailure()
             ? scaled
             : calculate(runtime, Operator::Divide, scaled, power);
}

Value fileSize(FilterCall &call) {
  Runtime &runtime = call.runtime;
  const Value &value = call.value;
  std::optional<double> bytes;
  if (value.isNumber())
    bytes = value.number();
  else if (value.isString())
    bytes = parseReal(value.string());
  if (!bytes || !std::isfinite(*bytes))
    return runtime.fail("filesizeformat() wants a number");
  bool isBinary = call.bound.flag(0, false);
  double base = isBinary ? 1024 : 1000;
  if (*bytes == 1)
    return Value::text("1 Byte");
  char buffer[400];
  if (*bytes < base) {
    std::snprintf(buffer, sizeof buffer, "%.0f Bytes",
                  std::trunc(*bytes) + 0.0);
    return Value::text(buffer);
  }
  double unit = base;
  static constexpr char prefixes[] = "kMGTPEZY";
  for (size_t i = 0; i < 8; ++i) {
    unit *= base;
    if (*bytes >= unit && i < 7)
      continue;
    char prefix = isBinary && i == 0 ? 'K' : prefixes[i];
    std::snprintf(buffer, sizeof buffer, "%.1f %c%sB", base * *bytes / unit,
                  prefix, isBinary ? "i" : "");
    break;
  }
  return Value::text(buffer);
}

} // namespace

std::span<const FilterRule> numberFilters() {
  static constexpr FilterRule rules[] = {
      {"int", "default? base?", toInteger},
      {"float", "default?", toReal},
      {"abs", "/", absolute},
      {"round", "precision? method?", round},
      {"filesizeformat", "binary?", fileSize},
  };
  return rules;
}

} // namespace lora_rt::jinja
