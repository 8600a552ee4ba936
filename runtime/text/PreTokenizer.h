//===- PreTokenizer.h - Cutting a text into words ---------------*- C++ -*-===//
//
// A component of `pre_tokenizer` in tokenizer.json, as the tokenizers library
// computes it. It splits a text into the words that the model gets.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TEXT_PRETOKENIZER_H
#define LORA_RUNTIME_TEXT_PRETOKENIZER_H

#include "Fields.h"
#include "NormalizedText.h"

#include <memory>

namespace lora_rt::text {

/// A text and its words, none of which is empty.
struct Words {
  NormalizedText text;
  std::vector<Range> ranges;
};

class PreTokenizer {
public:
  virtual ~PreTokenizer() = default;
  virtual Error split(Words &words) const = 0;
  /// Whether its result depends on the origin of a word, as for the first word
  /// of a text. `isChanged` says that a normalizer or an earlier part has
  /// changed or made the words.
  virtual bool needsOrigins(bool isChanged) const { return false; }
};

/// The component of a tokenizer.json. With `keepsBytes`, a byte-level part at
/// the end does not convert bytes, because the model reads them directly.
Expected<std::unique_ptr<PreTokenizer>>
makePreTokenizer(const Json &json, bool keepsBytes, const std::string &where);

/// Whether a component ends with a byte-level part.
bool endsInByteLevel(const Json &preTokenizer);

/// How the matches of a pattern are treated.
enum class Behavior {
  Removed,
  Isolated,
  MergedWithPrevious,
  MergedWithNext,
  Contiguous
};

/// Splits a word of `words` at matches, which are ranges in it, and appends the
/// parts. If inverted, the text between matches is treated as the matches.
void splitAt(Range word, const std::vector<Range> &matches, Behavior behavior,
             bool isInverted, std::vector<Range> &out);

/// The pre-tokenizer that splits where the script changes.
std::unique_ptr<PreTokenizer> makeUnicodeScripts();

} // namespace lora_rt::text

#endif // LORA_RUNTIME_TEXT_PRETOKENIZER_H
