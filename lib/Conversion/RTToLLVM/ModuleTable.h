//===- ModuleTable.h - What a compiled module shows to the runtime --------===//
//
// The functions and constants of LLVM that lora-runtime/module.h describes.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_CONVERSION_RTTOLLVM_MODULETABLE_H
#define LORA_MLIR_CONVERSION_RTTOLLVM_MODULETABLE_H

#include "mlir/IR/BuiltinOps.h"

namespace lora {

/// The name of the lora_rt_body of a kernel.
inline std::string getBodyName(llvm::StringRef kernel) {
  return (kernel + ".body").str();
}

/// Adds a lora_rt_body for each of `kernels`, a lora_rt_entry for each function
/// with rt.entry, the table of them, and the exported function that returns it.
/// The functions of the module are llvm functions already.
llvm::LogicalResult makeModuleTable(mlir::ModuleOp module,
                                    llvm::ArrayRef<mlir::StringAttr> kernels);

} // namespace lora

#endif // LORA_MLIR_CONVERSION_RTTOLLVM_MODULETABLE_H
