//===- Reduction.h - IR that shows a problem becomes small ------*- C++ -*-===//
//
// What is taken out keeps IR valid, but not what it computes: whoever asks for
// it says whether the result still shows the problem.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_REDUCTION_H
#define LORA_MLIR_REDUCTION_H

#include "mlir/IR/BuiltinOps.h"

namespace lora {

/// Takes functions, operations, branches and slots out of `module` as long as
/// `isInteresting` holds for the rest. It is asked about valid modules only,
/// and about none twice.
void reduceModule(mlir::ModuleOp module,
                  llvm::function_ref<bool(mlir::ModuleOp)> isInteresting);

} // namespace lora

#endif // LORA_MLIR_REDUCTION_H
