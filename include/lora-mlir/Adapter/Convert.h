//===- Convert.h - Adapters from one format to another ----------*- C++ -*-===//
//
// The formats: PEFT folders; checkpoints of loralib
// (github.com/microsoft/LoRA), a safetensors file with X.lora_A and X.lora_B,
// with or without the base weights; folders of mlx-lm
// (github.com/ml-explore/mlx-lm), adapters.safetensors and its config. A
// loralib file does not contain alpha, except that files written by this
// library have it in their metadata.
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
  /// A PEFT folder, an mlx-lm folder or a loralib file; its contents decide
  /// which.
  std::string input;
  /// A file for loralib, otherwise a folder.
  std::string output;
  AdapterFormat format = AdapterFormat::Peft;
  /// Pads each layer to this rank with zeros, and scales alpha with it; 0 keeps
  /// the ranks.
  int64_t rank = 0;
  /// The base model of an adapter from or for mlx-lm, if the adapter alone does
  /// not have enough information; may be empty.
  std::string base;
  /// lora_alpha of the input. loralib files need it unless their metadata have
  /// it; for mlx-lm it replaces the scale.
  std::optional<double> alpha;
  /// Layers, by their path or its end, and MergedLinear's `enable_lora` for
  /// them: ("c_attn", {true, false, true}).
  std::vector<std::pair<std::string, std::vector<bool>>> enableLora;
  /// Layers that are embeddings. Others are linear, unless the base weight
  /// beside them has the shape of a table.
  std::vector<std::string> embeddings;
  /// The prefix that is put in front of loralib's names of layers, or removed
  /// in the other direction: "transformer.".
  std::string prefix;
};

struct ConvertReport {
  int64_t targets = 0;
  /// Tensors of a loralib file that are not low-rank factors.
  std::vector<std::string> ignored;
};

/// Reads an adapter in one format and writes it in another. PEFT to PEFT writes
/// keys without the adapter's name, and pads ranks.
lora_rt::Expected<ConvertReport>
convertAdapter(const ConvertOptions &options, const Reporting &reporting = {});

} // namespace lora

#endif // LORA_MLIR_ADAPTER_CONVERT_H
