//===- CodeTable.h - What an executable shows to the runtime --------------===//
//
// The functions and constants of LLVM that lora-runtime/compiled_code.h
// describes.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_CONVERSION_RTTOLLVM_CODETABLE_H
#define LORA_MLIR_CONVERSION_RTTOLLVM_CODETABLE_H

#include "mlir/IR/BuiltinOps.h"

namespace lora {

/// The name of the lora_rt_body of a kernel.
inline std::string getBodyName(llvm::StringRef kernel) {
  return (kernel + ".body").str();
}

/// Adds a lora_rt_body for each of `kernels`, a lora_rt_entry for each function
/// with rt.entry, a table of them, and the exported function that returns the
/// table. All functions must be llvm functions already.
llvm::LogicalResult makeCodeTable(mlir::ModuleOp module,
                                  llvm::ArrayRef<mlir::StringAttr> kernels);

} // namespace lora

#endif // LORA_MLIR_CONVERSION_RTTOLLVM_CODETABLE_H
