//===- PostProcessor.h - Tokens around a text, and of pairs -----*- C++ -*-===//
//
// A component of `post_processor` in tokenizer.json, as the tokenizers library
// computes it: joins one or two encoded texts, and adds special tokens.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TEXT_POSTPROCESSOR_H
#define LORA_RUNTIME_TEXT_POSTPROCESSOR_H

#include "Fields.h"
#include "Vocabulary.h"
#include "lora-runtime/Tokenizer.h"

namespace lora_rt::text {

/// One or two texts as ids, before they are joined. Ids that an earlier
/// post-processor added belong to the adjacent text.
struct Encodings {
  std::vector<TextEncoding> texts;
  bool hasOffsets = false;
  /// White space around a token's own text, for each id of each text, if
  /// offsets and a trimming processor are asked for: characters in front,
  /// characters behind.
  struct Spaces {
    uint32_t front = 0, behind = 0;
  };
  std::vector<std::vector<Spaces>> spaces;
  /// The texts themselves, since offsets are trimmed by characters.
  std::vector<std::string_view> sources;
};

class PostProcessor {
public:
  virtual ~PostProcessor() = default;
  virtual Error process(Encodings &encodings, bool addsSpecial) const = 0;
  virtual bool needsSpaces() const { return false; }
};

/// The component of a tokenizer.json.
Expected<std::unique_ptr<PostProcessor>>
makePostProcessor(const Json &json, const std::string &where);

} // namespace lora_rt::text

#endif // LORA_RUNTIME_TEXT_POSTPROCESSOR_H
