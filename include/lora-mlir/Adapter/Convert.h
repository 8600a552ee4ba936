//===- Convert.h - Adapters from one format to another ----------*- C++ -*-===//
//
// PEFT folders; loralib checkpoints (github.com/microsoft/LoRA): a safetensors
// file with X.lora_A and X.lora_B, with or without the base weights; folders of
// mlx-lm (github.com/ml-explore/mlx-lm): adapters.safetensors and its config.
// loralib's files do not hold alpha; where this library wrote one, its metadata
// do.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_ADAPTER_CONVERT_H
#define LORA_MLIR_ADAPTER_CONVERT_H

#include "lora-mlir/Adapter/Models.h"

#include <optional>
#include <utility>
#include <vector>

namespace lora {

enum class AdapterFormat { Peft, Loralib, Mlx };

struct ConvertOptions {
  /// A PEFT folder, one of mlx-lm, or a loralib file: its content says which.
  std::string input;
  /// A file for loralib, else a folder.
  std::string output;
  AdapterFormat format = AdapterFormat::Peft;
  /// Pad each module to this rank with zeros, alpha growing with it; 0 keeps
  /// ranks.
  int64_t rank = 0;
  /// The model that an adapter from or for mlx-lm stands beside, where the
  /// adapter alone does not say enough; or empty.
  std::string base;
  /// lora_alpha of what is read: loralib's files need it unless they say it, in
  /// one of mlx-lm it replaces the scale.
  std::optional<double> alpha;
  /// Modules by their path or its end, and MergedLinear's `enable_lora` for
  /// them: ("c_attn", {true, false, true}).
  std::vector<std::pair<std::string, std::vector<bool>>> enableLora;
  /// Modules that are embeddings; others are linear, unless the weight beside
  /// them has the shape of a table.
  std::vector<std::string> embeddings;
  /// Put in front of loralib's module names, or taken away on the way back:
  /// "transformer.".
  std::string prefix;
};

struct ConvertReport {
  int64_t modules = 0;
  /// Tensors of a loralib file that are not low-rank factors.
  std::vector<std::string> ignored;
};

/// Reads an adapter in one format and writes it in another, or PEFT's again:
/// keys without the adapter's name, ranks padded.
lora_rt::Expected<ConvertReport>
convertAdapter(const ConvertOptions &options, const Reporting &reporting = {});

} // namespace lora

#endif // LORA_MLIR_ADAPTER_CONVERT_H
