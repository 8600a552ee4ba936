//===- Algebra.h - Adapters from adapters and from models -------*- C++ -*-===//
//
// Computes sums of adapters, and the difference of two models as an adapter.
// The results are PEFT folders. A folder appears under its name when it is
// complete.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_ADAPTER_ALGEBRA_H
#define LORA_MLIR_ADAPTER_ALGEBRA_H

#include "lora-mlir/Adapter/Models.h"
#include "lora-mlir/Import/WeightedAdapter.h"

#include <vector>

namespace lora {

/// The change of one layer, and the part of it that the truncation lost.
struct TargetShare {
  /// The path of the layer.
  std::string path;
  /// The rank in the result, and the lowest rank that would lose nothing, as
  /// far as it is known.
  int64_t rank = 0, fullRank = 0;
  /// Frobenius norm of the whole change.
  double norm = 0;
  /// The norm of the lost part, divided by the norm of the whole change.
  double lost = 0;
};

/// The results of combineAdapters and diffModels.
struct AlgebraReport {
  /// One for each layer of the result.
  std::vector<TargetShare> targets;
  /// Tensors that differ but are not in the adapter (`diff`).
  std::vector<std::string> leftOut;
  /// Tensors that the adapter contains as a whole (`diff`).
  std::vector<std::string> saved;

  /// The lost part of all layers together: its norm, divided by the norm of the
  /// whole change.
  double lost() const;
  /// A table with a row for each layer.
  std::string text() const;
};

/// The adapters to combine, and where the result is written.
struct CombineOptions {
  /// The PEFT folders, with their weights w_i.
  std::vector<WeightedAdapter> adapters;
  /// The PEFT folder to write; new or empty.
  std::string outputFolder;
  /// Truncates each layer to this rank; 0 keeps the whole sum.
  int64_t rank = 0;
};

/// Computes the sum of w_i s_i B_i A_i. Without a rank, the A's are stacked and
/// the B's are concatenated side by side. The result is exact, except that a B
/// is rounded to f32 if its scale divided by the first one is not a power of
/// two. With a rank, the result is the best approximation of that rank.
/// Adapters that are not linear in this sense (DoRA, PiSSA, biases, different
/// saved layers) are refused by name.
lora_rt::Expected<AlgebraReport>
combineAdapters(const CombineOptions &options, const Reporting &reporting = {});

/// The models to compare, and where the adapter is written.
struct DiffOptions {
  /// Two Hugging Face folders.
  std::string baseFolder, tunedFolder;
  /// The PEFT folder to write; new or empty.
  std::string outputFolder;
  /// The rank of the approximation of each linear layer; at least 1.
  int64_t rank = 0;
  /// Puts tensors that differ and are not weights of linear layers into the
  /// adapter as a whole (PEFT's modules_to_save).
  bool saveModules = false;
};

/// Computes the difference of two models: for each linear layer, the best
/// approximation of a given rank.
lora_rt::Expected<AlgebraReport> diffModels(const DiffOptions &options,
                                            const Reporting &reporting = {});

} // namespace lora

#endif // LORA_MLIR_ADAPTER_ALGEBRA_H
