//===- MarkupFilters.cpp - Filters for HTML -------------------------------===//
//
// Chat templates need these rarely: what is escaped is escaped for HTML.
//
//===----------------------------------------------------------------------===//

#include "../Unicode.h"
#include "Filters.h"
#include "Methods.h"
#include "Operators.h"

#include <charconv>

namespace lora_rt::jinja {

namespace {

Value escape(FilterCall &call) {
  std::string out;
  return escapeValue(call.runtime, call.value, out)
             ? call.runtime.text(std::move(out), true)
             : Value::failure();
}

Value forceEscape(FilterCall &call) {
  std::string text, out;
  return call.runtime.print(call.value, text) &&
                 escapeHtml(call.runtime, text, out)
             ? call.runtime.text(std::move(out), true)
             : Value::failure();
}

Value safe(FilterCall &call) {
  std::string text;
  return call.runtime.print(call.value, text)
             ? call.runtime.text(std::move(text), true)
             : Value::failure();
}

Value xmlAttributes(FilterCall &call) {
  Runtime &runtime = call.runtime;
  bool hasSpace = call.bound.flag(0, true);
  if (!call.value.is(Kind::Dict))
    return call.value.isUndefined()
               ? runtime.failUndefined(call.value)
               : runtime.fail("xmlattr() wants a dict, but found a ",
                              typeName(call.value));
  std::string out;
  for (const auto &[key, value] : call.value.dict().entries) {
    if (value.isNone() || value.isUndefined())
      continue;
    if (!key.isString() ||
        key.string().find_first_of(" \t\n\r\f\v/>=") != std::string::npos)
      return runtime.fail("xmlattr() found a key that is no name");
    out += out.empty() && !hasSpace ? "" : " ";
    if (!escapeHtml(runtime, key.string(), out))
      return Value::failure();
    out += "=\"";
    if (!escapeValue(runtime, value, out))
      return Value::failure();
    out += '"';
  }
  return runtime.text(std::move(out));
}

/// Removes what is between two marks, wherever they are.
std::string removeBetween(std::string_view text, std::string_view begin,
                          std::string_view end) {
  std::string out;
  while (true) {
    size_t first = text.find(begin);
    size_t last =
        first == std::string_view::npos ? first : text.find(end, first);
    if (last == std::string_view::npos)
      return out += text;
    out += text.substr(0, first);
    text.remove_prefix(last + end.size());
  }
}

bool unescapeHtml(Runtime &runtime, std::string_view text, std::string &out) {
  static constexpr std::pair<std::string_view, std::string_view> names[] = {
      {"amp", "&"},   {"lt", "<"},   {"gt", ">"},
      {"quot", "\""}, {"apos", "'"}, {"nbsp", "\u00a0"}};
  for (size_t at = 0; at < text.size();) {
    if (text[at] != '&') {
      out += text[at++];
      continue;
    }
    // Longer names do not exist.
    size_t end = text.substr(at, 34).find(';');
    std::string_view name =
        end == std::string_view::npos ? "" : text.substr(at + 1, end - 1);
    bool isName = !name.empty() && name.size() < 32 &&
                  name.find_first_of(" &<>\n") == std::string_view::npos;
    if (!isName) {
      out += text[at++];
      continue;
    }
    at += end + 1;
    if (name[0] == '#') {
      bool isHex = name.size() > 1 && (name[1] | 0x20) == 'x';
      std::string_view digits = name.substr(isHex ? 2 : 1);
      uint32_t number = 0;
      auto [last, code] =
          std::from_chars(digits.data(), digits.data() + digits.size(), number,
                          isHex ? 16 : 10);
      if (code == std::errc() && last == digits.data() + digits.size() &&
          number >= 0x20 && number < 0x110000 &&
          !(number >= 0xd800 && number < 0xe000) &&
          !(number >= 0x7f && number < 0xa0)) {
        text::appendCharacter(out, number);
        continue;
      }
      (void)runtime.fail("striptags() found a character '&", name,
                         ";' that is not supported");
      return false;
    }
    bool isKnown = false;
    for (auto &[known, meaning] : names)
      if (known == name) {
        out += meaning;
        isKnown = true;
      }
    if (!isKnown) {
      (void)runtime.fail("striptags() found a character '&", name,
                         ";' that is not supported");
      return false;
    }
  }
  return true;
}

Value stripTags(FilterCall &call) {
  std::string text;
  if (!call.runtime.print(call.value, text))
    return Value::failure();
  text = removeBetween(removeBetween(text, "<!--", "-->"), "<", ">");
  std::string plain, out;
  for (std::string_view word : splitSpace(text, -1))
    plain += (plain.empty() ? "" : " ") + std::string(word);
  return unescapeHtml(call.runtime, plain, out)
             ? call.runtime.text(std::move(out))
             : Value::failure();
}

} // namespace

std::span<const FilterRule> markupFilters() {
  static constexpr FilterRule rules[] = {
      {"escape", "/", escape},
      {"e", "/", escape},
      {"forceescape", "", forceEscape},
      {"safe", "", safe},
      {"striptags", "", stripTags},
      {"xmlattr", "autospace?", xmlAttributes},
      {"urlize", "a prompt has no links", nullptr},
  };
  return rules;
}

} // namespace lora_rt::jinja
