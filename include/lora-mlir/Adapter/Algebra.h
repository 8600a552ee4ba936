//===- Algebra.h - Adapters from adapters and from models -------*- C++ -*-===//
//
// Sums of adapters, the difference of two models as an adapter. What comes out
// are PEFT folders; a folder appears under its name when it is complete.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_ADAPTER_ALGEBRA_H
#define LORA_MLIR_ADAPTER_ALGEBRA_H

#include "lora-mlir/Adapter/Models.h"
#include "lora-mlir/Import/WeightedAdapter.h"

#include <vector>

namespace lora {

/// What became of a module's change.
struct ModuleShare {
  std::string module;
  /// The rank that it has in the result, and the one that it would need to lose
  /// nothing, as far as that is known.
  int64_t rank = 0, fullRank = 0;
  /// Frobenius norm of the whole change.
  double norm = 0;
  /// ||what the truncation lost|| / ||change||
  double lost = 0;
};

struct AlgebraReport {
  std::vector<ModuleShare> modules;
  /// Tensors that differ and are not in the adapter (`diff`).
  std::vector<std::string> leftOut;
  /// Tensors that are in it as a whole (`diff`).
  std::vector<std::string> saved;

  /// Of all modules together.
  double lost() const;
  /// A table with a row per module.
  std::string text() const;
};

struct CombineOptions {
  std::vector<WeightedAdapter> adapters;
  std::string outputFolder;
  /// Truncate each module to this rank; 0 keeps the sum as it is.
  int64_t rank = 0;
};

/// The sum of w_i s_i B_i A_i. Without a rank, A is stacked and B is laid side
/// by side: the sum up to the f32 rounding of B where a scale is not a power of
/// two times the first one's. With a rank, the best approximation. Adapters
/// that are not linear in that sense (DoRA, PiSSA, biases, different saved
/// modules) are refused by name.
lora_rt::Expected<AlgebraReport>
combineAdapters(const CombineOptions &options, const Reporting &reporting = {});

struct DiffOptions {
  std::string baseFolder, tunedFolder;
  std::string outputFolder;
  int64_t rank = 0;
  /// Put tensors that differ and are not weights of linear layers into the
  /// adapter as a whole (PEFT's modules_to_save).
  bool saveModules = false;
};

/// The difference of two models: the best approximation of each linear layer's.
lora_rt::Expected<AlgebraReport> diffModels(const DiffOptions &options,
                                            const Reporting &reporting = {});

} // namespace lora

#endif // LORA_MLIR_ADAPTER_ALGEBRA_H
