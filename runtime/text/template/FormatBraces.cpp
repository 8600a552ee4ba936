//===- FormatBraces.cpp - str.format() and format specifications ----------===//
//
// Implements `formatBraces` and `formatValue` with Python's grammar of fields
// and specifications. A field finds attributes and items by Access.h, so that
// the rules of the sandbox hold here, too. A width or precision of more than 10
// million is refused.
//
//===----------------------------------------------------------------------===//

#include "../Unicode.h"
#include "Access.h"
#include "Operators.h"
#include "PythonFormat.h"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace lora_rt::jinja {

namespace {

constexpr size_t maxWidth = 10'000'000;

/// [[fill]align][sign][#][0][width][grouping][.precision][type]
struct Specification {
  std::string fill = " ";
  char align = 0;
  bool hasSign = false;
  size_t width = 0;
  char type = 0;
  NumberFormat number;
};

bool isAlign(char c) { return c == '<' || c == '>' || c == '=' || c == '^'; }

bool readNumber(std::string_view text, size_t &at, size_t &number) {
  number = 0;
  while (at < text.size() && text[at] >= '0' && text[at] <= '9') {
    number = number * 10 + size_t(text[at++] - '0');
    if (number > maxWidth)
      return false;
  }
  return true;
}

bool parseSpecification(std::string_view text, Specification &out) {
  size_t at = 0;
  size_t first =
      text.empty() ? 0
                   : text::characterBytes(static_cast<unsigned char>(text[0]));
  if (first < text.size() && isAlign(text[first])) {
    out.fill = text.substr(0, first);
    out.align = text[first];
    at = first + 1;
  } else if (!text.empty() && isAlign(text[0])) {
    out.align = text[0];
    at = 1;
  }
  auto skip = [&](char c) {
    bool isThere = at < text.size() && text[at] == c;
    at += isThere;
    return isThere;
  };
  for (char sign : {'+', '-', ' '})
    if (!out.hasSign && skip(sign)) {
      out.number.sign = sign;
      out.hasSign = true;
    }
  out.number.isAlternate = skip('#');
  if (skip('0') && !out.align) {
    out.fill = "0";
    out.align = '0';
  }
  if (!readNumber(text, at, out.width))
    return false;
  if (skip(','))
    out.number.grouping = ',';
  else if (skip('_'))
    out.number.grouping = '_';
  if (skip('.')) {
    size_t begin = at, precision;
    if (!readNumber(text, at, precision) || at == begin)
      return false;
    out.number.precision = int(precision);
  }
  if (at < text.size())
    out.type = text[at++];
  out.number.type = out.type;
  return at == text.size();
}

size_t countCharacters(std::string_view text) {
  size_t count = 0;
  for (char c : text)
    count += !text::isContinuation(static_cast<unsigned char>(c));
  return count;
}

void pad(std::string_view prefix, std::string_view text,
         const Specification &how, char align, std::string &out) {
  size_t length = prefix.size() + countCharacters(text);
  size_t fill = how.width > length ? how.width - length : 0;
  size_t before = align == '<' ? 0 : align == '^' ? fill / 2 : fill;
  auto append = [&](size_t count) {
    for (size_t i = 0; i < count; ++i)
      out += how.fill;
  };
  if (align == '=')
    out += prefix;
  append(before);
  if (align != '=')
    out += prefix;
  out += text;
  append(fill - before);
}

class BraceFormatter {
public:
  BraceFormatter(Runtime &runtime, const Arguments &arguments)
      : runtime(runtime), arguments(arguments) {}

  bool format(std::string_view text, int depth, std::string &out);

private:
  template <typename... Parts> bool fail(const Parts &...parts) {
    (void)runtime.fail("str.format(): ", parts...);
    return false;
  }
  bool formatField(std::string_view field, int depth, std::string &out);
  bool findValue(std::string_view name, Value &value);
  bool findFirst(std::string_view name, Value &value);

  Runtime &runtime;
  const Arguments &arguments;
  /// The next number of {}; numbers that are written exclude it.
  size_t automatic = 0;
  bool isNumbered = false;
};

bool isNumber(std::string_view text) {
  return !text.empty() &&
         text.find_first_not_of("0123456789") == std::string_view::npos;
}

bool BraceFormatter::findFirst(std::string_view name, Value &value) {
  if (!runtime.step(arguments.named.size()))
    return false;
  size_t index = 0;
  if (isNumber(name)) {
    std::from_chars(name.data(), name.data() + name.size(), index);
    if (name.size() > 9 || index >= arguments.positional.size())
      return fail("there is no argument ", name);
    value = arguments.positional[index];
    return true;
  }
  for (const auto &[known, argument] : arguments.named)
    if (known == name) {
      value = argument;
      return true;
    }
  return fail("there is no argument '", name, "'");
}

/// The value of a.b[c].
bool BraceFormatter::findValue(std::string_view name, Value &value) {
  size_t end = std::min(name.find_first_of(".["), name.size());
  std::string first(name.substr(0, end));
  if (name.empty()) {
    if (isNumbered && automatic == 0)
      return fail("{} and {0} cannot be mixed");
    first = std::to_string(automatic++);
  } else if (isNumber(name)) {
    if (automatic > 0)
      return fail("{} and {0} cannot be mixed");
    isNumbered = true;
  }
  if (!findFirst(first, value))
    return false;
  while (end < name.size()) {
    bool isAttribute = name[end++] == '.';
    size_t last = isAttribute
                      ? std::min(name.find_first_of(".[", end), name.size())
                      : name.find(']', end);
    if (last == std::string_view::npos || last == end)
      return fail("a name in a field is empty or has no end");
    std::string part(name.substr(end, last - end));
    if (isAttribute) {
      value = getAttribute(runtime, value, part);
    } else {
      Value key = isNumber(part) && part.size() < 18
                      ? Value::integer(std::atoll(part.c_str()))
                      : Value::text(part);
      value = getItem(runtime, value, key);
      ++last;
      if (last < name.size() && name[last] != '.' && name[last] != '[')
        return fail("after ']' follows '.' or '['");
    }
    if (value.isFailure())
      return false;
    end = last;
  }
  return true;
}

/// A field without its braces: name!conversion:specification.
bool BraceFormatter::formatField(std::string_view field, int depth,
                                 std::string &out) {
  size_t bracket = 0, end = 0;
  for (; end < field.size(); ++end) {
    if (field[end] == '[')
      bracket = 1;
    else if (field[end] == ']')
      bracket = 0;
    else if (!bracket && (field[end] == '!' || field[end] == ':'))
      break;
  }
  Value value;
  if (!findValue(field.substr(0, end), value))
    return false;
  std::string_view rest = field.substr(end);
  if (rest.starts_with('!')) {
    if (rest.size() < 2 || (rest.size() > 2 && rest[2] != ':'))
      return fail("expected ':' after the conversion of a field");
    std::string text;
    char conversion = rest[1];
    if (conversion != 's' && conversion != 'r' && conversion != 'a')
      return fail("there is no conversion '", conversion, "'");
    if (!(conversion == 's' ? runtime.print(value, text)
                            : runtime.represent(value, text)))
      return false;
    value = Value::text(conversion == 'a' ? escapeNonAscii(text) : text);
    rest.remove_prefix(2);
  }
  std::string specification;
  if (rest.starts_with(':') &&
      !format(rest.substr(1), depth + 1, specification))
    return false;
  return formatValue(runtime, value, specification, out);
}

bool BraceFormatter::format(std::string_view text, int depth,
                            std::string &out) {
  if (depth > 1)
    return fail("fields in one another are too deep");
  for (size_t at = 0; at < text.size();) {
    char c = text[at];
    if (c != '{' && c != '}') {
      out += c;
      ++at;
      continue;
    }
    if (at + 1 < text.size() && text[at + 1] == c) {
      out += c;
      at += 2;
      continue;
    }
    if (c == '}')
      return fail("a single '}' in the text");
    size_t begin = ++at;
    int open = 1;
    bool isIndex = false;
    for (; at < text.size(); ++at) {
      if (isIndex) {
        isIndex = text[at] != ']';
        continue;
      }
      // Brackets matter in the name only; a specification has none.
      if (text[at] == '[' && open == 1)
        isIndex = true;
      open += text[at] == '{' ? 1 : text[at] == '}' ? -1 : 0;
      if (open == 0)
        break;
    }
    if (open != 0)
      return fail("a single '{' in the text");
    if (!runtime.step() || !runtime.hasRoom(out.size()) ||
        !formatField(text.substr(begin, at - begin), depth, out))
      return false;
    ++at;
  }
  return true;
}

} // namespace

bool formatValue(Runtime &runtime, const Value &value,
                 std::string_view specification, std::string &out) {
  if (specification.empty())
    return runtime.print(value, out);
  auto fail = [&](const char *why) {
    (void)runtime.fail("the format '", specification, "' of a ",
                       typeName(value), " ", why);
    return false;
  };
  Specification how;
  if (!value.isString() && !value.isNumber())
    return fail("is not possible");
  if (!parseSpecification(specification, how))
    return fail("is not valid");
  if (value.isString()) {
    if ((how.type && how.type != 's') || how.align == '=' || how.hasSign ||
        how.number.isAlternate || how.number.grouping)
      return fail("is not one of a text");
    const Text &text = value.asText();
    std::string_view shown =
        how.number.precision < 0
            ? std::string_view(text.bytes)
            : charactersOf(text, 0,
                           std::min(size_t(how.number.precision), text.length));
    pad("", shown, how, how.align == 0 || how.align == '0' ? '<' : how.align,
        out);
    return true;
  }
  NumberText number;
  auto isOneOf = [&](std::string_view types) {
    return types.find(how.type) != std::string_view::npos;
  };
  bool isReal = how.type && isOneOf("eEfFgG%");
  if (value.isInteger() && !isReal) {
    if (how.type && !isOneOf("bcdoxXn"))
      return fail("has an unknown type");
    if (how.number.precision >= 0)
      return fail("cannot have a precision");
    if (how.number.grouping == ',' && how.type && how.type != 'd')
      return fail("cannot have ','");
    if (how.type == 'c') {
      if (value.integer() < 0 || value.integer() > 0x10ffff)
        return fail("is of no character");
      text::appendCharacter(number.digits, char32_t(value.integer()));
      pad("", number.digits, how, how.align == 0 ? '<' : how.align, out);
      return true;
    }
    number = formatWhole(value.integer(), how.number);
  } else {
    if (how.type && !isReal && how.type != 'n')
      return fail("has an unknown type");
    number = formatFloat(value.number(), how.number);
  }
  bool isZero = (how.align == '0' || (how.align == '=' && how.fill == "0"));
  size_t digitsWidth =
      how.width > number.prefix.size() ? how.width - number.prefix.size() : 0;
  // Infinity and NaN have no digits.
  if (!std::isalpha(static_cast<unsigned char>(number.digits[0])) ||
      how.type == 'x' || how.type == 'X')
    number.digits =
        groupDigits(number.digits, how.number, isZero ? digitsWidth : 0);
  char align = how.align == '0' ? '=' : how.align == 0 ? '>' : how.align;
  pad(number.prefix, number.digits, how, align, out);
  return true;
}

Value formatBraces(Runtime &runtime, const Value &text,
                   const Arguments &arguments) {
  std::string out;
  BraceFormatter formatter(runtime, arguments);
  if (!formatter.format(text.string(), 0, out))
    return Value::failure();
  return runtime.text(std::move(out), text.asText().isMarkup);
}

} // namespace lora_rt::jinja
