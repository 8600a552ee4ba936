//===- CodeKey.h - What native code is made from ----------------*- C++ -*-===//
//
// The key of code in a cache. Two lowered modules with the same key have the
// same code, byte for byte.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_COMPILER_CODEKEY_H
#define LORA_MLIR_LIB_COMPILER_CODEKEY_H

#include "lora-mlir/Compiler/Pipelines.h"
#include "lora-mlir/Target/NativeCode.h"
#include "mlir/IR/BuiltinOps.h"

namespace lora {

/// Removes what does not affect the code from a lowered module and from its
/// contract: the sources of weights, and facts of the model that are in the
/// manifest.
void removeWhatCodeLacks(mlir::ModuleOp module);

/// The key of a module's code in a cache, 64 hexadecimal digits: a hash of the
/// module, the target, the options of the pipeline, and the compiler with its
/// libraries. It does not include the files and lines of locations. Empty if
/// the compiler cannot be identified.
std::string codeKey(mlir::ModuleOp module, const NativeTarget &target,
                    LLVMPipelineOptions &options);

} // namespace lora

#endif // LORA_MLIR_LIB_COMPILER_CODEKEY_H
