//===- ModelHead.h - What a model ends with ---------------------*- C++ -*-===//
//
// The heads that the compiler and the runtime know.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_MODELHEAD_H
#define LORA_RUNTIME_MODELHEAD_H

#include <array>
#include <cstddef>

namespace lora_rt {

/// What `logits` computes from rows of hidden states.
enum class ModelHead {
  /// Nothing: the model returns the last hidden states.
  None,
  /// A logit for each token of the vocabulary, for each token of the text.
  LanguageModel,
  /// A logit for each label, for each sequence.
  SequenceClassification,
  /// A logit for each label, for each token.
  TokenClassification,
};

/// The names in the manifest and in `transformer.model`, in the order of the
/// enumeration.
inline constexpr std::array<const char *, 4> headNames = {
    "none", "language_model", "sequence_classification",
    "token_classification"};

inline const char *headName(ModelHead head) { return headNames[size_t(head)]; }

} // namespace lora_rt

#endif // LORA_RUNTIME_MODELHEAD_H
