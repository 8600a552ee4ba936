//===- LateCharacters.cpp - Characters that PCRE2 does not know -----------===//
//
// Only punctuation and symbols: patterns treat these apart, and new ones are in
// use soon. Letters of new scripts are rare, and a long class would slow down
// the matching of all others.
//
//===----------------------------------------------------------------------===//

#include "LateCharacters.h"
#include "Regex.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdio>
#include <map>

namespace lora_rt::text {

namespace {

/// Categories, as "So", to the late characters in them, in increasing order.
using Characters = std::map<std::string, std::vector<char32_t>>;

Characters findLate() {
  std::string text;
  for (char32_t c = 0x80; c <= 0x10ffff; ++c) {
    if (c >= 0xd800 && c <= 0xdfff)
      continue;
    const char *category = utf8proc_category_string(utf8proc_int32_t(c));
    if (category[0] == 'P' || category[0] == 'S')
      appendCharacter(text, c);
  }
  Characters late;
  Expected<Regex> unassigned = Regex::compile("\\p{Cn}", "late characters");
  std::vector<Range> matches;
  if (!unassigned || unassigned->findAll(text, matches))
    return late;
  for (Range match : matches) {
    size_t at = match.begin;
    char32_t c = nextCharacter(text, at);
    late[utf8proc_category_string(utf8proc_int32_t(c))].push_back(c);
  }
  return late;
}

/// The late characters of a category or a group of categories, as the inside of
/// a class.
std::string lateOf(std::string_view name) {
  static const Characters late = findLate();
  std::vector<char32_t> all;
  for (const auto &[category, characters] : late)
    if (std::string_view(category).starts_with(name))
      all.insert(all.end(), characters.begin(), characters.end());
  std::sort(all.begin(), all.end());
  auto number = [](char32_t c) {
    char text[16];
    std::snprintf(text, sizeof text, "\\x{%X}", unsigned(c));
    return std::string(text);
  };
  std::string out;
  for (size_t i = 0; i < all.size();) {
    size_t last = i;
    while (last + 1 < all.size() && all[last + 1] == all[last] + 1)
      ++last;
    out += number(all[i]);
    if (last > i)
      out += "-" + number(all[last]);
    i = last + 1;
  }
  return out;
}

} // namespace

std::string withLateCharacters(const std::string &expression) {
  if (expression.size() > maxExpressionBytes)
    return expression;
  std::string out;
  int depth = 0; // of nested classes
  for (size_t at = 0; at < expression.size(); ++at) {
    char c = expression[at];
    if (c != '\\' || at + 1 == expression.size()) {
      depth += c == '[' ? 1 : c == ']' && depth ? -1 : 0;
      out += c;
      continue;
    }
    size_t end = std::string::npos;
    if (expression.compare(at + 1, 2, "p{") == 0 ||
        expression.compare(at + 1, 2, "P{") == 0)
      end = expression.find('}', at);
    std::string name =
        end == std::string::npos ? "" : expression.substr(at + 3, end - at - 3);
    bool isNegated = expression[at + 1] == 'P';
    if (name.starts_with('^')) {
      isNegated = !isNegated;
      name.erase(0, 1);
    }
    bool isAffected = (name.size() == 1 || name.size() == 2) &&
                      (name[0] == 'P' || name[0] == 'S');
    std::string late = isAffected ? lateOf(name) : "";
    if (late.empty()) {
      out += c;
      out += expression[++at];
      continue;
    }
    std::string all = "\\p{" + name + "}" + late;
    out += isNegated ? "[^" + all + "]" : depth ? all : "[" + all + "]";
    at = end;
  }
  return out;
}

void addLateCharacters(Json &component) {
  if (!component.is_structured())
    return;
  for (auto &[key, value] : component.items()) {
    if (key == "Regex" && value.is_string())
      value = withLateCharacters(value.get<std::string>());
    else
      addLateCharacters(value);
  }
}

} // namespace lora_rt::text
