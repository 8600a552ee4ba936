//===- Regex.h - Regular expressions of tokenizer files ---------*- C++ -*-===//
//
// Tokenizer files hold expressions in the syntax of Oniguruma (Ruby's). PCRE2
// matches them here. OnigurumaSyntax.cpp first rewrites constructs that have
// another meaning in PCRE2. Matches that take too long are errors.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TEXT_REGEX_H
#define LORA_RUNTIME_TEXT_REGEX_H

#include "NormalizedText.h"
#include "lora-runtime/Error.h"

#include <memory>

namespace lora_rt::text {

/// Longer expressions are refused.
inline constexpr size_t maxExpressionBytes = 1 << 16;

class Regex {
public:
  /// `where` names the file and the component in messages.
  static Expected<Regex> compile(std::string_view pattern,
                                 const std::string &where);

  /// Appends the matches in `subject`, which do not overlap; an empty match
  /// directly after another match is skipped.
  Error findAll(std::string_view subject, std::vector<Range> &matches) const;

  Regex(Regex &&) noexcept;
  Regex &operator=(Regex &&) noexcept;
  ~Regex();

private:
  struct Impl;
  explicit Regex(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl;
};

/// The pattern for PCRE2 with UTF, UCP and multiple lines, or an error with the
/// reason.
Expected<std::string> fromOnigurumaSyntax(std::string_view pattern,
                                          const std::string &where);

/// Whether PCRE2 knows a property: "L", "sc:Han".
bool isKnownProperty(std::string_view name);

} // namespace lora_rt::text

#endif // LORA_RUNTIME_TEXT_REGEX_H
