//===- ModelFacts.h - The facts about a model -------------------*- C++ -*-===//
//
// The content of `#transformer.model`. The importer sets it, because only it
// knows the configuration and the names of the checkpoint. Passes read it.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_DIALECT_TRANSFORMER_IR_MODELFACTS_H
#define LORA_MLIR_DIALECT_TRANSFORMER_IR_MODELFACTS_H

#include "lora-runtime/Manifest.h"

namespace lora::transformer {

/// The manifest's facts about the model, and more that passes need. `dtype` is
/// not set here: it follows from the types of the entries.
struct ModelFacts : lora_rt::Manifest::Model {
  /// The number of decoder layers or encoder layers.
  int64_t layers = 0;
  /// The path of the layer whose table has a row for each token; empty if it is
  /// not known.
  std::string embeddingLayer;
  /// The path of the linear layer that computes a logit for each token; empty
  /// without such a layer. The block of a tied head is applied at the path of
  /// the embedding, and this is the path that it would have otherwise.
  std::string outputLayer;
  /// Whether the weight of the head is that of the embedding in the checkpoint.
  bool isTied = false;
  /// Whether an adapter has given a tied head a weight of its own.
  bool isParted = false;

  /// Fails if fields contradict each other; `what` begins the message.
  lora_rt::Error verify(const std::string &what) const;

  template <typename Self, typename Visitor>
  static void visitFields(Self &self, Visitor &visit) {
    lora_rt::Manifest::Model::visitFields(self, visit);
    visit("layers", lora_rt::index(self.layers));
    visit("embedding_layer", self.embeddingLayer);
    visit("output_layer", self.outputLayer);
    visit("tied", lora_rt::flag(self.isTied));
    visit("parted", lora_rt::flag(self.isParted));
  }
};

} // namespace lora::transformer

#endif // LORA_MLIR_DIALECT_TRANSFORMER_IR_MODELFACTS_H
