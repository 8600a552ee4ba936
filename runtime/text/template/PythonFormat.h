//===- PythonFormat.h - Numbers and strings as in Python --------*- C++ -*-===//
//
// repr() of numbers and strings, and the three ways of formatting: `%`,
// str.format(), and the format specification of a value.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TEXT_TEMPLATE_PYTHONFORMAT_H
#define LORA_RUNTIME_TEXT_TEMPLATE_PYTHONFORMAT_H

#include "Runtime.h"

#include <optional>
#include <string>
#include <string_view>

namespace lora_rt::jinja {

/// repr() of a float: the shortest digits that give the same number.
std::string representFloat(double value);

/// repr() of a string, in quotes, with escapes.
void representString(std::string_view text, std::string &out);

/// What ascii() makes of a representation.
std::string escapeNonAscii(std::string_view text);

/// text % values.
Value formatPercent(Runtime &runtime, const Value &text, const Value &values);

/// text.format(...).
Value formatBraces(Runtime &runtime, const Value &text,
                   const Arguments &arguments);

/// format(value, specification). Returns false after an error.
bool formatValue(Runtime &runtime, const Value &value,
                 std::string_view specification, std::string &out);

/// How a number is written: the parts of a specification that both ways of
/// formatting have.
struct NumberFormat {
  char type = 'g';
  int precision = -1;
  bool isAlternate = false;
  /// '-', '+' or ' '.
  char sign = '-';
  /// ',' or '_' between groups of digits, or 0.
  char grouping = 0;
};

/// The sign and prefix, and the digits of a number.
struct NumberText {
  std::string prefix, digits;
};
NumberText formatFloat(double value, const NumberFormat &format);
NumberText formatWhole(int64_t value, const NumberFormat &format);
/// Inserts the grouping so that the digits before the point have at least
/// `width` characters, filled with zeros.
std::string groupDigits(const std::string &digits, const NumberFormat &format,
                        size_t width);

/// What int() makes of a string; nothing if it is no number. `isTooLarge` is
/// set for numbers beyond 64 bits.
std::optional<int64_t> parseWhole(std::string_view text, int base,
                                  bool &isTooLarge);
/// What float() makes of a string.
std::optional<double> parseReal(std::string_view text);

} // namespace lora_rt::jinja

#endif // LORA_RUNTIME_TEXT_TEMPLATE_PYTHONFORMAT_H
