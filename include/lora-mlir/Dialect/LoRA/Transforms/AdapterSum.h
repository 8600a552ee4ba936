//===- AdapterSum.h - Several adapters on one model -------------*- C++ -*-===//
//
// Adapters that are attached one after the other add up, as PEFT's do when
// several are active. Where PEFT's result depends on their order, or it refuses
// them, attaching fails and names both.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_DIALECT_LORA_TRANSFORMS_ADAPTERSUM_H
#define LORA_MLIR_DIALECT_LORA_TRANSFORMS_ADAPTERSUM_H

#include "lora-mlir/Dialect/LoRA/Transforms/Adapters.h"

namespace lora {

/// An adapter as a part of a sum.
struct AdapterTerm {
  /// In `#transformer.adapter`.
  std::string name;
  const peft::PeftAdapter *adapter = nullptr;
  /// What its branches are multiplied by, as PEFT's `scaling`; parameters that
  /// it replaces are not.
  double weight = 1;
};

/// Attaches `term` like `attachAdapter`. `attached` are the adapters that were
/// attached before it: two that put equal values in one place can be told from
/// two that do not.
mlir::FailureOr<BranchStatistics>
attachTerm(mlir::ModuleOp module, const AdapterTerm &term,
           llvm::ArrayRef<AdapterTerm> attached);

} // namespace lora

#endif // LORA_MLIR_DIALECT_LORA_TRANSFORMS_ADAPTERSUM_H
