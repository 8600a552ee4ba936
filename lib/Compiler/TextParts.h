//===- TextParts.h - The text of a model's folder ---------------*- C++ -*-===//
//
// Reads what the folders of a model and its adapters say about text, for the
// parts `tokenizer` and `text` of a compiled file. Everything is checked before
// the first weight is written.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_COMPILER_TEXTPARTS_H
#define LORA_MLIR_LIB_COMPILER_TEXTPARTS_H

#include "lora-mlir/Compiler/ModelCompiler.h"
#include "lora-mlir/Dialect/Transformer/IR/ModelFacts.h"
#include "lora-runtime/TextPart.h"

namespace lora {

/// A tokenizer's tables and the settings beside it.
struct ModelText {
  std::string tokenizer;
  lora_rt::TextSettings settings;
};

/// Reads the folder of the model. If the folders of adapters have a tokenizer
/// or chat templates of their own, the last of these is used. nullopt if no
/// folder has a tokenizer.
lora_rt::Expected<std::optional<ModelText>>
readModelText(const ModelOptions &options,
              const transformer::ModelFacts &facts);

} // namespace lora

#endif // LORA_MLIR_LIB_COMPILER_TEXTPARTS_H
