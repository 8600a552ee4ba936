//===- Instrumentations.h - What lora-opt does around passes ----*- C++ -*-===//
//
// These are not passes, so that pipelines are printed and reproduced as they
// were given.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_TOOLS_LORA_OPT_INSTRUMENTATIONS_H
#define LORA_MLIR_TOOLS_LORA_OPT_INSTRUMENTATIONS_H

#include "mlir/Pass/PassManager.h"

namespace lora::opt {

/// Before the first pass runs, gives values the names that they have in `text`
/// of `file`; also if there is no pass. Call it when the pipeline is complete.
void keepNames(mlir::PassManager &manager, llvm::StringRef text,
               llvm::StringRef file);

/// Reports which passes of this project changed nothing, if `commandLine` names
/// them. A pass that is part of a pipeline may well find nothing to do.
void reportIdlePasses(mlir::PassManager &manager,
                      llvm::ArrayRef<const char *> commandLine);

} // namespace lora::opt

#endif // LORA_MLIR_TOOLS_LORA_OPT_INSTRUMENTATIONS_H
