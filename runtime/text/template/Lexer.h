//===- Lexer.h - The tokens of a template -----------------------*- C++ -*-===//
//
// Text and tags as jinja2's lexer with `trim_blocks` and `lstrip_blocks`: it
// also decides which white space beside a tag is left out.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TEXT_TEMPLATE_LEXER_H
#define LORA_RUNTIME_TEXT_TEMPLATE_LEXER_H

#include "lora-runtime/Error.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lora_rt::jinja {

enum class TokenKind : uint8_t {
  End,
  Data,
  VariableBegin,
  VariableEnd,
  BlockBegin,
  BlockEnd,
  Name,
  String,
  Integer,
  Float,
  Symbol,
};

struct Token {
  TokenKind kind;
  uint32_t line;
  /// The text of data, a name, a string or a symbol.
  std::string text;
  int64_t integer = 0;
  double real = 0;

  bool isName(std::string_view name) const {
    return kind == TokenKind::Name && text == name;
  }
  bool isSymbol(std::string_view symbol) const {
    return kind == TokenKind::Symbol && text == symbol;
  }
};

/// The tokens of a template, the last of which is End. `where` names the
/// template in messages.
Expected<std::vector<Token>> tokenize(std::string_view source,
                                      const std::string &where);

/// What a token is called in a message.
std::string describe(const Token &token);

/// The white space of Python's str.isspace().
bool isPythonSpace(char32_t character);

} // namespace lora_rt::jinja

#endif // LORA_RUNTIME_TEXT_TEMPLATE_LEXER_H
