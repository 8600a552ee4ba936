//===- NearNames.h - Suggestions for wrong names ----------------*- C++ -*-===//
//
// For error messages about a function that does not exist.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_DIALECT_TRANSFORMER_IR_NEARNAMES_H
#define LORA_MLIR_DIALECT_TRANSFORMER_IR_NEARNAMES_H

#include "mlir/IR/BuiltinOps.h"

namespace lora::transformer {

/// ": did you mean 'a' or 'b'?", with the functions of `module` whose names are
/// similar to `name`; empty if there is none.
std::string nearFunctions(mlir::ModuleOp module, llvm::StringRef name);

} // namespace lora::transformer

#endif // LORA_MLIR_DIALECT_TRANSFORMER_IR_NEARNAMES_H
