//===- Targets.h - PEFT's rules on the modules of a graph -------*- C++ -*-===//

#ifndef LORA_MLIR_LIB_DIALECT_LORA_TRANSFORMS_TARGETS_H
#define LORA_MLIR_LIB_DIALECT_LORA_TRANSFORMS_TARGETS_H

#include "Branches.h"

namespace lora {

/// Selects the modules that `config` targets. Says so as an error if there are
/// none, or if one cannot have a branch; warns of patterns without effect.
/// `headless`: the rules see paths without the leading "model.".
mlir::FailureOr<peft::TargetSelection>
selectModules(mlir::ModuleOp module, const peft::PeftConfig &config,
              llvm::ArrayRef<GraphModule> modules, bool headless);

/// ": did you mean 'a' or 'b'?": last parts of module names near `entry`.
std::string nearModules(llvm::StringRef entry,
                        llvm::ArrayRef<GraphModule> modules);

} // namespace lora

#endif // LORA_MLIR_LIB_DIALECT_LORA_TRANSFORMS_TARGETS_H
