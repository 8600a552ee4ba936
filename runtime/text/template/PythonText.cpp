//===- PythonText.cpp - Case and classes of characters --------------------===//
//
// Implements PythonText.h, and repr() of strings. utf8proc has no upper cases
// of several characters, so they are made of the case folding. A capital sigma
// at the end of a word has a lower case of its own, as in Python.
//
//===----------------------------------------------------------------------===//

#include "PythonText.h"
#include "../Unicode.h"
#include "PythonFormat.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdio>

namespace lora_rt::jinja {

namespace {

int category(char32_t c) { return utf8proc_category(utf8proc_int32_t(c)); }

char32_t simpleUpper(char32_t c) {
  return char32_t(utf8proc_toupper(utf8proc_int32_t(c)));
}

/// The characters of a decomposition; at most 8.
struct Parts {
  utf8proc_int32_t at[8];
  int count = 0;
};

Parts decompose(char32_t c, int options) {
  Parts parts;
  int state = 0;
  utf8proc_ssize_t count = utf8proc_decompose_char(
      utf8proc_int32_t(c), parts.at, 8, utf8proc_option_t(options), &state);
  parts.count = count > 0 && count <= 8 ? int(count) : 0;
  return parts;
}

/// The case folding of a letter that has several characters. Such letters have
/// an upper case of several characters, too.
Parts severalFolded(char32_t c) {
  if (c < 0x80 || category(c) == UTF8PROC_CATEGORY_LU)
    return {};
  Parts parts = decompose(c, UTF8PROC_CASEFOLD);
  if (parts.count < 2)
    parts.count = 0;
  return parts;
}

void appendUpper(std::string &out, char32_t c) {
  Parts parts = severalFolded(c);
  if (parts.count == 0) {
    text::appendCharacter(out, simpleUpper(c));
    return;
  }
  for (int i = 0; i < parts.count; ++i)
    text::appendCharacter(out, simpleUpper(char32_t(parts.at[i])));
}

void appendTitle(std::string &out, char32_t c) {
  Parts parts = severalFolded(c);
  auto title = char32_t(utf8proc_totitle(utf8proc_int32_t(c)));
  if (parts.count == 0 || category(c) == UTF8PROC_CATEGORY_LT ||
      (title != c && title != 0x1e9e)) {
    text::appendCharacter(out, title);
    return;
  }
  Parts canonical = decompose(c, UTF8PROC_DECOMPOSE);
  if (canonical.count > 1)
    parts = canonical;
  bool isFirst = true;
  for (int i = 0; i < parts.count; ++i) {
    auto part = char32_t(parts.at[i]);
    char32_t upper = simpleUpper(part);
    text::appendCharacter(out, isFirst ? upper : part);
    // An apostrophe before the letter is no letter: ŉ.
    isFirst = isFirst && upper == part;
  }
}

bool isCased(char32_t c) {
  return isUpperLetter(c) || isLowerLetter(c) || isTitleLetter(c);
}

bool isCaseIgnorable(char32_t c) {
  switch (category(c)) {
  case UTF8PROC_CATEGORY_MN:
  case UTF8PROC_CATEGORY_ME:
  case UTF8PROC_CATEGORY_CF:
  case UTF8PROC_CATEGORY_LM:
  case UTF8PROC_CATEGORY_SK:
    return true;
  default:
    return c == '\'' || c == '.' || c == ':' || c == 0xb7 || c == 0x2018 ||
           c == 0x2019 || c == 0x2024 || c == 0x2027 || c == 0x387 ||
           c == 0x55f || c == 0x5f4 || c == 0xfe13 || c == 0xfe52 ||
           c == 0xfe55 || c == 0xff07 || c == 0xff0e || c == 0xff1a;
  }
}

/// Whether the capital sigma before `at` ends a word.
bool isFinalSigma(std::string_view text, size_t begin, size_t at) {
  bool isAfterLetter = false;
  while (begin > 0) {
    char32_t c = text::previousCharacter(text, begin);
    if (!isCaseIgnorable(c)) {
      isAfterLetter = isCased(c);
      break;
    }
  }
  if (!isAfterLetter)
    return false;
  while (at < text.size()) {
    char32_t c = text::nextCharacter(text, at);
    if (!isCaseIgnorable(c))
      return !isCased(c);
  }
  return true;
}

/// Appends the lower case of the character between `begin` and `end`.
void appendLower(std::string &out, std::string_view text, size_t begin,
                 size_t end, char32_t c) {
  if (c == 0x3a3) {
    text::appendCharacter(out, isFinalSigma(text, begin, end) ? 0x3c2 : 0x3c3);
    return;
  }
  char32_t lower[2];
  size_t count = text::lowerCase(c, lower);
  for (size_t i = 0; i < count; ++i)
    text::appendCharacter(out, lower[i]);
}

template <typename Function>
void forEach(std::string_view text, Function function) {
  for (size_t at = 0; at < text.size();) {
    size_t begin = at;
    char32_t c = text::nextCharacter(text, at);
    function(begin, at, c);
  }
}

} // namespace

std::string toUpper(std::string_view text) {
  std::string out;
  forEach(text, [&](size_t, size_t, char32_t c) { appendUpper(out, c); });
  return out;
}

std::string toLower(std::string_view text) {
  std::string out;
  forEach(text, [&](size_t begin, size_t end, char32_t c) {
    appendLower(out, text, begin, end, c);
  });
  return out;
}

std::string toTitle(std::string_view text) {
  std::string out;
  bool isInWord = false;
  forEach(text, [&](size_t begin, size_t end, char32_t c) {
    if (isInWord)
      appendLower(out, text, begin, end, c);
    else
      appendTitle(out, c);
    isInWord = isCased(c);
  });
  return out;
}

std::string toCapitalized(std::string_view text) {
  std::string out;
  forEach(text, [&](size_t begin, size_t end, char32_t c) {
    if (begin > 0)
      appendLower(out, text, begin, end, c);
    else
      appendTitle(out, c);
  });
  return out;
}

std::string swapCase(std::string_view text) {
  std::string out;
  forEach(text, [&](size_t begin, size_t end, char32_t c) {
    if (isUpperLetter(c))
      appendLower(out, text, begin, end, c);
    else if (isLowerLetter(c))
      appendUpper(out, c);
    else
      text::appendCharacter(out, c);
  });
  return out;
}

std::string foldCase(std::string_view text) {
  std::string out;
  forEach(text, [&](size_t, size_t, char32_t c) {
    Parts parts = decompose(c, UTF8PROC_CASEFOLD);
    if (parts.count == 0)
      text::appendCharacter(out, c);
    for (int i = 0; i < parts.count; ++i)
      text::appendCharacter(out, char32_t(parts.at[i]));
  });
  return out;
}

bool isUpperLetter(char32_t c) {
  return category(c) == UTF8PROC_CATEGORY_LU || (c >= 0x2160 && c <= 0x216f) ||
         (c >= 0x24b6 && c <= 0x24cf) || (c >= 0x1f130 && c <= 0x1f149) ||
         (c >= 0x1f150 && c <= 0x1f169) || (c >= 0x1f170 && c <= 0x1f189);
}

bool isLowerLetter(char32_t c) {
  return category(c) == UTF8PROC_CATEGORY_LL || c == 0xaa || c == 0xba ||
         (c >= 0x2b0 && c <= 0x2b8) || (c >= 0x2170 && c <= 0x217f) ||
         (c >= 0x24d0 && c <= 0x24e9);
}

bool isTitleLetter(char32_t c) { return category(c) == UTF8PROC_CATEGORY_LT; }

bool isAlphabetic(char32_t c) {
  int kind = category(c);
  return kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_LO;
}

int decimalDigit(char32_t c) {
  if (c < 0x80)
    return c >= '0' && c <= '9' ? int(c - '0') : -1;
  if (category(c) != UTF8PROC_CATEGORY_ND)
    return -1;
  // The mathematical digits are five rows of ten; the others begin with a zero
  // whose number is a multiple of 16, or of 16 and 6 more.
  if (c >= 0x1d7ce && c <= 0x1d7ff)
    return int((c - 0x1d7ce) % 10);
  int value = 0;
  while (value < 9 && category(c - 1) == UTF8PROC_CATEGORY_ND) {
    --c;
    ++value;
  }
  return value;
}

bool isDigitLike(char32_t c) {
  int kind = category(c);
  if (kind == UTF8PROC_CATEGORY_ND)
    return true;
  if (kind != UTF8PROC_CATEGORY_NO)
    return false;
  Parts parts = decompose(c, UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT);
  return parts.count == 1 && decimalDigit(char32_t(parts.at[0])) >= 0;
}

bool isNumberLike(char32_t c) {
  // Ideographs that are numbers have the category of letters: utf8proc does not
  // tell them apart. These are the ones of Unicode 14, as in Python 3.11.
  static constexpr char32_t ideographs[] = {
      0x3405,  0x3483,  0x382a,  0x3b4d,  0x4e00,  0x4e03,  0x4e07,  0x4e09,
      0x4e5d,  0x4e8c,  0x4e94,  0x4e96,  0x4ebf,  0x4ec0,  0x4edf,  0x4ee8,
      0x4f0d,  0x4f70,  0x5104,  0x5146,  0x5169,  0x516b,  0x516d,  0x5341,
      0x5343,  0x5344,  0x5345,  0x534c,  0x53c1,  0x53c2,  0x53c3,  0x53c4,
      0x56db,  0x58f1,  0x58f9,  0x5e7a,  0x5efe,  0x5eff,  0x5f0c,  0x5f0d,
      0x5f0e,  0x5f10,  0x62fe,  0x634c,  0x67d2,  0x6f06,  0x7396,  0x767e,
      0x8086,  0x842c,  0x8cae,  0x8cb3,  0x8d30,  0x9621,  0x9646,  0x964c,
      0x9678,  0x96f6,  0xf96b,  0xf973,  0xf978,  0xf9b2,  0xf9d1,  0xf9d3,
      0xf9fd,  0x20001, 0x20064, 0x200e2, 0x20121, 0x2092a, 0x20983, 0x2098c,
      0x2099c, 0x20aea, 0x20afd, 0x20b19, 0x22390, 0x22998, 0x23b1b, 0x2626d,
      0x2f890,
  };
  return text::isNumeric(c) ||
         std::binary_search(std::begin(ideographs), std::end(ideographs), c);
}

bool isPrintable(char32_t c) {
  if (c == ' ')
    return true;
  int kind = category(c);
  return kind != UTF8PROC_CATEGORY_CN && kind != UTF8PROC_CATEGORY_CC &&
         kind != UTF8PROC_CATEGORY_CF && kind != UTF8PROC_CATEGORY_CS &&
         kind != UTF8PROC_CATEGORY_CO && kind != UTF8PROC_CATEGORY_ZS &&
         kind != UTF8PROC_CATEGORY_ZL && kind != UTF8PROC_CATEGORY_ZP;
}

static void appendEscape(std::string &out, char32_t c) {
  char buffer[16];
  std::snprintf(buffer, sizeof buffer,
                c < 0x100     ? "\\x%02x"
                : c < 0x10000 ? "\\u%04x"
                              : "\\U%08x",
                unsigned(c));
  out += buffer;
}

void representString(std::string_view text, std::string &out) {
  bool hasSingle = text.find('\'') != std::string_view::npos;
  bool hasDouble = text.find('"') != std::string_view::npos;
  char quote = hasSingle && !hasDouble ? '"' : '\'';
  out += quote;
  forEach(text, [&](size_t begin, size_t end, char32_t c) {
    if (c == char32_t(quote) || c == '\\') {
      out += '\\';
      out += char(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (isPrintable(c)) {
      out.append(text, begin, end - begin);
    } else {
      appendEscape(out, c);
    }
  });
  out += quote;
}

std::string escapeNonAscii(std::string_view text) {
  std::string out;
  forEach(text, [&](size_t, size_t, char32_t c) {
    if (c < 0x80)
      out += char(c);
    else
      appendEscape(out, c);
  });
  return out;
}

} // namespace lora_rt::jinja
