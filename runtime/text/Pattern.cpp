//===- Pattern.cpp - What is looked for in a text -------------------------===//
//
// Implements Pattern.h: a literal text is searched directly, an expression by
// the regular expressions of Regex.h.
//
//===----------------------------------------------------------------------===//

#include "Pattern.h"

namespace lora_rt::text {

Expected<Pattern> Pattern::literal(std::string text, const std::string &where) {
  Pattern pattern;
  pattern.string = std::move(text);
  if (!pattern.string.empty())
    return pattern;
  // Nothing, between any two characters.
  Expected<Regex> regex = Regex::compile("", where);
  if (!regex)
    return regex.takeError();
  pattern.regex = std::make_shared<Regex>(std::move(*regex));
  return pattern;
}

Expected<Pattern> Pattern::read(const Json *value, const std::string &where) {
  if (value && value->is_object() && value->size() == 1 &&
      value->begin()->is_string()) {
    std::string text = value->begin()->get<std::string>();
    if (value->begin().key() == "String")
      return literal(std::move(text), where);
    if (value->begin().key() == "Regex") {
      Expected<Regex> regex = Regex::compile(text, where);
      if (!regex)
        return regex.takeError();
      Pattern pattern;
      pattern.regex = std::make_shared<Regex>(std::move(*regex));
      return pattern;
    }
  }
  return makeError(ErrorCode::InvalidFile, where,
                   ": expected {\"String\": TEXT} or {\"Regex\": TEXT} for "
                   "'pattern'");
}

Expected<Replacement> Replacement::read(Component &component) {
  Expected<Pattern> pattern =
      Pattern::read(component.find("pattern"), component.place());
  if (!pattern)
    return pattern.takeError();
  std::string content = component.text("content");
  if (component)
    return component.take();
  return Replacement{std::move(*pattern), std::move(content)};
}

Error Pattern::findAll(std::string_view text,
                       std::vector<Range> &matches) const {
  // As in the library, not even an expression that matches nothing is found in
  // an empty text.
  if (text.empty())
    return Error::success();
  if (regex)
    return regex->findAll(text, matches);
  for (size_t at = 0; (at = text.find(string, at)) != std::string_view::npos;
       at += string.size())
    matches.push_back({uint32_t(at), uint32_t(at + string.size())});
  return Error::success();
}

} // namespace lora_rt::text
