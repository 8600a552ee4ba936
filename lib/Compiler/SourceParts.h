//===- SourceParts.h - What a compiled file was made of ---------*- C++ -*-===//
//
// The runtime does not need these parts. lora-adapter uses them to take an
// adapter out of a compiled file, put one in, or exchange it, without the
// folders of the model.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_COMPILER_SOURCEPARTS_H
#define LORA_MLIR_LIB_COMPILER_SOURCEPARTS_H

#include "lora-mlir/Compiler/ModelCompiler.h"
#include "lora-runtime/Payload.h"

namespace lora {

/// Stores the graph before adapters were attached, and the description of the
/// adapters.
lora_rt::Error addSourceParts(lora_rt::PayloadWriter &writer,
                              const std::string &graph,
                              const ModelOptions &options);

} // namespace lora

#endif // LORA_MLIR_LIB_COMPILER_SOURCEPARTS_H
