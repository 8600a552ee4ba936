//===- Pattern.cpp - What is looked for in a text -------------------------===//

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

Error Pattern::findAll(std::string_view text,
                       std::vector<Range> &matches) const {
  if (regex)
    return regex->findAll(text, matches);
  for (size_t at = 0; (at = text.find(string, at)) != std::string_view::npos;
       at += string.size())
    matches.push_back({uint32_t(at), uint32_t(at + string.size())});
  return Error::success();
}

} // namespace lora_rt::text
