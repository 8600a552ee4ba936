//===- Unicode.h - Characters, their classes and their case -----*- C++ -*-===//
//
// Properties of characters for the parts of tokenizers, from the tables of
// utf8proc. `Tokenizer` ensures that texts in runtime/text are valid UTF-8.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TEXT_UNICODE_H
#define LORA_RUNTIME_TEXT_UNICODE_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace lora_rt::text {

inline constexpr char32_t replacementCharacter = 0xfffd;

/// The number of bytes of the character that begins with this byte; 1 if none
/// does.
inline size_t characterBytes(unsigned char first) {
  return first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

inline bool isContinuation(unsigned char byte) { return (byte & 0xc0) == 0x80; }

/// The character at `at`; moves `at` after it. The text is valid UTF-8.
inline char32_t nextCharacter(std::string_view text, size_t &at) {
  auto byte = [&](size_t i) {
    return char32_t(static_cast<unsigned char>(text[i]));
  };
  char32_t first = byte(at);
  if (first < 0x80) {
    ++at;
    return first;
  }
  size_t count = characterBytes(static_cast<unsigned char>(first));
  if (at + count > text.size())
    count = text.size() - at;
  char32_t value = first & (0xff >> (count + 1));
  for (size_t i = 1; i < count; ++i)
    value = value << 6 | (byte(at + i) & 0x3f);
  at += count;
  return value;
}

/// The character that ends at `at`; moves `at` to its first byte.
char32_t previousCharacter(std::string_view text, size_t &at);

void appendCharacter(std::string &text, char32_t character);

/// The number of bytes of the longest valid UTF-8 prefix of `text`.
size_t validPrefix(std::string_view text);

/// How many bytes at an invalid place become one replacement character, as in
/// the decoders of Unicode and WHATWG: the longest part of a character, or one
/// byte.
size_t invalidBytes(std::string_view text, size_t at);

/// Whether `text`, an incomplete character, may be completed by more bytes.
bool isUnfinished(std::string_view text);

/// Valid UTF-8 with a replacement character for each invalid place.
std::string replaceInvalid(std::string_view text);

/// The property White_Space.
bool isWhitespace(char32_t character);
/// The categories Nd, Nl and No.
bool isNumeric(char32_t character);
/// ASCII's punctuation, and the categories P*.
bool isPunctuation(char32_t character);
/// What \w means: letters, marks, decimal digits, connectors, and joiners.
bool isWord(char32_t character);
/// The categories Cc, Cf and Co.
bool isControl(char32_t character);
/// The categories Mn, Mc and Me.
bool isMark(char32_t character);
/// The category Mn.
bool isNonspacingMark(char32_t character);
/// The Chinese characters around which BERT inserts spaces.
bool isChinese(char32_t character);

/// The lower case, which is two characters for one letter: "İ". Returns how
/// many were written to `out`.
size_t lowerCase(char32_t character, char32_t (&out)[2]);

/// Whether a grapheme cluster ends between two characters; `state` begins with
/// 0 and is kept from pair to pair.
bool isGraphemeBreak(char32_t left, char32_t right, int32_t &state);

/// The canonical combining class.
int combiningClass(char32_t character);

} // namespace lora_rt::text

#endif // LORA_RUNTIME_TEXT_UNICODE_H
