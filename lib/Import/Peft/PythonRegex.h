//===- PythonRegex.h - Python's regular expressions -------------*- C++ -*-===//
//
// PEFT passes users' patterns to Python's `re`. PCRE2 treats nearly all of them
// in the same way; the others are rewritten or refused. Matching is limited,
// because patterns come from files.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_IMPORT_PEFT_PYTHONREGEX_H
#define LORA_MLIR_LIB_IMPORT_PEFT_PYTHONREGEX_H

#include "lora-runtime/Error.h"

#include <memory>
#include <string>
#include <string_view>

namespace lora::peft {

class PythonRegex {
public:
  enum class Mode {
    /// `re.fullmatch`: the whole text.
    Full,
    /// `re.match`: a prefix of the text.
    Prefix,
  };

  /// Compiles `pattern`; `where` names it in messages.
  static lora_rt::Expected<PythonRegex>
  compile(std::string_view pattern, Mode mode, const std::string &where);

  PythonRegex(PythonRegex &&) noexcept;
  PythonRegex &operator=(PythonRegex &&) noexcept;
  ~PythonRegex();

  /// Whether `text` matches. Fails if the decision takes too long.
  lora_rt::Expected<bool> matches(std::string_view text) const;

  /// The same; stores the text of the group "idx" if it took part in the match.
  lora_rt::Expected<bool> matches(std::string_view text,
                                  std::string &index) const;

private:
  struct Impl;
  explicit PythonRegex(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl;
};

} // namespace lora::peft

#endif // LORA_MLIR_LIB_IMPORT_PEFT_PYTHONREGEX_H
