//===- ModelFacts.h - What is known of a model ------------------*- C++ -*-===//
//
// The content of `#transformer.model`.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_DIALECT_TRANSFORMER_IR_MODELFACTS_H
#define LORA_MLIR_DIALECT_TRANSFORMER_IR_MODELFACTS_H

#include "lora-runtime/Manifest.h"

namespace lora::transformer {

/// What the manifest says of the model, except `dtype`, which follows from the
/// types of the entries, and what passes have to know.
struct ModelFacts : lora_rt::Manifest::Model {
  int64_t layers = 0;
  /// The head's weight is the embedding's in the checkpoint.
  bool isTied = false;
  /// An adapter has given a tied head a weight of its own.
  bool isParted = false;

  template <typename Self, typename Visitor>
  static void visitFields(Self &self, Visitor &visit) {
    lora_rt::Manifest::Model::visitFields(self, visit);
    visit("layers", lora_rt::index(self.layers));
    visit("tied", lora_rt::flag(self.isTied));
    visit("parted", lora_rt::flag(self.isParted));
  }
};

} // namespace lora::transformer

#endif // LORA_MLIR_DIALECT_TRANSFORMER_IR_MODELFACTS_H
