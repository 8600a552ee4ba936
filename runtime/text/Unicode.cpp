//===- Unicode.cpp - Characters by utf8proc -------------------------------===//
//
// Implements Unicode.h: reads UTF-8 as Python does, and gets the properties of
// characters from utf8proc.
//
//===----------------------------------------------------------------------===//

#include "Unicode.h"

#include <utf8proc.h>

#include <cstring>

namespace lora_rt::text {

namespace {

int category(char32_t character) {
  return utf8proc_category(utf8proc_int32_t(character));
}

bool isBetween(int value, int first, int last) {
  return value >= first && value <= last;
}

/// The range of the second byte of a character that begins with `first`.
void secondByteRange(unsigned char first, unsigned char &low,
                     unsigned char &high) {
  low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
}

/// Bytes at `at` that are the beginning of a character, and how many the whole
/// has; {0, 1} if none begins.
struct Beginning {
  size_t bytes;
  size_t whole;
};

Beginning beginningAt(std::string_view text, size_t at) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned char first = byte(at);
  if (first < 0x80)
    return {1, 1};
  if (first < 0xc2 || first > 0xf4)
    return {0, 1};
  size_t whole = characterBytes(first), bytes = 1;
  unsigned char low, high;
  secondByteRange(first, low, high);
  while (bytes < whole && at + bytes < text.size()) {
    unsigned char next = byte(at + bytes);
    if (next < low || next > high)
      break;
    low = 0x80;
    high = 0xbf;
    ++bytes;
  }
  return {bytes, whole};
}

} // namespace

char32_t previousCharacter(std::string_view text, size_t &at) {
  size_t start = at - 1;
  while (start > 0 && at - start < 4 &&
         isContinuation(static_cast<unsigned char>(text[start])))
    --start;
  at = start;
  size_t behind = start;
  return nextCharacter(text, behind);
}

void appendCharacter(std::string &text, char32_t c) {
  if (c < 0x80) {
    text += char(c);
  } else if (c < 0x800) {
    text += char(0xc0 | c >> 6);
    text += char(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    text += char(0xe0 | c >> 12);
    text += char(0x80 | (c >> 6 & 0x3f));
    text += char(0x80 | (c & 0x3f));
  } else {
    text += char(0xf0 | c >> 18);
    text += char(0x80 | (c >> 12 & 0x3f));
    text += char(0x80 | (c >> 6 & 0x3f));
    text += char(0x80 | (c & 0x3f));
  }
}

size_t validPrefix(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    // Eight bytes of ASCII at a time.
    uint64_t word;
    while (text.size() - at >= sizeof word) {
      std::memcpy(&word, text.data() + at, sizeof word);
      if (word & 0x8080808080808080u)
        break;
      at += sizeof word;
    }
    if (at == text.size())
      break;
    Beginning found = beginningAt(text, at);
    if (found.bytes != found.whole)
      return at;
    at += found.whole;
  }
  return at;
}

size_t invalidBytes(std::string_view text, size_t at) {
  size_t bytes = beginningAt(text, at).bytes;
  return bytes ? bytes : 1;
}

bool isUnfinished(std::string_view text) {
  if (text.empty())
    return false;
  Beginning found = beginningAt(text, 0);
  return found.bytes == text.size() && found.bytes < found.whole;
}

std::string replaceInvalid(std::string_view text) {
  std::string out;
  size_t at = 0;
  while (true) {
    size_t valid = validPrefix(text.substr(at));
    out.append(text, at, valid);
    at += valid;
    if (at == text.size())
      return out;
    appendCharacter(out, replacementCharacter);
    at += invalidBytes(text, at);
  }
}

bool isWhitespace(char32_t c) {
  if (c < 0x80)
    return c == ' ' || (c >= '\t' && c <= '\r');
  if (c == 0x85)
    return true;
  return isBetween(category(c), UTF8PROC_CATEGORY_ZS, UTF8PROC_CATEGORY_ZP);
}

bool isNumeric(char32_t c) {
  if (c < 0x80)
    return c >= '0' && c <= '9';
  return isBetween(category(c), UTF8PROC_CATEGORY_ND, UTF8PROC_CATEGORY_NO);
}

bool isPunctuation(char32_t c) {
  if (c < 0x80)
    return c > ' ' && c < 0x7f && !(c >= '0' && c <= '9') &&
           !(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z');
  return isBetween(category(c), UTF8PROC_CATEGORY_PC, UTF8PROC_CATEGORY_PO);
}

bool isWord(char32_t c) {
  if (c < 0x80)
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
           (c >= 'a' && c <= 'z');
  int kind = category(c);
  if (isBetween(kind, UTF8PROC_CATEGORY_LU, UTF8PROC_CATEGORY_NL) ||
      kind == UTF8PROC_CATEGORY_PC)
    return true;
  // The joiners, and symbols that count as alphabetic: circled letters and the
  // squared ones.
  return c == 0x200c || c == 0x200d || (c >= 0x24b6 && c <= 0x24e9) ||
         (c >= 0x1f130 && c <= 0x1f149) || (c >= 0x1f150 && c <= 0x1f169) ||
         (c >= 0x1f170 && c <= 0x1f189);
}

bool isControl(char32_t c) {
  if (c < 0x80)
    return c < ' ' || c == 0x7f;
  int kind = category(c);
  return kind == UTF8PROC_CATEGORY_CC || kind == UTF8PROC_CATEGORY_CF ||
         kind == UTF8PROC_CATEGORY_CO;
}

bool isMark(char32_t c) {
  return c >= 0x300 &&
         isBetween(category(c), UTF8PROC_CATEGORY_MN, UTF8PROC_CATEGORY_ME);
}

bool isNonspacingMark(char32_t c) {
  return c >= 0x300 && category(c) == UTF8PROC_CATEGORY_MN;
}

bool isChinese(char32_t c) {
  if (c < 0x3400)
    return false;
  return (c >= 0x4e00 && c <= 0x9fff) || (c >= 0x3400 && c <= 0x4dbf) ||
         (c >= 0x20000 && c <= 0x2a6df) || (c >= 0x2a700 && c <= 0x2b73f) ||
         (c >= 0x2b740 && c <= 0x2b81f) || (c >= 0x2b920 && c <= 0x2ceaf) ||
         (c >= 0xf900 && c <= 0xfaff) || (c >= 0x2f800 && c <= 0x2fa1f);
}

size_t lowerCase(char32_t c, char32_t (&out)[2]) {
  if (c < 0x80) {
    out[0] = c >= 'A' && c <= 'Z' ? c + 32 : c;
    return 1;
  }
  if (c == 0x130) {
    out[0] = 'i';
    out[1] = 0x307;
    return 2;
  }
  out[0] = char32_t(utf8proc_tolower(utf8proc_int32_t(c)));
  return 1;
}

bool isGraphemeBreak(char32_t left, char32_t right, int32_t &state) {
  return utf8proc_grapheme_break_stateful(utf8proc_int32_t(left),
                                          utf8proc_int32_t(right), &state);
}

int combiningClass(char32_t c) {
  return c < 0x300
             ? 0
             : utf8proc_get_property(utf8proc_int32_t(c))->combining_class;
}

} // namespace lora_rt::text
