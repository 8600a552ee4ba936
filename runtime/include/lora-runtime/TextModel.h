//===- TextModel.h - The text side of a compiled file -----------*- C++ -*-===//
//
// The tokenizer and the settings that a compiled file carries, ready for use:
// texts become ids of the model, ids become texts, and conversations become
// texts by the model's own chat template. No code of the file is run.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TEXTMODEL_H
#define LORA_RUNTIME_TEXTMODEL_H

#include "lora-runtime/TextPart.h"
#include "lora-runtime/Tokenizer.h"

namespace lora_rt {

/// The text side of a compiled file. It is constant: any number of threads may
/// use one.
class TextModel {
public:
  /// Reads the parts `tokenizer` and `text`. `payload` must outlive the result:
  /// the tokenizer's tables are used where they are. A payload that is moved
  /// keeps its bytes. The error for a file without these parts says how to get
  /// them.
  static Expected<TextModel> open(const Payload &payload);
  /// The same if the vocabulary of the model is known: reads no manifest.
  static Expected<TextModel> open(const Payload &payload, int64_t vocabSize);

  /// Whether a file has a text side.
  static bool isPresent(const Payload &payload);

  const Tokenizer &tokenizer() const { return tables; }
  const TextSettings &settings() const { return facts; }

  /// The ids of a text. With `addSpecial`, the tokenizer adds its special
  /// tokens, as for a text that begins a sequence. Fails for a token that is
  /// beyond the vocabulary of the model.
  Expected<std::vector<int32_t>> encode(std::string_view text,
                                        bool addSpecial = true) const;

  /// The text of ids. An id of the model that its tokenizer does not have has
  /// no text; one beyond both is an error.
  Expected<std::string> decode(std::span<const int32_t> ids,
                               bool skipSpecial) const;

  /// What the chat template makes of a conversation, as transformers'
  /// apply_chat_template. `json` is an object with "messages", and optionally
  /// "tools", "documents", "continue_final_message" and other variables of the
  /// template. `addGenerationPrompt` counts if the object does not say it by
  /// "add_generation_prompt". `where` names it in messages.
  Expected<std::string> render(std::string_view json, const std::string &where,
                               bool addGenerationPrompt = false) const;

private:
  TextModel(std::string file, int64_t vocabSize, Tokenizer tokenizer,
            TextSettings settings)
      : file(std::move(file)), vocabSize(vocabSize),
        tables(std::move(tokenizer)), facts(std::move(settings)) {}

  std::string file;
  int64_t vocabSize;
  Tokenizer tables;
  TextSettings facts;
};

} // namespace lora_rt

#endif // LORA_RUNTIME_TEXTMODEL_H
