//===- TextMethods.cpp - Methods of str that give strings -----------------===//
//
// The methods of str that give strings, with the results of Python. A method of
// Markup gives Markup. str.encode(), str.translate() and str.maketrans() are
// refused: templates have no bytes and no tables.
//
//===----------------------------------------------------------------------===//

#include "../Unicode.h"
#include "Access.h"
#include "Lexer.h"
#include "Methods.h"
#include "Operators.h"
#include "PythonFormat.h"
#include "PythonText.h"

#include <algorithm>

namespace lora_rt::jinja {

Value joinTexts(Runtime &runtime, const Value &separator, const Value &elements,
                bool printsAll) {
  Ref<Iterator> iterator = runtime.iterate(elements);
  if (!iterator)
    return Value::failure();
  bool isMarkup = separator.asText().isMarkup && !printsAll;
  std::string out;
  for (size_t count = 0;; ++count) {
    Value element = iterator->next(runtime);
    if (element.isFailure())
      return element;
    if (element.isMissing())
      return runtime.text(std::move(out), isMarkup);
    if (!printsAll && !element.isString() && !isMarkup)
      return runtime.fail("str.join() wants strings, but element ", count,
                          " is a ", typeName(element));
    if (count && !runtime.print(separator, out))
      return Value::failure();
    if (!(isMarkup ? escapeValue(runtime, element, out)
                   : runtime.print(element, out)) ||
        !runtime.step() || !runtime.hasRoom(out.size()))
      return Value::failure();
  }
}

namespace {

Value keep(Runtime &runtime, const Value &self, std::string text) {
  return runtime.text(std::move(text), self.asText().isMarkup);
}

template <std::string (*change)(std::string_view)>
Value changeCase(Runtime &runtime, const Value &self, Arguments &arguments) {
  Bound bound(runtime, "str", "/", arguments);
  if (!bound || !runtime.step(self.string().size() / 8))
    return Value::failure();
  return keep(runtime, self, change(self.string()));
}

template <int sides>
Value stripText(Runtime &runtime, const Value &self, Arguments &arguments) {
  Bound bound(runtime, "str.strip", "/ chars?", arguments);
  if (!bound)
    return Value::failure();
  bool isSet = bound.isSet(0);
  std::string_view characters = isSet ? bound.text(0) : std::string_view();
  if (!bound ||
      !runtime.step(self.string().size() * (1 + characters.size()) / 16))
    return Value::failure();
  return keep(
      runtime, self,
      std::string(strip(self.string(), sides, isSet ? &characters : nullptr)));
}

Value listOf(Runtime &runtime, const Value &self,
             const std::vector<std::string_view> &parts) {
  if (!runtime.step(parts.size()) || !runtime.hasRoom(parts.size() * 160))
    return Value::failure();
  std::vector<Value> out;
  out.reserve(parts.size());
  for (std::string_view part : parts)
    out.push_back(Value::text(std::string(part), self.asText().isMarkup));
  return Value::list(std::move(out));
}

template <bool isRight>
Value split(Runtime &runtime, const Value &self, Arguments &arguments) {
  Bound bound(runtime, isRight ? "str.rsplit" : "str.split", "sep? maxsplit?",
              arguments);
  if (!bound)
    return Value::failure();
  int64_t limit = bound.whole(1, -1);
  bool isSet = bound.isSet(0);
  std::string_view mark = isSet ? bound.text(0) : std::string_view();
  if (!bound || !runtime.step(1 + self.string().size() / 8) ||
      !runtime.hasRoom(self.string().size() * 16))
    return Value::failure();
  if (!isSet)
    return listOf(runtime, self,
                  isRight ? splitSpaceRight(self.string(), limit)
                          : splitSpace(self.string(), limit));
  if (mark.empty())
    return runtime.fail("str.split() wants a separator that is not empty");
  return listOf(runtime, self,
                isRight ? splitAtRight(self.string(), mark, limit)
                        : splitAt(self.string(), mark, limit));
}

Value splitIntoLines(Runtime &runtime, const Value &self,
                     Arguments &arguments) {
  Bound bound(runtime, "str.splitlines", "keepends?", arguments);
  if (!bound)
    return Value::failure();
  bool keepsEnds = bound.flag(0, false);
  if (!bound || !runtime.step(1 + self.string().size() / 8))
    return Value::failure();
  return listOf(runtime, self, splitLines(self.string(), keepsEnds));
}

template <bool isRight>
Value partition(Runtime &runtime, const Value &self, Arguments &arguments) {
  Bound bound(runtime, "str.partition", "/ sep", arguments);
  std::string_view mark = bound ? bound.text(0) : "";
  if (!bound)
    return Value::failure();
  if (mark.empty())
    return runtime.fail("str.partition() wants a separator that is not empty");
  const std::string &text = self.string();
  size_t at = isRight ? findLastPart(text, mark) : findPart(text, mark);
  auto part = [&](std::string_view bytes) {
    return keep(runtime, self, std::string(bytes));
  };
  std::string_view all = text;
  if (at == std::string::npos)
    return isRight ? Value::tuple({part(""), part(""), self})
                   : Value::tuple({self, part(""), part("")});
  return Value::tuple({part(all.substr(0, at)), part(mark),
                       part(all.substr(at + mark.size()))});
}

Value replace(Runtime &runtime, const Value &self, Arguments &arguments) {
  Bound bound(runtime, "str.replace", "/ old new count?", arguments);
  if (!bound)
    return Value::failure();
  std::string_view from = bound.text(0), to = bound.text(1);
  int64_t limit = bound.whole(2, -1);
  std::string out;
  std::string escaped;
  if (self.asText().isMarkup && bound && !bound[1].asText().isMarkup) {
    if (!escapeHtml(runtime, to, escaped))
      return Value::failure();
    to = escaped;
  }
  if (!bound || !replaceAll(runtime, self.string(), from, to, limit, out))
    return Value::failure();
  return keep(runtime, self, std::move(out));
}

Value join(Runtime &runtime, const Value &self, Arguments &arguments) {
  Bound bound(runtime, "str.join", "/ iterable", arguments);
  return bound ? joinTexts(runtime, self, bound[0], false) : Value::failure();
}

/// Fills a text up to a width; `before` says how much of the fill is left.
Value fillUp(Runtime &runtime, const Value &self, int64_t width,
             std::string_view fill, char side) {
  const Text &text = self.asText();
  auto length = int64_t(text.length);
  if (width <= length)
    return self;
  int64_t missing = width - length;
  if (width > int64_t(runtime.options.maxMemory) ||
      !runtime.hasRoom(size_t(width) * fill.size() + text.bytes.size()))
    return runtime.hasRoom(SIZE_MAX), Value::failure();
  int64_t before = side == 'c'   ? missing / 2 + (missing & width & 1)
                   : side == 'r' ? missing
                                 : 0;
  std::string out;
  for (int64_t i = 0; i < before; ++i)
    out += fill;
  out += text.bytes;
  for (int64_t i = before; i < missing; ++i)
    out += fill;
  return keep(runtime, self, std::move(out));
}

template <char side>
Value justify(Runtime &runtime, const Value &self, Arguments &arguments) {
  Bound bound(runtime, "str.center", "/ width fillchar?", arguments);
  if (!bound)
    return Value::failure();
  int64_t width = bound.whole(0, 0);
  std::string_view fill = bound.text(1, " ");
  if (!bound)
    return Value::failure();
  if (bound.has(1) && bound[1].asText().length != 1)
    return runtime.fail("str.center() and the like fill with one character");
  return fillUp(runtime, self, width, fill, side);
}

Value fillZeros(Runtime &runtime, const Value &self, Arguments &arguments) {
  Bound bound(runtime, "str.zfill", "/ width", arguments);
  int64_t width = bound ? bound.whole(0, 0) : 0;
  if (!bound)
    return Value::failure();
  const std::string &text = self.string();
  bool hasSign = !text.empty() && (text[0] == '-' || text[0] == '+');
  if (!hasSign)
    return fillUp(runtime, self, width, "0", 'r');
  Value rest =
      fillUp(runtime, Value::text(text.substr(1)), width - 1, "0", 'r');
  return rest.isFailure()
             ? rest
             : keep(runtime, self, text.substr(0, 1) + rest.string());
}

template <bool isPrefix>
Value removePart(Runtime &runtime, const Value &self, Arguments &arguments) {
  Bound bound(runtime, isPrefix ? "str.removeprefix" : "str.removesuffix",
              "/ part", arguments);
  std::string_view part = bound ? bound.text(0) : "", text = self.string();
  if (!bound)
    return Value::failure();
  if (isPrefix ? text.starts_with(part) : text.ends_with(part))
    text = isPrefix ? text.substr(part.size())
                    : text.substr(0, text.size() - part.size());
  return keep(runtime, self, std::string(text));
}

Value expandTabs(Runtime &runtime, const Value &self, Arguments &arguments) {
  Bound bound(runtime, "str.expandtabs", "tabsize?", arguments);
  int64_t size = bound ? bound.whole(0, 8) : 8, column = 0;
  if (!bound)
    return Value::failure();
  std::string out;
  for (char c : self.string()) {
    if (out.size() == out.capacity() && !runtime.canGrow(out, 1))
      return Value::failure();
    if (c == '\t') {
      int64_t count = size > 0 ? size - column % size : 0;
      if (count > int64_t(runtime.options.maxMemory) ||
          !runtime.canGrow(out, size_t(count)) || !runtime.step())
        return runtime.hasRoom(SIZE_MAX), Value::failure();
      out.append(size_t(count), ' ');
      column += count;
      continue;
    }
    out += c;
    if (c == '\n' || c == '\r')
      column = 0;
    else
      column += !text::isContinuation(static_cast<unsigned char>(c));
  }
  return keep(runtime, self, std::move(out));
}

Value format(Runtime &runtime, const Value &self, Arguments &arguments) {
  return formatBraces(runtime, self, arguments);
}

Value formatMap(Runtime &runtime, const Value &self, Arguments &arguments) {
  Bound bound(runtime, "str.format_map", "/ mapping", arguments);
  if (!bound)
    return Value::failure();
  if (!bound[0].is(Kind::Dict))
    return runtime.fail("str.format_map() wants a dict, but found a ",
                        typeName(bound[0]));
  Arguments named;
  for (const auto &[key, value] : bound[0].dict().entries)
    if (key.isString())
      named.named.emplace_back(key.string(), value);
  return formatBraces(runtime, self, named);
}

Value failBytes(Runtime &runtime, const Value &, Arguments &) {
  return runtime.fail("str.encode() gives bytes, which are not supported here");
}

Value failTable(Runtime &runtime, const Value &, Arguments &) {
  return runtime.fail("str.translate() and str.maketrans() are not supported "
                      "here; use str.replace()");
}

} // namespace

Value centerText(Runtime &runtime, const Value &text, int64_t width,
                 std::string_view fill) {
  return fillUp(runtime, text, width, fill, 'c');
}

std::span<const MethodRule> textMethods() {
  static constexpr MethodRule rules[] = {
      {"upper", changeCase<toUpper>},
      {"lower", changeCase<toLower>},
      {"title", changeCase<toTitle>},
      {"capitalize", changeCase<toCapitalized>},
      {"swapcase", changeCase<swapCase>},
      {"casefold", changeCase<foldCase>},
      {"strip", stripText<3>},
      {"lstrip", stripText<1>},
      {"rstrip", stripText<2>},
      {"split", split<false>},
      {"rsplit", split<true>},
      {"splitlines", splitIntoLines},
      {"partition", partition<false>},
      {"rpartition", partition<true>},
      {"replace", replace},
      {"join", join},
      {"center", justify<'c'>},
      {"ljust", justify<'l'>},
      {"rjust", justify<'r'>},
      {"zfill", fillZeros},
      {"removeprefix", removePart<true>},
      {"removesuffix", removePart<false>},
      {"expandtabs", expandTabs},
      {"format", format},
      {"format_map", formatMap},
      {"encode", failBytes},
      {"translate", failTable},
      {"maketrans", failTable},
  };
  return rules;
}

} // namespace lora_rt::jinja
