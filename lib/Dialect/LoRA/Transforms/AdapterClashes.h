//===- AdapterClashes.h - Adapters that cannot be added ---------*- C++ -*-===//

#ifndef LORA_MLIR_LIB_DIALECT_LORA_TRANSFORMS_ADAPTERCLASHES_H
#define LORA_MLIR_LIB_DIALECT_LORA_TRANSFORMS_ADAPTERCLASHES_H

#include "GraphModules.h"
#include "lora-mlir/Dialect/LoRA/Transforms/AdapterSum.h"

namespace lora {

/// Fails if `term` and one that was attached before it want one module for
/// different things: PEFT has one wrapper around a module, for a branch, or for
/// training it in full, or for some of its rows. `modules` are seen as
/// its adapter sees them.
mlir::LogicalResult refuseClashes(mlir::ModuleOp module,
                                  llvm::ArrayRef<GraphModule> modules,
                                  const AdapterTerm &term,
                                  llvm::ArrayRef<AdapterTerm> attached);

} // namespace lora

#endif // LORA_MLIR_LIB_DIALECT_LORA_TRANSFORMS_ADAPTERCLASHES_H
