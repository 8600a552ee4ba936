//===- CheckpointNames.h - Parameters by their tensors' names ---*- C++ -*-===//
//
// One parameter may have different names in checkpoints: with or without the
// prefix of the model, with old names of norms, and under the name of a tied
// parameter. These functions know the rules of transformers.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_IMPORT_CHECKPOINTNAMES_H
#define LORA_MLIR_LIB_IMPORT_CHECKPOINTNAMES_H

#include "lora-mlir/Import/Import.h"

namespace lora {

/// All tensors that may be the parameter; the first one is used.
std::vector<const lora_rt::TensorView *>
findTensors(const lora_rt::Checkpoint &checkpoint, std::string_view name);

/// For the bias of a head for masked words, its second name, which has
/// precedence ("lm_head.decoder.bias" for "lm_head.bias"); otherwise empty.
std::string decoderBiasOf(std::string_view name);

/// resolveTensor without the rule for tied weights.
const lora_rt::TensorView *findTensor(const lora_rt::Checkpoint &checkpoint,
                                      std::string_view name);

/// The parameters that may share a weight with this one, by names in the tree
/// of modules: for an embedding the heads, for a head the embeddings.
std::vector<std::string_view> tiedNames(std::string_view name);

/// Whether the matrix of a head may be tied to an embedding, both given by
/// their names in the tree of modules.
bool canBeTied(std::string_view head, std::string_view embedding);

} // namespace lora

#endif // LORA_MLIR_LIB_IMPORT_CHECKPOINTNAMES_H
