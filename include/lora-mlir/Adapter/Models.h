//===- Models.h - Adapters in and out of a model folder ---------*- C++ -*-===//
//
// Merging, taking out, exchanging: a Hugging Face folder becomes another one.
// Weights are computed as the compiler computes them and rounded once to the
// checkpoint's type; tensors that no adapter touches keep their bits. The
// output appears under its name when it is complete.
//
// A file of lora-compile may stand where a model folder does; then the output
// is a file, too, and so is the model to compare with. The types are those that
// it computes in. Adapters that are no sum W + s B A are refused there, as are
// files that were compiled with the adapter beside the weights. What rounding
// lost is kept in the file. docs/executable-format.md describes the parts.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_ADAPTER_MODELS_H
#define LORA_MLIR_ADAPTER_MODELS_H

#include "lora-mlir/Adapter/Rounding.h"

#include <functional>
#include <optional>
#include <string>

namespace lora {

/// Where progress and warnings go; both may be empty.
struct Reporting {
  std::function<void(const std::string &)> progress;
  std::function<void(const std::string &)> warning;
};

struct MergeOptions {
  std::string modelFolder;
  std::string adapterFolder;
  std::string outputFolder;
  /// Also write lora_exact.safetensors (in a compiled file, the part `exact`):
  /// what rounding lost, so that unmerging gives back the original bits.
  bool exact = false;
};

/// W + s B A.
lora_rt::Expected<RoundingReport> mergeModel(const MergeOptions &options,
                                             const Reporting &reporting = {});

struct UnmergeOptions {
  std::string mergedFolder;
  /// The adapter that was merged.
  std::string adapterFolder;
  std::string outputFolder;
};

struct UnmergeResult {
  /// Whether the original's bits were given back; the report is empty then.
  bool exact = false;
  RoundingReport report;
};

/// W' - s B A, or by lora_exact.safetensors the original's bits.
lora_rt::Expected<UnmergeResult> unmergeModel(const UnmergeOptions &options,
                                              const Reporting &reporting = {});

struct SwitchOptions {
  std::string mergedFolder;
  /// The adapter that was merged, and the one to merge in its place.
  std::string fromAdapter, toAdapter;
  std::string outputFolder;
  /// The original model, to compare with a fresh merge; or empty.
  std::string modelFolder;
};

/// How a switched model differs from a fresh merge.
struct SwitchDifference {
  int64_t elements = 0;  ///< of all tensors that one of the adapters changes
  int64_t different = 0; ///< that do not have the same value
  double largest = 0;
  /// ||difference|| / ||s2 B2 A2||
  double share = 0;
};

struct SwitchResult {
  /// Whether the original's bits were recovered between, so that the result is
  /// that of a fresh merge to the bit.
  bool exact = false;
  /// Of the change from one adapter to the other; if exact, of the merge.
  RoundingReport report;
  std::optional<SwitchDifference> difference;
};

/// W' + s2 B2 A2 - s1 B1 A1, rounded once.
lora_rt::Expected<SwitchResult> switchModel(const SwitchOptions &options,
                                            const Reporting &reporting = {});

} // namespace lora

#endif // LORA_MLIR_ADAPTER_MODELS_H
