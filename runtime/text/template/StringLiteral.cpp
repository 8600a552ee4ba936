//===- StringLiteral.cpp - Python's escapes -------------------------------===//

#include "StringLiteral.h"
#include "../Unicode.h"

#include <charconv>
#include <cstdio>

namespace lora_rt::jinja {

namespace {

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

} // namespace lora_rt::jinja
