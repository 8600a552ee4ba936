//===- PreTokenizer.h - Cutting a text into words ---------------*- C++ -*-===//

#ifndef LORA_RUNTIME_TEXT_PRETOKENIZER_H
#define LORA_RUNTIME_TEXT_PRETOKENIZER_H

#include "Fields.h"
#include "NormalizedText.h"

#include <memory>

namespace lora_rt::text {

/// A text and the words in it, none of which is empty.
struct Words {
  NormalizedText text;
  std::vector<Range> ranges;
  /// Whether a pre-tokenizer has cut it: a word is then from where its first
  /// character is from, else from where the text is from.
  bool isCut = false;
};

class PreTokenizer {
public:
  virtual ~PreTokenizer() = default;
  virtual Error split(Words &words) const = 0;
  /// Whether what it does depends on where a word is from: the first word of a
  /// text, of words that parts before it made. `isInner` says that there are.
  virtual bool needsOrigins(bool isInner) const { return false; }
};

/// The component of a tokenizer.json. With `keepsBytes`, a byte-level part that
/// comes last leaves the bytes as they are: the model knows them.
Expected<std::unique_ptr<PreTokenizer>>
makePreTokenizer(const Json &json, bool keepsBytes, const std::string &where);

/// Whether a component ends with a byte-level part.
bool endsInByteLevel(const Json &preTokenizer);

/// What happens to the matches of a pattern.
enum class Behavior {
  Removed,
  Isolated,
  MergedWithPrevious,
  MergedWithNext,
  Contiguous
};

/// Cuts a word of `words` at matches, which are ranges in it, and appends the
/// parts. Inverted, what does not match counts as a match.
void splitAt(Range word, const std::vector<Range> &matches, Behavior behavior,
             bool isInverted, std::vector<Range> &out);

/// The part of it that cuts where the script changes.
std::unique_ptr<PreTokenizer> makeUnicodeScripts();

} // namespace lora_rt::text

#endif // LORA_RUNTIME_TEXT_PRETOKENIZER_H
