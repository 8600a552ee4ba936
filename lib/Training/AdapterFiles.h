//===- AdapterFiles.h - Trained values as files -----------------*- C++ -*-===//
//
// Writes what a training program has in memory: the adapter as a PEFT folder,
// and the gradients as a safetensors file.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_TRAINING_ADAPTERFILES_H
#define LORA_MLIR_LIB_TRAINING_ADAPTERFILES_H

#include "lora-runtime/Error.h"

namespace lora {

class TrainingProgram;

/// Writes the present state of the adapter to a PEFT folder. Fails if a number
/// is NaN or infinite.
lora_rt::Error writeAdapter(const std::string &folder,
                            TrainingProgram &program);

/// Writes the gradients of the last step, named as the tensors of the adapter.
lora_rt::Error writeGradients(const std::string &path,
                              TrainingProgram &program);

} // namespace lora

#endif // LORA_MLIR_LIB_TRAINING_ADAPTERFILES_H
