//===- Targets.h - PEFT's rules on the modules of a graph -------*- C++ -*-===//

#ifndef LORA_MLIR_LIB_DIALECT_LORA_TRANSFORMS_TARGETS_H
#define LORA_MLIR_LIB_DIALECT_LORA_TRANSFORMS_TARGETS_H

#include "Branches.h"

namespace lora {

/// Where a config says that it is from if it was made of a pass's options.
inline constexpr const char *kFromOptions = "lora-insert";

/// A message about a config in the words of what the user wrote: those of
/// adapter_config.json, or of options (`rank` for 'r').
std::string inUsersWords(const peft::PeftConfig &config, std::string message);

/// Adapters and models may come with or without the head; without it,
/// transformers drops the leading "model." of paths. Lets rules see the modules
/// as `adapter` was made for them.
void seeAsAdapter(llvm::MutableArrayRef<GraphModule> modules,
                  const peft::PeftAdapter &adapter);

/// Selects the modules that `config` targets. Says so as an error if there are
/// none, or if one cannot have a branch; warns of patterns without effect.
mlir::FailureOr<peft::TargetSelection>
selectModules(mlir::ModuleOp module, const peft::PeftConfig &config,
              llvm::ArrayRef<GraphModule> modules);

/// Fails if the config asks for what training does not have: dropout, and
/// anything besides A and B that would have to train.
mlir::LogicalResult refuseTraining(mlir::ModuleOp module,
                                   const peft::PeftConfig &config,
                                   llvm::ArrayRef<GraphModule> modules);

/// Fails if two modules would have to train one branch.
mlir::LogicalResult refuseTiedTraining(mlir::ModuleOp module,
                                       const peft::PeftConfig &config,
                                       llvm::ArrayRef<GraphModule> modules,
                                       llvm::ArrayRef<peft::Target> targets);

/// Warns of ranks and scales that compute what nobody wants: PEFT does so
/// without a word.
void warnOfOddBranches(mlir::ModuleOp module, const peft::PeftConfig &config,
                       llvm::ArrayRef<GraphModule> modules,
                       llvm::ArrayRef<peft::Target> targets);

/// Warns of what is excluded, and of layers, that the model does not have.
void warnOfUnmatched(mlir::ModuleOp module, const peft::PeftConfig &config,
                     llvm::ArrayRef<GraphModule> modules);

/// Says what was brought in as a remark of the category `pass`. (The distro's
/// MLIR is built without pass statistics.)
void reportStatistics(mlir::ModuleOp module, llvm::StringRef pass,
                      const BranchStatistics &statistics);

/// ": did you mean 'a' or 'b'?": last parts of module names near `entry`.
std::string nearModules(llvm::StringRef entry,
                        llvm::ArrayRef<GraphModule> modules);

} // namespace lora

#endif // LORA_MLIR_LIB_DIALECT_LORA_TRANSFORMS_TARGETS_H
