//===- Pattern.h - What is looked for in a text -----------------*- C++ -*-===//
//
// What normalizers, pre-tokenizers and decoders search for in a text: the field
// `pattern` of their components in tokenizer.json.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TEXT_PATTERN_H
#define LORA_RUNTIME_TEXT_PATTERN_H

#include "Fields.h"
#include "Regex.h"

namespace lora_rt::text {

/// {"String": TEXT} or {"Regex": EXPRESSION}.
class Pattern {
public:
  static Expected<Pattern> read(const Json *value, const std::string &where);
  static Expected<Pattern> literal(std::string text, const std::string &where);

  /// Appends the matches from left to right; they do not overlap.
  Error findAll(std::string_view text, std::vector<Range> &matches) const;

  const std::string *text() const { return regex ? nullptr : &string; }

private:
  std::string string;
  std::shared_ptr<Regex> regex;
};

/// The fields of Replace, which is a normalizer and a decoder.
struct Replacement {
  Pattern pattern;
  std::string content;
  static Expected<Replacement> read(Component &component);
};

} // namespace lora_rt::text

#endif // LORA_RUNTIME_TEXT_PATTERN_H
