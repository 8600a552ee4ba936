//===- Models.h - Adapters in and out of a model folder ---------*- C++ -*-===//
//
// Merges adapters into a Hugging Face folder, takes them out, and exchanges
// them. The result is a new folder. Weights are computed as in the compiler and
// rounded once to the checkpoint's type. Tensors that no adapter changes keep
// their bits. The output appears under its name when it is complete.
//
// A file of lora-compile can be given instead of a model folder. Then the
// output is also a file, and so is the model to compare with; the types are the
// compute types of the file. Adapters that are not a sum W + s B A are refused
// for files, and so are files that were compiled with an unmerged adapter. What
// rounding lost is kept in the file. docs/executable-format.md describes the
// parts.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_ADAPTER_MODELS_H
#define LORA_MLIR_ADAPTER_MODELS_H

#include "lora-mlir/Adapter/Rounding.h"

#include <functional>
#include <optional>
#include <string>

namespace lora {

/// The receivers of progress and warnings; both may be empty.
struct Reporting {
  std::function<void(const std::string &)> progress;
  std::function<void(const std::string &)> warning;
};

/// The input and output of mergeModel. Folders of models may also be compiled
/// files, here and in the other options; the output is then a compiled file.
struct MergeOptions {
  std::string modelFolder;
  std::string adapterFolder;
  std::string outputFolder;
  /// Also write lora_exact.safetensors (for a compiled file, the part `exact`):
  /// it keeps what rounding lost, so that unmerging restores the original bits.
  bool exact = false;
};

/// Writes the model with W + s B A.
lora_rt::Expected<RoundingReport> mergeModel(const MergeOptions &options,
                                             const Reporting &reporting = {});

/// The input and output of unmergeModel.
struct UnmergeOptions {
  std::string mergedFolder;
  /// The adapter that was merged.
  std::string adapterFolder;
  std::string outputFolder;
};

/// The result of unmergeModel.
struct UnmergeResult {
  /// Whether the original bits were restored; the report is empty then.
  bool exact = false;
  /// The rounding of the subtraction.
  RoundingReport report;
};

/// Writes the model with W' - s B A; or, with lora_exact.safetensors, the
/// original bits.
lora_rt::Expected<UnmergeResult> unmergeModel(const UnmergeOptions &options,
                                              const Reporting &reporting = {});

/// The input and output of switchModel.
struct SwitchOptions {
  std::string mergedFolder;
  /// The adapter that was merged, and the adapter that replaces it.
  std::string fromAdapter, toAdapter;
  std::string outputFolder;
  /// The original model, for a comparison with a fresh merge; may be empty.
  std::string modelFolder;
};

/// The difference between a switched model and a fresh merge.
struct SwitchDifference {
  /// The elements of all tensors that one of the adapters changes.
  int64_t elements = 0;
  int64_t different = 0; ///< How many of them do not have the same value.
  /// The largest difference of an element.
  double largest = 0;
  /// The norm of the difference, divided by the norm of s2 B2 A2.
  double share = 0;
};

/// The result of switchModel.
struct SwitchResult {
  /// Whether the original bits were restored first, so that the result has the
  /// bits of a fresh merge.
  bool exact = false;
  /// The rounding of the change from one adapter to the other; if `exact`, that
  /// of the merge.
  RoundingReport report;
  /// Set if the original model was given.
  std::optional<SwitchDifference> difference;
};

/// Writes the model with W' + s2 B2 A2 - s1 B1 A1, rounded once.
lora_rt::Expected<SwitchResult> switchModel(const SwitchOptions &options,
                                            const Reporting &reporting = {});

} // namespace lora

#endif // LORA_MLIR_ADAPTER_MODELS_H
