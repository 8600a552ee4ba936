//===- NearNames.h - What a name was meant to be ----------------*- C++ -*-===//

#ifndef LORA_MLIR_DIALECT_TRANSFORMER_IR_NEARNAMES_H
#define LORA_MLIR_DIALECT_TRANSFORMER_IR_NEARNAMES_H

#include "mlir/IR/BuiltinOps.h"

namespace lora::transformer {

/// ": did you mean 'a' or 'b'?": functions of `module` whose names are near
/// `name`; empty if none is.
std::string nearFunctions(mlir::ModuleOp module, llvm::StringRef name);

} // namespace lora::transformer

#endif // LORA_MLIR_DIALECT_TRANSFORMER_IR_NEARNAMES_H
