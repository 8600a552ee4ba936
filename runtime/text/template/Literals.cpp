//===- Literals.cpp - Digits and escapes ----------------------------------===//
//
// Implements Literals.h. The escapes are those of Python's unicode_escape,
// which jinja2 uses. Escapes \N{...}, escapes of half a character, and whole
// numbers beyond 64 bits are refused.
//
//===----------------------------------------------------------------------===//

#include "Literals.h"
#include "../Unicode.h"

#include <charconv>
#include <cstdio>
#include <cstdlib>

namespace lora_rt::jinja {

namespace {

bool isDigit(char c) { return c >= '0' && c <= '9'; }

bool isDigitOf(char c, int base) {
  int value = isDigit(c)             ? c - '0'
              : c >= 'a' && c <= 'f' ? c - 'a' + 10
              : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                     : 99;
  return value < base;
}

/// Appends a character by its number.
bool appendNumber(std::string &out, uint32_t number, std::string &problem) {
  if (number > 0x10ffff) {
    problem = "a string has the escape of a character that does not exist";
    return false;
  }
  if (number >= 0xd800 && number < 0xe000) {
    problem = "a string has the escape of half a character (\\ud800 to "
              "\\udfff); write the whole character";
    return false;
  }
  text::appendCharacter(out, number);
  return true;
}

} // namespace

bool unescape(std::string_view text, std::string &out, std::string &problem) {
  static constexpr std::string_view letters = "\\'\"abfnrtv";
  static constexpr std::string_view meanings = "\\'\"\a\b\f\n\r\t\v";
  for (size_t at = 0; at < text.size();) {
    if (text[at] != '\\') {
      out += text[at++];
      continue;
    }
    if (++at == text.size()) {
      out += '\\';
      break;
    }
    char c = text[at];
    if (size_t known = letters.find(c); known != letters.npos) {
      out += meanings[known];
      ++at;
    } else if (c == '\n') {
      ++at;
    } else if (c >= '0' && c <= '7') {
      uint32_t number = 0;
      for (int i = 0;
           i < 3 && at < text.size() && text[at] >= '0' && text[at] <= '7'; ++i)
        number = number * 8 + uint32_t(text[at++] - '0');
      if (!appendNumber(out, number, problem))
        return false;
    } else if (c == 'x' || c == 'u' || c == 'U') {
      size_t count = c == 'x' ? 2 : c == 'u' ? 4 : 8;
      uint32_t number = 0;
      std::string_view digits = text.substr(at + 1, count);
      auto [end, code] = std::from_chars(
          digits.data(), digits.data() + digits.size(), number, 16);
      if (code != std::errc() || end != digits.data() + count) {
        problem = std::string("a string has an escape \\") + c + " without " +
                  std::to_string(count) + " hexadecimal digits";
        return false;
      }
      if (!appendNumber(out, number, problem))
        return false;
      at += 1 + count;
    } else if (c == 'N') {
      problem = "a string has an escape \\N{...}; write the character itself";
      return false;
    } else {
      out += '\\';
      if (static_cast<unsigned char>(c) < 0x80)
        continue;
      // Python's codec writes what is not ASCII as an escape, which the
      // backslash before it turns into plain text.
      auto number = uint32_t(text::nextCharacter(text, at));
      char buffer[16];
      std::snprintf(buffer, sizeof buffer,
                    number < 0x100     ? "x%02x"
                    : number < 0x10000 ? "u%04x"
                                       : "U%08x",
                    unsigned(number));
      out += buffer;
    }
  }
  return true;
}

bool readNumber(std::string_view text, size_t begin, NumberLiteral &out,
                std::string &problem) {
  auto at = [&](size_t i) { return i < text.size() ? text[i] : '\0'; };
  // Digits with single underscores between them.
  auto digits = [&](size_t i, int base) {
    if (!isDigitOf(at(i), base))
      return i;
    while (isDigitOf(at(i), base) ||
           (at(i) == '_' && isDigitOf(at(i + 1), base)))
      ++i;
    return i;
  };
  auto plain = [&](size_t from, size_t to) {
    std::string out(text.substr(from, to - from));
    std::erase(out, '_');
    return out;
  };
  size_t whole = digits(begin, 10), end = whole;
  if (begin == 0 || text[begin - 1] != '.') {
    if (at(whole) == '.' && isDigit(at(whole + 1)))
      end = digits(whole + 1, 10);
    if (at(end) == 'e' || at(end) == 'E') {
      size_t exponent = end + 1 + (at(end + 1) == '+' || at(end + 1) == '-');
      if (isDigit(at(exponent)))
        end = digits(exponent, 10);
    }
  }
  if (end != whole) {
    out.isReal = true;
    out.real = std::strtod(plain(begin, end).c_str(), nullptr);
    out.end = end;
    return true;
  }
  int base = 10;
  size_t first = begin;
  if (at(begin) == '0') {
    char letter = char(at(begin + 1) | 0x20);
    base = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 10;
    size_t start = begin + 2 + (at(begin + 2) == '_');
    if (base != 10 && isDigitOf(at(start), base)) {
      first = start;
      end = digits(start, base);
    } else {
      // Zeros only; what follows is another number.
      base = 10;
      for (end = begin + 1;
           at(end) == '0' || (at(end) == '_' && at(end + 1) == '0');)
        ++end;
    }
  }
  std::string number = plain(first, end);
  int64_t value = 0;
  auto [last, code] = std::from_chars(
      number.data(), number.data() + number.size(), value, base);
  if (code != std::errc()) {
    problem = "the number " + number + " does not fit 64 bits";
    return false;
  }
  out.whole = value;
  out.end = end;
  return true;
}

} // namespace lora_rt::jinja
