//===- CheckpointNames.h - Parameters by their tensors' names ---*- C++ -*-===//

#ifndef LORA_MLIR_LIB_IMPORT_CHECKPOINTNAMES_H
#define LORA_MLIR_LIB_IMPORT_CHECKPOINTNAMES_H

#include "lora-mlir/Import/Import.h"

namespace lora {

/// All tensors that may be a parameter, as they are named; the first one
/// counts.
std::vector<const lora_rt::TensorView *>
findTensors(const lora_rt::Checkpoint &checkpoint, std::string_view name);

/// Of the bias of a head for masked words its second name, which beats it
/// ("lm_head.decoder.bias" of "lm_head.bias"); otherwise empty.
std::string decoderBiasOf(std::string_view name);

/// resolveTensor without the rule of tied weights.
const lora_rt::TensorView *findTensor(const lora_rt::Checkpoint &checkpoint,
                                      std::string_view name);

/// What a parameter may be one with, by its name in the module tree: of an
/// embedding the heads, of a head the embeddings.
std::vector<std::string_view> tiedNames(std::string_view name);

/// Whether the matrix of a head may be that embedding, both by their names in
/// the module tree.
bool canBeTied(std::string_view head, std::string_view embedding);

} // namespace lora

#endif // LORA_MLIR_LIB_IMPORT_CHECKPOINTNAMES_H
