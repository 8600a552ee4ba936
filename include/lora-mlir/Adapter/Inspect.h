//===- Inspect.h - What an adapter is ---------------------------*- C++ -*-===//

#ifndef LORA_MLIR_ADAPTER_INSPECT_H
#define LORA_MLIR_ADAPTER_INSPECT_H

#include "lora-mlir/Adapter/Models.h"

#include <map>
#include <vector>

namespace lora {

/// A module that the adapter has a low-rank branch for.
struct ModuleFacts {
  std::string module;
  bool embedding = false;
  int64_t out = 0, in = 0, rank = 0;
  double scale = 0;
  /// Frobenius norm of scale * B A.
  double norm = 0;
  /// Its largest singular values, falling, as shares of the sum of all their
  /// squares; at most four.
  std::vector<double> shares;
  /// The number of singular values above 1e-6 of the largest.
  int64_t numericalRank = 0;
};

struct AdapterFacts {
  std::string folder;
  /// base_model_name_or_path, task_type, peft_version; empty where unset.
  std::string base, task, peftVersion;
  int64_t rank = 0;
  double alpha = 0;
  bool rankStabilized = false;
  /// target_modules as they are written.
  std::string targets;
  int64_t parameters = 0;
  uint64_t bytes = 0;
  /// Tensors of each element type.
  std::map<std::string, int64_t> types;
  std::vector<ModuleFacts> modules;
  /// Tensors that are not A or B, with what they are: "DoRA magnitude", "bias",
  /// "saved module", ...
  std::vector<std::pair<std::string, std::string>> special;
  /// The reason for which it is not W + s B A, or empty.
  std::string nonlinear;
  /// With a model: how many of its tensors change, or why it does not fit.
  bool hasModel = false;
  int64_t changedTensors = 0;
  std::string misfit;

  std::string text() const;
  std::string json() const;
};

/// Reads an adapter; with `modelFolder`, also attaches it to the model.
lora_rt::Expected<AdapterFacts>
inspectAdapter(const std::string &folder, const std::string &modelFolder = "",
               const Reporting &reporting = {});

} // namespace lora

#endif // LORA_MLIR_ADAPTER_INSPECT_H
