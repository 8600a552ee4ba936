//===- TextQueries.cpp - Methods of str that search and ask ---------------===//
//
// The methods of str that give a number or a bool, with the results of Python.
// Places count characters, not bytes, and negative ones count from the end.
//
//===----------------------------------------------------------------------===//

#include "../Unicode.h"
#include "Access.h"
#include "Lexer.h"
#include "Methods.h"
#include "PythonText.h"

#include <algorithm>

namespace lora_rt::jinja {

namespace {

/// The part of a text between two indices, as Python's methods take them, and
/// where it begins. `isBeyond` if the start is behind the end.
struct Window {
  std::string_view text;
  size_t firstCharacter = 0;
  bool isBeyond = false;
};

bool windowOf(Runtime &runtime, const Value &self, const Bound &bound,
              size_t first, Window &out) {
  const Text &text = self.asText();
  auto length = int64_t(text.length);
  int64_t bounds[2] = {0, length};
  for (size_t i = 0; i < 2; ++i) {
    if (!bound.isSet(first + i))
      continue;
    const Value &value = bound[first + i];
    if (!value.isInteger()) {
      (void)runtime.fail("the place in a str is a whole number, but found a ",
                         typeName(value));
      return false;
    }
    int64_t place = value.integer();
    if (place < 0)
      place = std::max<int64_t>(place + length, 0);
    bounds[i] = i == 0 ? place : std::min(place, length);
  }
  out.isBeyond = bounds[0] > bounds[1];
  if (out.isBeyond)
    return true;
  out.firstCharacter = size_t(bounds[0]);
  out.text = charactersOf(text, size_t(bounds[0]), size_t(bounds[1]));
  return runtime.step(1 + text.bytes.size() / 32);
}

template <bool isRight, bool isIndex>
Value find(Runtime &runtime, const Value &self, Arguments &arguments) {
  Bound bound(runtime, "str.find", "/ sub start? end?", arguments);
  std::string_view part = bound ? bound.text(0) : "";
  Window window;
  if (!bound || !windowOf(runtime, self, bound, 1, window))
    return Value::failure();
  size_t at = window.isBeyond ? std::string_view::npos
              : isRight       ? findLastPart(window.text, part)
                              : findPart(window.text, part);
  if (at == std::string_view::npos)
    return isIndex ? runtime.fail("str.index(): the part is not in the text")
                   : Value::integer(-1);
  size_t before = 0;
  for (char c : window.text.substr(0, at))
    before += !text::isContinuation(static_cast<unsigned char>(c));
  return Value::integer(int64_t(window.firstCharacter + before));
}

Value count(Runtime &runtime, const Value &self, Arguments &arguments) {
  Bound bound(runtime, "str.count", "/ sub start? end?", arguments);
  std::string_view part = bound ? bound.text(0) : "";
  Window window;
  if (!bound || !windowOf(runtime, self, bound, 1, window))
    return Value::failure();
  if (window.isBeyond)
    return Value::integer(0);
  int64_t found = 0;
  if (part.empty()) {
    for (char c : window.text)
      found += !text::isContinuation(static_cast<unsigned char>(c));
    return Value::integer(found + 1);
  }
  for (size_t at = findPart(window.text, part); at != std::string_view::npos;
       at = findPart(window.text, part, at + part.size()))
    ++found;
  return Value::integer(found);
}

template <bool isStart>
Value hasPart(Runtime &runtime, const Value &self, Arguments &arguments) {
  Bound bound(runtime, isStart ? "str.startswith" : "str.endswith",
              "/ prefix start? end?", arguments);
  Window window;
  if (!bound || !windowOf(runtime, self, bound, 1, window))
    return Value::failure();
  auto matches = [&](const Value &part) {
    return !window.isBeyond && (isStart ? window.text.starts_with(part.string())
                                        : window.text.ends_with(part.string()));
  };
  if (bound[0].isString())
    return Value::boolean(matches(bound[0]));
  if (!bound[0].is(Kind::Tuple))
    return runtime.fail(isStart ? "str.startswith" : "str.endswith",
                        "() wants a str or a tuple of str, but found a ",
                        typeName(bound[0]));
  for (const Value &part : bound[0].items()) {
    if (!part.isString())
      return runtime.fail(isStart ? "str.startswith" : "str.endswith",
                          "() wants a tuple of str, but found a ",
                          typeName(part));
    if (matches(part))
      return Value::boolean(true);
  }
  return Value::boolean(false);
}

/// All characters are of a class, and there is one.
template <bool (*isOf)(char32_t)>
Value areAll(Runtime &runtime, const Value &self, Arguments &arguments) {
  Bound bound(runtime, "str", "/", arguments);
  if (!bound || !runtime.step(self.string().size() / 8))
    return Value::failure();
  const std::string &text = self.string();
  for (size_t at = 0; at < text.size();)
    if (!isOf(text::nextCharacter(text, at)))
      return Value::boolean(false);
  return Value::boolean(!text.empty());
}

bool isDecimal(char32_t c) { return decimalDigit(c) >= 0; }
bool isAlphanumeric(char32_t c) {
  return isAlphabetic(c) || isDecimal(c) || isDigitLike(c) || isNumberLike(c);
}

/// islower() and isupper(): no letter of another case, and one of this.
template <bool isUpper>
Value hasCase(Runtime &runtime, const Value &self, Arguments &arguments) {
  Bound bound(runtime, "str", "/", arguments);
  if (!bound || !runtime.step(self.string().size() / 8))
    return Value::failure();
  const std::string &text = self.string();
  bool isFound = false;
  for (size_t at = 0; at < text.size();) {
    char32_t c = text::nextCharacter(text, at);
    if (isTitleLetter(c) || (isUpper ? isLowerLetter(c) : isUpperLetter(c)))
      return Value::boolean(false);
    isFound = isFound || (isUpper ? isUpperLetter(c) : isLowerLetter(c));
  }
  return Value::boolean(isFound);
}

Value isTitle(Runtime &runtime, const Value &self, Arguments &arguments) {
  Bound bound(runtime, "str.istitle", "/", arguments);
  (void)runtime.step(self.string().size() / 8);
  if (!bound)
    return Value::failure();
  const std::string &text = self.string();
  bool isFound = false, isInWord = false;
  for (size_t at = 0; at < text.size();) {
    char32_t c = text::nextCharacter(text, at);
    if (isUpperLetter(c) || isTitleLetter(c)) {
      if (isInWord)
        return Value::boolean(false);
      isFound = isInWord = true;
    } else if (isLowerLetter(c)) {
      if (!isInWord)
        return Value::boolean(false);
      isFound = true;
    } else {
      isInWord = false;
    }
  }
  return Value::boolean(isFound);
}

Value isAscii(Runtime &runtime, const Value &self, Arguments &arguments) {
  Bound bound(runtime, "str.isascii", "/", arguments);
  return bound ? Value::boolean(self.asText().isAscii()) : Value::failure();
}

Value isPrintableText(Runtime &runtime, const Value &self,
                      Arguments &arguments) {
  Bound bound(runtime, "str.isprintable", "/", arguments);
  (void)runtime.step(self.string().size() / 8);
  const std::string &text = self.string();
  if (!bound)
    return Value::failure();
  for (size_t at = 0; at < text.size();)
    if (!isPrintable(text::nextCharacter(text, at)))
      return Value::boolean(false);
  return Value::boolean(true);
}

Value isIdentifier(Runtime &runtime, const Value &self, Arguments &arguments) {
  Bound bound(runtime, "str.isidentifier", "/", arguments);
  (void)runtime.step(self.string().size() / 8);
  const std::string &text = self.string();
  if (!bound)
    return Value::failure();
  bool isFirst = true;
  for (size_t at = 0; at < text.size(); isFirst = false) {
    char32_t c = text::nextCharacter(text, at);
    if (c != '_' && !isAlphabetic(c) && (isFirst || !text::isWord(c)))
      return Value::boolean(false);
  }
  return Value::boolean(!text.empty());
}

} // namespace

std::span<const MethodRule> textQueries() {
  static constexpr MethodRule rules[] = {
      {"find", find<false, false>},
      {"rfind", find<true, false>},
      {"index", find<false, true>},
      {"rindex", find<true, true>},
      {"count", count},
      {"startswith", hasPart<true>},
      {"endswith", hasPart<false>},
      {"isspace", areAll<isPythonSpace>},
      {"isalpha", areAll<isAlphabetic>},
      {"isdecimal", areAll<isDecimal>},
      {"isdigit", areAll<isDigitLike>},
      {"isnumeric", areAll<isNumberLike>},
      {"isalnum", areAll<isAlphanumeric>},
      {"islower", hasCase<false>},
      {"isupper", hasCase<true>},
      {"istitle", isTitle},
      {"isascii", isAscii},
      {"isprintable", isPrintableText},
      {"isidentifier", isIdentifier},
  };
  return rules;
}

} // namespace lora_rt::jinja
