//===- Instrumentations.h - What lora-opt does around passes ----*- C++ -*-===//
//
// No passes, so that pipelines are printed and reproduced as they were given.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_TOOLS_LORA_OPT_INSTRUMENTATIONS_H
#define LORA_MLIR_TOOLS_LORA_OPT_INSTRUMENTATIONS_H

#include "mlir/Pass/PassManager.h"

namespace lora::opt {

/// Gives values the names that they have in `text` of `file` before the first
/// pass runs, also where there is no pass. To be called when the pipeline is
/// complete.
void keepNames(mlir::PassManager &manager, llvm::StringRef text,
               llvm::StringRef file);

/// Says which passes of this project changed nothing, if `commandLine` asks for
/// them by name: what is part of a pipeline may well find nothing to do.
void reportIdlePasses(mlir::PassManager &manager,
                      llvm::ArrayRef<const char *> commandLine);

} // namespace lora::opt

#endif // LORA_MLIR_TOOLS_LORA_OPT_INSTRUMENTATIONS_H
