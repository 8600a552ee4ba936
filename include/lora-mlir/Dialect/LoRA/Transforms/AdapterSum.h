//===- AdapterSum.h - Several adapters on one model -------------*- C++ -*-===//
//
// Adapters that are attached one after the other are added, as in PEFT when
// several are active. If PEFT's result depends on their order, or if PEFT
// refuses the combination, attaching fails with an error that names both.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_DIALECT_LORA_TRANSFORMS_ADAPTERSUM_H
#define LORA_MLIR_DIALECT_LORA_TRANSFORMS_ADAPTERSUM_H

#include "lora-mlir/Dialect/LoRA/Transforms/Adapters.h"

namespace lora {

/// One adapter of a sum.
struct AdapterTerm {
  /// Its name in `#transformer.adapter`.
  std::string name;
  const peft::PeftAdapter *adapter = nullptr;
  /// The factor of its branches, as PEFT's `scaling`. Parameters that it
  /// replaces are not multiplied.
  double weight = 1;
};

/// Attaches `term` like `attachAdapter`. `attached` are the adapters that were
/// attached before. If two adapters replace the same parameter, their values
/// are compared; equal values are accepted.
mlir::FailureOr<BranchStatistics>
attachTerm(mlir::ModuleOp module, const AdapterTerm &term,
           llvm::ArrayRef<AdapterTerm> attached);

} // namespace lora

#endif // LORA_MLIR_DIALECT_LORA_TRANSFORMS_ADAPTERSUM_H
