//===- Adapters.h - Adapters on the graph of a model ------------*- C++ -*-===//
//
// Applies PEFT's rules to a graph: which layers a config targets, and what
// becomes of each tensor of an adapter. The rewrites are those of the LoRA
// dialect, which knows paths, shapes and values. The passes `lora-attach` and
// `lora-insert` call the same functions.
//
// Adapters that are attached one after the other are added, as in PEFT when
// several are active. If PEFT's result depends on their order, or if PEFT
// refuses the combination, attaching fails with an error that names both.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_IMPORT_ADAPTERS_H
#define LORA_MLIR_IMPORT_ADAPTERS_H

#include "lora-mlir/Dialect/LoRA/Transforms/Branches.h"
#include "lora-mlir/Import/PeftAdapter.h"
#include "mlir/IR/BuiltinOps.h"

#include <functional>

namespace lora {

/// Returns the base model's tensor of a parameter, by its name in the tree of
/// modules, or nullptr.
using BaseTensors =
    std::function<const lora_rt::TensorView *(std::string_view)>;

/// How branches are added.
struct AdapterOptions {
  /// The name of new branches in `#transformer.adapter`.
  std::string name = "default";
  /// Whether A and B become f32 slots of role `trainable`, cast to the compute
  /// type in the block; otherwise they are frozen, in the compute type.
  bool train = false;
  /// The seed of a random A.
  uint64_t seed = 0;
  /// With `train`, an adapter may contain tensors of the base model only if
  /// they have the same values. (PEFT saves a targeted embedding with its base
  /// weight.)
  BaseTensors baseTensor;
};

/// One adapter of a sum.
struct AdapterTerm {
  /// Its name in `#transformer.adapter`.
  std::string name;
  const peft::PeftAdapter *adapter = nullptr;
  /// The factor of its branches, as PEFT's `scaling`. Parameters that it
  /// replaces are not multiplied.
  double weight = 1;
};

/// Attaches a PEFT adapter: each targeted `transformer.linear` becomes a
/// `lora.linear`. Every tensor of the adapter is used; otherwise this fails and
/// names it. `attached` are the adapters that were attached before. If two
/// adapters replace the same parameter, their values are compared; equal values
/// are accepted. The name is that of `term`.
mlir::FailureOr<BranchStatistics>
attachAdapter(mlir::ModuleOp module, const AdapterTerm &term,
              llvm::ArrayRef<AdapterTerm> attached = {},
              const AdapterOptions &options = {});

/// Adds new branches to the targets of `config`. A is random and B is zero, so
/// the model computes the same as before.
mlir::FailureOr<BranchStatistics>
insertBranches(mlir::ModuleOp module, const peft::PeftConfig &config,
               const AdapterOptions &options = {});

} // namespace lora

#endif // LORA_MLIR_IMPORT_ADAPTERS_H
