//===- SourceParts.h - What a compiled file was made of ---------*- C++ -*-===//
//
// The runtime needs none of it. With it an adapter can be taken out of a
// compiled file, put in, or exchanged, without the folders of the model.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_COMPILER_SOURCEPARTS_H
#define LORA_MLIR_LIB_COMPILER_SOURCEPARTS_H

#include "lora-mlir/Compiler/ModelCompiler.h"
#include "lora-runtime/Payload.h"

namespace lora {

/// Stores the graph before adapters were attached, and which ones were.
lora_rt::Error addSourceParts(lora_rt::PayloadWriter &writer,
                              const std::string &graph,
                              const ModelOptions &options);

} // namespace lora

#endif // LORA_MLIR_LIB_COMPILER_SOURCEPARTS_H
