//===- PythonFormat.cpp - The operator % of strings -----------------------===//
//
// Implements `formatPercent` with the flags and conversions of Python. Too few
// values are refused, and so are values that the text does not use. A width or
// precision of more than 10 million is refused, too.
//
//===----------------------------------------------------------------------===//

#include "PythonFormat.h"
#include "../Unicode.h"
#include "Access.h"
#include "Operators.h"

#include <cmath>

namespace lora_rt::jinja {

namespace {

/// One conversion of a format: %-5.2f.
struct Conversion {
  bool isLeft = false, isZero = false;
  int64_t width = 0;
  int precision = -1;
  NumberFormat number;
};

constexpr int64_t maxWidth = 10'000'000;

class PercentFormatter {
public:
  PercentFormatter(Runtime &runtime, const Value &text, const Value &values)
      : runtime(runtime), format(text.string()),
        isMarkup(text.asText().isMarkup), values(values) {
    isTuple = values.is(Kind::Tuple);
    // Python takes anything with items as a mapping.
    isMapping = values.is(Kind::Dict) || values.is(Kind::List) ||
                values.isUndefined() || values.is(Kind::Range);
  }

  Value run() {
    std::string out;
    while (at < format.size()) {
      if (format[at] != '%') {
        out += format[at++];
        continue;
      }
      ++at;
      if (!convert(out) || !runtime.step() || !runtime.hasRoom(out.size()))
        return Value::failure();
    }
    bool isAllUsed = isTuple ? used == values.items().size() : used > 0;
    if (!isAllUsed && !isMapping)
      return runtime.fail("the operator % has more values than its text uses");
    return runtime.text(std::move(out), isMarkup);
  }

private:
  template <typename... Parts> bool fail(const Parts &...parts) {
    (void)runtime.fail(parts...);
    return false;
  }

  bool nextValue(Value &value) {
    size_t count = isTuple ? values.items().size() : 1;
    if (used >= count || (!isTuple && keyed))
      return fail("the operator % has too few values for its text");
    value = isTuple ? values.items()[used] : values;
    ++used;
    return true;
  }

  bool nextNumber(int64_t &number, bool &isGiven) {
    isGiven = true;
    if (at < format.size() && format[at] == '*') {
      ++at;
      Value value;
      if (!nextValue(value))
        return false;
      if (!value.isInteger())
        return fail("the operator % wants a whole number for '*'");
      number = value.integer();
    } else {
      number = 0;
      isGiven = at < format.size() && format[at] >= '0' && format[at] <= '9';
      while (at < format.size() && format[at] >= '0' && format[at] <= '9' &&
             number <= maxWidth)
        number = number * 10 + (format[at++] - '0');
    }
    return std::abs(number) <= maxWidth ||
           fail("the operator % has a width of more than ", maxWidth);
  }

  bool convert(std::string &out);
  bool findKey(Value &value);
  bool convertText(const Value &value, char type, const Conversion &how,
                   std::string &out);
  bool convertNumber(const Value &value, char type, Conversion &how,
                     std::string &out);
  void pad(std::string_view text, const Conversion &how, std::string &out);

  Runtime &runtime;
  const std::string &format;
  bool isMarkup;
  const Value &values;
  bool isTuple, isMapping;
  bool keyed = false;
  size_t at = 0, used = 0;
};

/// The value of %(key)s; `at` is after the bracket.
bool PercentFormatter::findKey(Value &value) {
  size_t begin = at;
  int open = 1;
  for (; at < format.size(); ++at) {
    open += format[at] == '(' ? 1 : format[at] == ')' ? -1 : 0;
    if (open == 0)
      break;
  }
  if (open != 0)
    return fail("the operator % has a key without an end");
  std::string key = format.substr(begin, at - begin);
  ++at;
  if (!isMapping)
    return fail("the operator % wants a dict for '%(", key, ")'");
  if (values.isUndefined())
    return fail(values.undefined().message);
  const Value *found =
      values.is(Kind::Dict) ? values.dict().find(key) : nullptr;
  if (!found)
    return fail("the operator % has no value for the key '", key, "'");
  value = *found;
  keyed = true;
  // A dict counts as used.
  used = 1;
  return true;
}

void PercentFormatter::pad(std::string_view text, const Conversion &how,
                           std::string &out) {
  int64_t length = 0;
  for (char c : text)
    length += !text::isContinuation(static_cast<unsigned char>(c));
  size_t fill = how.width > length ? size_t(how.width - length) : 0;
  if (!how.isLeft)
    out.append(fill, ' ');
  out += text;
  if (how.isLeft)
    out.append(fill, ' ');
}

bool PercentFormatter::convertText(const Value &value, char type,
                                   const Conversion &how, std::string &out) {
  std::string text;
  if (type == 'c') {
    if (value.isString() && value.asText().length == 1)
      text = value.string();
    else if (value.isInteger() && value.integer() >= 0 &&
             value.integer() < 0x110000)
      text::appendCharacter(text, char32_t(value.integer()));
    else
      return fail("the operator % wants one character for '%c'");
  } else if (type == 's' && isMarkup) {
    if (!escapeValue(runtime, value, text))
      return false;
  } else if (!(type == 's' ? runtime.print(value, text)
                           : runtime.represent(value, text))) {
    return false;
  }
  if (type == 'a')
    text = escapeNonAscii(text);
  if (how.precision >= 0 && type != 'c') {
    size_t end = 0;
    for (int i = 0; i < how.precision && end < text.size(); ++i)
      end += text::characterBytes(static_cast<unsigned char>(text[end]));
    text.resize(end);
  }
  pad(text, how, out);
  return true;
}

bool PercentFormatter::convertNumber(const Value &value, char type,
                                     Conversion &how, std::string &out) {
  bool isWhole = std::string_view("diuoxX").find(type) != std::string::npos;
  bool takesReal = type == 'd' || type == 'i' || type == 'u' || !isWhole;
  if (!value.isInteger() && !(takesReal && value.is(Kind::Float)))
    return value.isUndefined() ? fail(value.undefined().message)
                               : fail("the operator % wants a number for '%",
                                      type, "', but found a ", typeName(value));
  NumberText number;
  how.number.type = type == 'i' || type == 'u' ? 'd' : type;
  how.number.precision = how.precision;
  if (isWhole) {
    int64_t whole = value.integer();
    if (value.is(Kind::Float)) {
      double real = std::trunc(value.number());
      if (!(std::fabs(real) < 9.2e18))
        return fail("the operator % wants a number within 64 bits for '%", type,
                    "'");
      whole = int64_t(real);
    }
    number = formatWhole(whole, how.number);
    if (how.precision > int(number.digits.size()))
      number.digits.insert(0, size_t(how.precision) - number.digits.size(),
                           '0');
  } else {
    number = formatFloat(value.number(), how.number);
  }
  size_t length = number.prefix.size() + number.digits.size();
  if (how.isZero && !how.isLeft && size_t(how.width) > length)
    number.digits.insert(0, size_t(how.width) - length, '0');
  pad(number.prefix + number.digits, how, out);
  return true;
}

/// Converts what follows a percent sign.
bool PercentFormatter::convert(std::string &out) {
  Conversion how;
  Value value = Value::missing();
  if (at < format.size() && format[at] == '(' && (++at, !findKey(value)))
    return false;
  for (; at < format.size(); ++at) {
    char c = format[at];
    if (c == '-')
      how.isLeft = true;
    else if (c == '0')
      how.isZero = true;
    else if (c == '+')
      how.number.sign = '+';
    else if (c == ' ')
      how.number.sign = how.number.sign == '+' ? '+' : ' ';
    else if (c == '#')
      how.number.isAlternate = true;
    else
      break;
  }
  bool isGiven;
  if (!nextNumber(how.width, isGiven))
    return false;
  if (how.width < 0) {
    how.isLeft = true;
    how.width = -how.width;
  }
  if (at < format.size() && format[at] == '.') {
    ++at;
    int64_t precision;
    if (!nextNumber(precision, isGiven))
      return false;
    how.precision = int(std::max<int64_t>(precision, 0));
  }
  if (at < format.size() &&
      (format[at] == 'h' || format[at] == 'l' || format[at] == 'L'))
    ++at;
  if (at == format.size())
    return fail("the operator % has an incomplete format at the end");
  char type = format[at++];
  if (type == '%') {
    out += '%';
    return true;
  }
  if (value.isMissing() && !nextValue(value))
    return false;
  if (std::string_view("srac").find(type) != std::string_view::npos)
    return convertText(value, type, how, out);
  if (std::string_view("diuoxXeEfFgG").find(type) != std::string_view::npos)
    return convertNumber(value, type, how, out);
  return fail("the operator % has no conversion '", type, "'");
}

} // namespace

Value formatPercent(Runtime &runtime, const Value &text, const Value &values) {
  return PercentFormatter(runtime, text, values).run();
}

} // namespace lora_rt::jinja
