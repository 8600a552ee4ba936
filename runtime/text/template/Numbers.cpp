//===- Numbers.cpp - Numbers as Python reads and shows them ---------------===//
//
// Implements the numbers of PythonFormat.h: how repr() and formats write them,
// and how int() and float() read them. As in Python, the digits of all scripts
// are read, and underscores between digits.
//
//===----------------------------------------------------------------------===//

#include "../Unicode.h"
#include "Lexer.h"
#include "PythonFormat.h"
#include "PythonText.h"

#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace lora_rt::jinja {

std::string representFloat(double value) {
  if (std::isnan(value))
    return "nan";
  if (std::isinf(value))
    return value < 0 ? "-inf" : "inf";
  char buffer[64];
  // The digits of the shortest representation, and the power of the first.
  auto [end, code] = std::to_chars(buffer, buffer + sizeof buffer, value,
                                   std::chars_format::scientific);
  std::string_view text(buffer, size_t(end - buffer));
  std::string out;
  if (text[0] == '-') {
    out = "-";
    text.remove_prefix(1);
  }
  size_t mark = text.find('e');
  int power = std::atoi(std::string(text.substr(mark + 1)).c_str());
  std::string digits;
  for (char c : text.substr(0, mark))
    if (c != '.')
      digits += c;
  if (power < -4 || power >= 16) {
    out += digits[0];
    if (digits.size() > 1)
      out += "." + digits.substr(1);
    char exponent[16];
    std::snprintf(exponent, sizeof exponent, "e%c%02d", power < 0 ? '-' : '+',
                  std::abs(power));
    return out + exponent;
  }
  if (power < 0)
    return out + "0." + std::string(size_t(-power - 1), '0') + digits;
  auto whole = size_t(power) + 1;
  if (digits.size() <= whole)
    return out + digits + std::string(whole - digits.size(), '0') + ".0";
  return out + digits.substr(0, whole) + "." + digits.substr(whole);
}

namespace {

std::string print(const char *format, int precision, double value) {
  char small[64];
  int size = std::snprintf(small, sizeof small, format, precision, value);
  if (size < int(sizeof small))
    return small;
  std::string out(size_t(size) + 1, '\0');
  std::snprintf(out.data(), out.size(), format, precision, value);
  out.pop_back();
  return out;
}

bool isUpper(char type) { return type >= 'A' && type <= 'Z'; }

} // namespace

NumberText formatFloat(double value, const NumberFormat &format) {
  NumberText out;
  bool isNegative = std::signbit(value) && !std::isnan(value);
  out.prefix = isNegative           ? "-"
               : format.sign == '-' ? ""
                                    : std::string(1, format.sign);
  double size = std::fabs(value);
  if (!std::isfinite(value)) {
    out.digits = std::isnan(value) ? "nan" : "inf";
    if (isUpper(format.type))
      for (char &c : out.digits)
        c = char(c - 32);
    return out;
  }
  // No type: as repr, or as 'g' with at least one digit after the point.
  if (format.type == '\0' && format.precision < 0) {
    out.digits = representFloat(size);
    return out;
  }
  int precision = format.precision < 0 ? 6 : format.precision;
  bool isPercent = format.type == '%';
  if (isPercent)
    size *= 100;
  char conversion = isPercent             ? 'f'
                    : format.type == '\0' ? 'g'
                    : format.type == 'n'  ? 'g'
                                          : format.type;
  std::string pattern = format.isAlternate ? "%#.*" : "%.*";
  pattern += conversion;
  out.digits = print(pattern.c_str(), precision, size);
  if (format.type == '\0') {
    // Python's rule for the exponent differs by one from that of 'g'.
    size_t mark = out.digits.find('e');
    int limit = precision == 0 ? 1 : precision;
    if (mark == std::string::npos) {
      size_t point = out.digits.find('.');
      size_t whole = point == std::string::npos ? out.digits.size() : point;
      if (size != 0 && int(whole) >= limit && size >= 1) {
        out.digits = print("%.*e", limit - 1, size);
        mark = out.digits.find('e');
        std::string number = out.digits.substr(0, mark);
        if (number.find('.') != std::string::npos) {
          number.erase(number.find_last_not_of('0') + 1);
          if (number.back() == '.')
            number.pop_back();
        }
        out.digits = number + out.digits.substr(mark);
      } else if (point == std::string::npos) {
        out.digits += ".0";
      }
    }
  }
  if (isPercent)
    out.digits += '%';
  return out;
}

NumberText formatWhole(int64_t value, const NumberFormat &format) {
  NumberText out;
  out.prefix = value < 0            ? "-"
               : format.sign == '-' ? ""
                                    : std::string(1, format.sign);
  uint64_t size = value < 0 ? 0 - uint64_t(value) : uint64_t(value);
  char lower = char(format.type | 0x20);
  int base = lower == 'x' ? 16 : lower == 'o' ? 8 : lower == 'b' ? 2 : 10;
  char buffer[72];
  auto [end, code] = std::to_chars(buffer, buffer + sizeof buffer, size, base);
  out.digits.assign(buffer, end);
  if (isUpper(format.type))
    for (char &c : out.digits)
      if (c >= 'a')
        c = char(c - 32);
  if (format.isAlternate && base != 10)
    out.prefix += std::string("0") + format.type;
  return out;
}

std::string groupDigits(const std::string &digits, const NumberFormat &format,
                        size_t width) {
  size_t whole = digits.find_first_not_of("0123456789abcdefABCDEF");
  char lower = char(format.type | 0x20);
  bool isOther = lower == 'x' || lower == 'o' || lower == 'b';
  if (!isOther)
    whole = digits.find_first_not_of("0123456789");
  if (whole == std::string::npos)
    whole = digits.size();
  std::string number = digits.substr(0, whole), rest = digits.substr(whole);
  size_t wanted = width > rest.size() ? width - rest.size() : 0;
  if (!format.grouping) {
    if (number.size() < wanted)
      number.insert(0, wanted - number.size(), '0');
    return number + rest;
  }
  size_t group = isOther ? 4 : 3;
  std::string out;
  size_t count = 0;
  for (size_t i = 0; i < number.size() || out.size() < wanted; ++i) {
    if (count == group) {
      // A separator is never the first character.
      out += format.grouping;
      count = 0;
    }
    out += i < number.size() ? number[number.size() - 1 - i] : '0';
    ++count;
  }
  return std::string(out.rbegin(), out.rend()) + rest;
}

namespace {

/// The digits of all scripts as ASCII, without white space at both ends.
std::string plainNumber(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    size_t begin = at;
    char32_t c = text::nextCharacter(text, at);
    if (int digit = decimalDigit(c); digit >= 0)
      out += char('0' + digit);
    else if (isPythonSpace(c))
      out += ' ';
    else
      out.append(text, begin, at - begin);
  }
  size_t first = out.find_first_not_of(' ');
  if (first == std::string::npos)
    return "";
  return out.substr(first, out.find_last_not_of(' ') + 1 - first);
}

/// Removes underscores that are between two digits; returns false if there is
/// another one.
bool removeUnderscores(std::string &text, bool isAfterPrefix) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      out += text[i];
      continue;
    }
    auto isDigit = [&](size_t at) {
      return at < text.size() &&
             std::isalnum(static_cast<unsigned char>(text[at]));
    };
    if (!isDigit(i + 1) || !(i > 0 ? isDigit(i - 1) : isAfterPrefix))
      return false;
  }
  text = out;
  return true;
}

} // namespace

std::optional<int64_t> parseWhole(std::string_view source, int base,
                                  bool &isTooLarge) {
  isTooLarge = false;
  std::string text = plainNumber(source);
  bool isNegative = !text.empty() && text[0] == '-';
  if (!text.empty() && (text[0] == '-' || text[0] == '+'))
    text.erase(0, 1);
  bool hasPrefix = false;
  if (text.size() > 1 && text[0] == '0') {
    char letter = char(text[1] | 0x20);
    int found = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 0;
    if (found && (base == found || base == 0)) {
      base = found;
      text.erase(0, 2);
      hasPrefix = true;
    }
  }
  if (!removeUnderscores(text, hasPrefix) || text.empty())
    return std::nullopt;
  if (base == 0) {
    base = 10;
    if (text[0] == '0' && text.find_first_not_of('0') != std::string::npos)
      return std::nullopt;
  }
  uint64_t size = 0;
  auto [end, code] =
      std::from_chars(text.data(), text.data() + text.size(), size, base);
  if (end != text.data() + text.size())
    return std::nullopt;
  uint64_t limit = uint64_t(1) << 63;
  if (code != std::errc() || size > (isNegative ? limit : limit - 1)) {
    isTooLarge = true;
    return std::nullopt;
  }
  return int64_t(isNegative ? 0 - size : size);
}

std::optional<double> parseReal(std::string_view source) {
  std::string text = plainNumber(source);
  if (!removeUnderscores(text, false))
    return std::nullopt;
  size_t at = !text.empty() && (text[0] == '-' || text[0] == '+');
  std::string word = text.substr(at);
  for (char &c : word)
    c = char(std::tolower(static_cast<unsigned char>(c)));
  if (word == "inf" || word == "infinity" || word == "nan")
    return std::strtod(text.c_str(), nullptr);
  // What strtod would take beyond Python: hexadecimal numbers.
  size_t digits = 0, points = 0;
  size_t i = 0;
  for (; i < word.size() && (std::isdigit(word[i]) || word[i] == '.'); ++i)
    (word[i] == '.' ? points : digits)++;
  if (digits == 0 || points > 1)
    return std::nullopt;
  if (i < word.size()) {
    if (word[i++] != 'e')
      return std::nullopt;
    if (i < word.size() && (word[i] == '-' || word[i] == '+'))
      ++i;
    if (i == word.size() ||
        word.find_first_not_of("0123456789", i) != std::string::npos)
      return std::nullopt;
  }
  return std::strtod(text.c_str(), nullptr);
}

} // namespace lora_rt::jinja
