//===- TextFilters.cpp - Filters of texts ---------------------------------===//
//
// jinja2's filters of texts. Most of them take any value and work on its text.
// Words in `title` begin after white space, hyphens and brackets, unlike those
// of str.title(). The message for an unsupported filter says what to do
// instead.
//
//===----------------------------------------------------------------------===//

#include "../Unicode.h"
#include "Access.h"
#include "Filters.h"
#include "Lexer.h"
#include "Methods.h"
#include "Operators.h"
#include "PythonFormat.h"
#include "PythonText.h"

namespace lora_rt::jinja {

namespace {

Value keep(Runtime &runtime, const Value &like, std::string text) {
  return runtime.text(std::move(text), like.asText().isMarkup);
}

template <std::string (*change)(std::string_view)>
Value changeCase(FilterCall &call) {
  Value text = softText(call.runtime, call.value);
  if (text.isFailure() || !call.runtime.step(text.string().size() / 8))
    return Value::failure();
  return keep(call.runtime, text, change(text.string()));
}

/// Unlike str.title(), a word begins after white space and some brackets.
std::string titleWords(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    auto isBreak = [&](size_t i) {
      char32_t c = text::nextCharacter(text, i);
      return isPythonSpace(c) || c == '-' || c == '(' || c == '{' || c == '[' ||
             c == '<';
    };
    bool isSpace = isBreak(at);
    size_t end = at, second = at;
    text::nextCharacter(text, second);
    while (end < text.size() && isBreak(end) == isSpace)
      text::nextCharacter(text, end);
    out += toUpper(text.substr(at, second - at));
    out += toLower(text.substr(second, end - second));
    at = end;
  }
  return out;
}

Value trim(FilterCall &call) {
  Value text = softText(call.runtime, call.value);
  if (text.isFailure())
    return text;
  bool isSet = call.bound.isSet(0);
  std::string_view characters = isSet ? call.bound.text(0) : std::string_view();
  if (!call.runtime.step(text.string().size() * (1 + characters.size()) / 16))
    return Value::failure();
  return keep(
      call.runtime, text,
      std::string(strip(text.string(), 3, isSet ? &characters : nullptr)));
}

Value string(FilterCall &call) { return softText(call.runtime, call.value); }

Value replace(FilterCall &call) {
  Runtime &runtime = call.runtime;
  Value text = runtime.toText(call.value), from = runtime.toText(call.bound[0]),
        to = runtime.toText(call.bound[1]);
  if (runtime.failed())
    return Value::failure();
  int64_t limit = call.bound.isSet(2) ? call.bound.whole(2, -1) : -1;
  std::string out;
  if (!call.bound || !replaceAll(runtime, text.string(), from.string(),
                                 to.string(), limit, out))
    return Value::failure();
  return runtime.text(std::move(out));
}

Value center(FilterCall &call) {
  Value text = softText(call.runtime, call.value);
  int64_t width = call.bound.whole(0, 80);
  return text.isFailure() || !call.bound
             ? Value::failure()
             : centerText(call.runtime, text, width);
}

Value format(FilterCall &call) {
  Value text = softText(call.runtime, call.value);
  Arguments &arguments = call.arguments;
  if (text.isFailure())
    return text;
  if (arguments.named.empty())
    return formatPercent(call.runtime, text,
                         Value::tuple(arguments.positional));
  if (!arguments.positional.empty())
    return call.runtime.fail(
        "format() takes arguments with names or without, but not both");
  Ref<Dict> values(new Dict);
  for (const auto &[name, value] : arguments.named)
    values->set(name, value);
  return formatPercent(call.runtime, text, Value::of(Kind::Dict, values.get()));
}

Value indent(FilterCall &call) {
  Runtime &runtime = call.runtime;
  Bound &bound = call.bound;
  if (!call.value.isString())
    return call.value.isUndefined()
               ? runtime.failUndefined(call.value)
               : runtime.fail("indent() wants a str, but found a ",
                              typeName(call.value));
  std::string indention(4, ' ');
  if (bound.has(0) && bound[0].isString()) {
    indention = bound[0].string();
  } else if (bound.has(0)) {
    int64_t width = bound.whole(0, 4);
    if (!bound || width > int64_t(runtime.options.maxMemory) ||
        !runtime.hasRoom(size_t(std::max<int64_t>(width, 0))))
      return runtime.hasRoom(SIZE_MAX), Value::failure();
    indention.assign(size_t(std::max<int64_t>(width, 0)), ' ');
  }
  bool isFirst = bound.flag(1, false), isBlank = bound.flag(2, false);
  std::string text = call.value.string() + "\n", out;
  std::vector<std::string_view> lines = splitLines(text, false);
  for (size_t i = 0; i < lines.size(); ++i) {
    if (!runtime.step() ||
        !runtime.canGrow(out, 1 + indention.size() + lines[i].size()))
      return Value::failure();
    if (i)
      out += '\n';
    if (i == 0 ? isFirst : isBlank || !lines[i].empty())
      out += indention;
    out += lines[i];
  }
  return keep(runtime, call.value, std::move(out));
}

Value truncate(FilterCall &call) {
  Runtime &runtime = call.runtime;
  Bound &bound = call.bound;
  int64_t length = bound.whole(0, 255);
  bool killsWords = bound.flag(1, false);
  std::string end(bound.text(2, "..."));
  int64_t leeway = bound.isSet(3) ? bound.whole(3, 5) : 5;
  if (!bound)
    return Value::failure();
  Value mark = Value::text(end);
  auto endLength = int64_t(mark.asText().length);
  if (length < endLength || leeway < 0)
    return runtime.fail("truncate() wants a length of ", endLength,
                        " or more, and a leeway of 0 or more");
  int64_t count = runtime.length(call.value);
  if (count < 0)
    return Value::failure();
  if (count - leeway <= length)
    return call.value;
  if (!call.value.isString())
    return runtime.fail("truncate() wants a str, but found a ",
                        typeName(call.value));
  const Text &text = call.value.asText();
  std::string_view part = charactersOf(
      text, 0, size_t(std::min(length - endLength, int64_t(text.length))));
  if (!killsWords)
    if (size_t space = part.rfind(' '); space != std::string_view::npos)
      part = part.substr(0, space);
  return keep(runtime, call.value, std::string(part) + end);
}

Value countWords(FilterCall &call) {
  Value value = softText(call.runtime, call.value);
  if (value.isFailure())
    return value;
  const std::string &text = value.string();
  if (!call.runtime.step(text.size() / 8))
    return Value::failure();
  int64_t count = 0;
  bool isInWord = false;
  for (size_t at = 0; at < text.size();) {
    char32_t c = text::nextCharacter(text, at);
    bool isWord = c == '_' || isAlphabetic(c) || isNumberLike(c);
    count += isWord && !isInWord;
    isInWord = isWord;
  }
  return Value::integer(count);
}

bool quoteUrl(Runtime &runtime, std::string_view text, bool isQuery,
              std::string &out) {
  if (!runtime.canGrow(out, 2 * 3 * text.size()) ||
      !runtime.step(text.size() / 16))
    return false;
  static constexpr char digits[] = "0123456789ABCDEF";
  for (char c : text) {
    bool isPlain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                   (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-' ||
                   c == '~' || (c == '/' && !isQuery);
    if (isPlain) {
      out += c;
    } else if (c == ' ' && isQuery) {
      out += '+';
    } else {
      out += '%';
      out += digits[static_cast<unsigned char>(c) >> 4];
      out += digits[c & 15];
    }
  }
  return true;
}

Value encodeUrl(FilterCall &call) {
  Runtime &runtime = call.runtime;
  std::string out;
  bool isList = call.value.is(Kind::List) || call.value.is(Kind::Tuple) ||
                call.value.is(Kind::Dict) || call.value.is(Kind::View) ||
                call.value.is(Kind::Iterator) || call.value.is(Kind::Range) ||
                call.value.isUndefined();
  if (!isList) {
    Value text = runtime.toText(call.value);
    if (text.isFailure() || !quoteUrl(runtime, text.string(), false, out))
      return Value::failure();
    return runtime.text(std::move(out));
  }
  std::vector<Value> pairs;
  Value source = call.value;
  if (source.is(Kind::Dict))
    source = Value::of(Kind::View,
                       new View(Ref<Dict>(&source.dict()), View::What::Items));
  if (!runtime.collect(source, pairs))
    return Value::failure();
  for (const Value &pair : pairs) {
    std::vector<Value> parts;
    if (!runtime.collect(pair, parts))
      return Value::failure();
    if (parts.size() != 2)
      return runtime.fail("urlencode() wants pairs of a name and a value");
    if (!out.empty())
      out += '&';
    for (size_t i = 0; i < 2; ++i) {
      Value text = runtime.toText(parts[i]);
      if (i)
        out += '=';
      if (text.isFailure() || !quoteUrl(runtime, text.string(), true, out))
        return Value::failure();
    }
  }
  return runtime.text(std::move(out));
}

} // namespace

std::span<const FilterRule> textFilters() {
  static constexpr FilterRule rules[] = {
      {"upper", "", changeCase<toUpper>},
      {"lower", "", changeCase<toLower>},
      {"capitalize", "", changeCase<toCapitalized>},
      {"title", "", changeCase<titleWords>},
      {"trim", "chars?", trim},
      {"string", "", string},
      {"replace", "old new count?", replace},
      {"center", "width?", center},
      {"format", "*", format},
      {"indent", "width? first? blank?", indent},
      {"truncate", "length? killwords? end? leeway?", truncate},
      {"wordcount", "", countWords},
      {"urlencode", "", encodeUrl},
      {"wordwrap", "wrap the lines before", nullptr},
      {"pprint", "use 'tojson' or 'string'", nullptr},
  };
  return rules;
}

} // namespace lora_rt::jinja
