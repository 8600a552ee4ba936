//===- VerifyLowered.h - What the last conversion takes ---------*- C++ -*-===//
//
// A check with a clear message before -convert-rt-to-llvm, which would
// otherwise fail with a message about a legalization.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_CONVERSION_RTTOLLVM_VERIFYLOWERED_H
#define LORA_MLIR_LIB_CONVERSION_RTTOLLVM_VERIFYLOWERED_H

#include "mlir/IR/BuiltinOps.h"

namespace lora {

/// Fails at the first operation or function that -convert-rt-to-llvm does not
/// take, and names the passes that lower it.
mlir::LogicalResult verifyLowered(mlir::ModuleOp module);

} // namespace lora

#endif // LORA_MLIR_LIB_CONVERSION_RTTOLLVM_VERIFYLOWERED_H
