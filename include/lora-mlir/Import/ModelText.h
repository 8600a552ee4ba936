//===- ModelText.h - The text of a model and its adapters -------*- C++ -*-===//
//
// What the folders of a model and its adapters say about text, for the parts
// `tokenizer` and `text` of a compiled file. Everything is checked when it is
// read, so that nothing fails when the program runs.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_IMPORT_MODELTEXT_H
#define LORA_MLIR_IMPORT_MODELTEXT_H

#include "lora-runtime/Manifest.h"
#include "lora-runtime/TextPart.h"

#include <functional>

namespace lora {

/// A tokenizer's tables and the settings beside it.
struct ModelText {
  /// The result of Tokenizer::store; empty if there is no tokenizer.
  std::string tokenizer;
  lora_rt::TextSettings settings;

  using Note = std::function<void(const std::string &)>;

  /// Whether a folder has a tokenizer.
  static bool isPresent(const std::string &folder);

  /// Reads the folder of a model with this vocabulary and this head.
  static lora_rt::Expected<ModelText> read(const std::string &folder,
                                           int64_t vocabSize,
                                           lora_rt::ModelHead head,
                                           const Note &warning);

  /// The text of a compiled file's model, without an adapter's.
  static lora_rt::Expected<ModelText> ofBase(const lora_rt::Payload &payload);

  /// The same with the tokenizer, the chat templates and the pooling of
  /// adapters, if their folders have them. Those of the last one are used.
  lora_rt::Expected<ModelText>
  withAdapters(const std::vector<std::string> &folders, int64_t vocabSize,
               const Note &warning) const;

  /// Writes the parts of a compiled file, if there is a tokenizer. If an
  /// adapter has changed something, those of the base go into the file, too, so
  /// that the adapter can be taken out.
  lora_rt::Error addParts(lora_rt::PayloadWriter &writer,
                          const ModelText &base) const;

private:
  lora_rt::Error readTokenizer(const std::string &folder, int64_t vocabSize,
                               const Note &warning);
  lora_rt::Expected<bool> readTemplates(const std::string &folder);
  lora_rt::Expected<bool> readPooling(const std::string &folder,
                                      const Note &warning);
};

} // namespace lora

#endif // LORA_MLIR_IMPORT_MODELTEXT_H
