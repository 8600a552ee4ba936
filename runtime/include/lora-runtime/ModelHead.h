//===- ModelHead.h - What a model ends with ---------------------*- C++ -*-===//

#ifndef LORA_RUNTIME_MODELHEAD_H
#define LORA_RUNTIME_MODELHEAD_H

#include <array>
#include <cstddef>

namespace lora_rt {

/// What `logits` computes from rows of hidden states.
enum class ModelHead {
  /// Nothing: the model gives the last hidden states.
  None,
  /// A value per word of the vocabulary, for each token.
  LanguageModel,
  /// A value per label, for each sequence.
  SequenceClassification,
  /// A value per label, for each token.
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
