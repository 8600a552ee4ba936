//===- Literals.h - Numbers and strings in a template -----------*- C++ -*-===//
//
// What jinja2 makes of digits, and of the characters between quotes.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TEXT_TEMPLATE_LITERALS_H
#define LORA_RUNTIME_TEXT_TEMPLATE_LITERALS_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace lora_rt::jinja {

/// Replaces the escapes in `text`, which is valid UTF-8. Returns false, and
/// what is wrong, for an escape that is damaged.
bool unescape(std::string_view text, std::string &out, std::string &problem);

struct NumberLiteral {
  /// Behind the last character.
  size_t end = 0;
  bool isReal = false;
  int64_t whole = 0;
  double real = 0;
};

/// Reads the number that begins at `begin`, where a digit is. Returns false,
/// and what is wrong, for a whole number of more than 64 bits.
bool readNumber(std::string_view text, size_t begin, NumberLiteral &out,
                std::string &problem);

} // namespace lora_rt::jinja

#endif // LORA_RUNTIME_TEXT_TEMPLATE_LITERALS_H
