//===- CheckpointNames.h - Parameters by their tensors' names ---*- C++ -*-===//

#ifndef LORA_MLIR_LIB_IMPORT_CHECKPOINTNAMES_H
#define LORA_MLIR_LIB_IMPORT_CHECKPOINTNAMES_H

#include "lora-mlir/Import/Import.h"

namespace lora {

/// resolveTensor without the rule of tied weights.
const lora_rt::TensorView *findTensor(const lora_rt::Checkpoint &checkpoint,
                                      std::string_view name);

/// Whether the matrix of a head may be that embedding, both by their names in
/// the module tree.
bool canBeTied(std::string_view head, std::string_view embedding);

} // namespace lora

#endif // LORA_MLIR_LIB_IMPORT_CHECKPOINTNAMES_H
