//===- GraphLayers.h - The layers of a graph --------------------*- C++ -*-===//
//
// A layer is found by the slot of its weight: the slot X.weight of a block that
// is applied at PATH is the layer PATH.X. Which layers are the token embedding
// and the head is stated by the importer in #transformer.model.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_IMPORT_ATTACH_GRAPHLAYERS_H
#define LORA_MLIR_LIB_IMPORT_ATTACH_GRAPHLAYERS_H

#include "lora-mlir/Dialect/LoRA/IR/LoRAOps.h"
#include "lora-mlir/Import/PeftAdapter.h"

namespace lora {

/// A layer of the model in the graph.
struct GraphLayer {
  peft::LayerInfo info;
  /// Its path for targeting rules; empty if the rules do not apply to it.
  std::string seen;
  /// The path at which its block is applied.
  std::string path;
  /// Its name in the block; empty if the block is the layer.
  std::string local;
  /// [out, in] of a linear layer; width and vocabulary of an embedding.
  int64_t out = 0, in = 0;
  /// Whether `lora-fuse` has already split it.
  bool fused = false;
  /// Whether it is the embedding of tokens, not that of positions or token
  /// types.
  bool isTokenEmbedding = false;
};

/// The layers of a model in the order of their application, each once. If one
/// weight is both the embedding's table and the head's matrix, both are listed,
/// with `info.tied`. Fails if the model does not say what it calls such a head.
mlir::FailureOr<std::vector<GraphLayer>> collectLayers(mlir::ModuleOp module);

/// The embedding and the head that share one weight; null if there are none.
std::pair<const GraphLayer *, const GraphLayer *>
findTied(llvm::ArrayRef<GraphLayer> layers);

/// Binds a head that is tied to the embedding to its own path, so that each can
/// have its own value. Base values do not change. The model is then `parted`,
/// and no longer `tied`.
void untie(mlir::ModuleOp module, llvm::MutableArrayRef<GraphLayer> layers);

} // namespace lora

#endif // LORA_MLIR_LIB_IMPORT_ATTACH_GRAPHLAYERS_H
