//===- Inspect.h - The properties of an adapter -----------------*- C++ -*-===//
//
// Finds the properties of an adapter folder, for `lora-adapter inspect`:
// layers, ranks, scales, norms and singular values. It computes no matrix of
// the size of a layer.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_ADAPTER_INSPECT_H
#define LORA_MLIR_ADAPTER_INSPECT_H

#include "lora-mlir/Adapter/Models.h"

#include <map>
#include <vector>

namespace lora {

/// A layer with a low-rank branch.
struct TargetFacts {
  /// The path of the layer.
  std::string path;
  bool embedding = false;
  /// The shape [out, in] of the weight, and the rank of the branch.
  int64_t out = 0, in = 0, rank = 0;
  /// The factor of B A: alpha / rank, or alpha / sqrt(rank).
  double scale = 0;
  /// The Frobenius norm of scale * B A.
  double norm = 0;
  /// The squares of its largest singular values, in descending order, as shares
  /// of the sum of all squares; at most four.
  std::vector<double> shares;
  /// The number of singular values above 1e-6 of the largest one.
  int64_t numericalRank = 0;
};

/// What inspectAdapter found.
struct AdapterFacts {
  std::string folder;
  /// base_model_name_or_path, task_type, peft_version; empty where unset.
  std::string base, task, peftVersion;
  /// `r`, `lora_alpha` and `use_rslora` of the config.
  int64_t rank = 0;
  double alpha = 0;
  bool rankStabilized = false;
  /// target_modules as the config has them.
  std::string targetModules;
  /// The number of values, and the bytes, of all tensors.
  int64_t parameters = 0;
  uint64_t bytes = 0;
  /// The number of tensors of each element type.
  std::map<std::string, int64_t> types;
  /// One for each layer with a branch.
  std::vector<TargetFacts> targets;
  /// Tensors that are neither A nor B, each with its meaning: "DoRA magnitude",
  /// "bias", "saved module", ...
  std::vector<std::pair<std::string, std::string>> special;
  /// Why the adapted weights are not W + s B A; empty if they are.
  std::string nonlinear;
  /// If a model is given: how many of its tensors change, or (in `misfit`) why
  /// the adapter does not fit.
  bool hasModel = false;
  int64_t changedTensors = 0;
  std::string misfit;

  /// The facts for a terminal, and as a JSON object.
  std::string text() const;
  std::string json() const;
};

/// Reads an adapter; with `modelFolder`, also attaches it to the model.
lora_rt::Expected<AdapterFacts>
inspectAdapter(const std::string &folder, const std::string &modelFolder = "",
               const Reporting &reporting = {});

} // namespace lora

#endif // LORA_MLIR_ADAPTER_INSPECT_H
