//===- Targets.h - PEFT's rules on the layers of a graph --------*- C++ -*-===//
//
// Which layers a config selects, and warnings and errors about selections that
// have no effect or cannot be trained.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_IMPORT_ATTACH_TARGETS_H
#define LORA_MLIR_LIB_IMPORT_ATTACH_TARGETS_H

#include "GraphLayers.h"
#include "lora-mlir/Dialect/LoRA/Transforms/Branches.h"

namespace lora {

/// The name of a config that was made from the options of a pass.
inline constexpr const char *kFromOptions = "lora-insert";

/// A message about a config with the names that the user wrote: those of
/// adapter_config.json, or those of options (`rank` for 'r').
std::string inUsersWords(const peft::PeftConfig &config, std::string message);

/// Adapters and models may have a head or not. Without it, transformers drops
/// the leading "model." of paths. Sets the paths of `layers` to those for
/// which `adapter` was made.
void seeAsAdapter(llvm::MutableArrayRef<GraphLayer> layers,
                  const peft::PeftAdapter &adapter);

/// Selects the layers that `config` targets. Fails if there are none, or if one
/// cannot have a branch. Warns of patterns without effect.
mlir::FailureOr<peft::TargetSelection>
selectInGraph(mlir::ModuleOp module, const peft::PeftConfig &config,
              llvm::ArrayRef<GraphLayer> layers);

/// Fails if the config needs something that training does not support: dropout,
/// or other trainable tensors than A and B.
mlir::LogicalResult refuseTraining(mlir::ModuleOp module,
                                   const peft::PeftConfig &config,
                                   llvm::ArrayRef<GraphLayer> layers);

/// Fails if two layers would have to train one branch.
mlir::LogicalResult refuseTiedTraining(mlir::ModuleOp module,
                                       const peft::PeftConfig &config,
                                       llvm::ArrayRef<GraphLayer> layers,
                                       llvm::ArrayRef<peft::Target> targets);

/// Warns of ranks and scales that are hardly intended. PEFT accepts them
/// without a warning.
void warnOfOddBranches(mlir::ModuleOp module, const peft::PeftConfig &config,
                       llvm::ArrayRef<GraphLayer> layers,
                       llvm::ArrayRef<peft::Target> targets);

/// Warns of excluded names, and of layers, that the model does not have.
void warnOfUnmatched(mlir::ModuleOp module, const peft::PeftConfig &config,
                     llvm::ArrayRef<GraphLayer> layers);

/// Reports what was added, as a remark of the category `pass`. (The distro's
/// MLIR is built without pass statistics.)
void reportStatistics(mlir::ModuleOp module, llvm::StringRef pass,
                      const BranchStatistics &statistics);

/// ": did you mean 'a' or 'b'?", with last components of layer paths that are
/// similar to `entry`.
std::string nearLayers(llvm::StringRef entry,
                       llvm::ArrayRef<GraphLayer> layers);

} // namespace lora

#endif // LORA_MLIR_LIB_IMPORT_ATTACH_TARGETS_H
