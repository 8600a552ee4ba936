//===- Normalizer.h - Changing a text before it is cut ----------*- C++ -*-===//
//
// A component of `normalizer` in tokenizer.json, as the tokenizers library
// computes it. It changes the text and keeps where each part is from.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TEXT_NORMALIZER_H
#define LORA_RUNTIME_TEXT_NORMALIZER_H

#include "Fields.h"
#include "NormalizedText.h"

#include <memory>

namespace lora_rt::text {

class Normalizer {
public:
  virtual ~Normalizer() = default;
  virtual Error normalize(NormalizedText &text) const = 0;
};

/// The component of a tokenizer.json.
Expected<std::unique_ptr<Normalizer>> makeNormalizer(const Json &json,
                                                     const std::string &where);

/// The component Lowercase.
void lowerCaseAll(NormalizedText &text);

/// Normalisation forms of Unicode.
enum class Form { NFC, NFD, NFKC, NFKD };
void normalizeForm(NormalizedText &text, Form form);

/// The map of sentencepiece, "precompiled_charsmap", as its bytes.
Expected<std::unique_ptr<Normalizer>> makePrecompiled(std::string charsmap,
                                                      const std::string &where);

std::optional<std::string> fromBase64(std::string_view text);
std::string toBase64(std::string_view bytes);

/// The error of a normalizer whose result is too long.
Error tooLong(const NormalizedText &text, const std::string &where);

} // namespace lora_rt::text

#endif // LORA_RUNTIME_TEXT_NORMALIZER_H
