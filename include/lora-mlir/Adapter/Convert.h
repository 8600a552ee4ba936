//===- Convert.h - Adapters from one format to another ----------*- C++ -*-===//
//
// The formats: PEFT folders; checkpoints of loralib
// (github.com/microsoft/LoRA), which are safetensors files with X.lora_A and
// X.lora_B, with or without the base weights; folders of mlx-lm
// (github.com/ml-explore/mlx-lm), which are adapters.safetensors and its
// config. loralib does not store alpha. Files that this library writes have it
// in their metadata.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_ADAPTER_CONVERT_H
#define LORA_MLIR_ADAPTER_CONVERT_H

#include "lora-mlir/Adapter/Models.h"

#include <optional>
#include <utility>
#include <vector>

namespace lora {

/// The formats that can be written.
enum class AdapterFormat { Peft, Loralib, Mlx };

/// What to convert, and what the input does not say about itself.
struct ConvertOptions {
  /// A PEFT folder, an mlx-lm folder or a loralib file; its contents decide
  /// which.
  std::string input;
  /// A file for loralib, otherwise a folder.
  std::string output;
  /// The format of the output.
  AdapterFormat format = AdapterFormat::Peft;
  /// Pads each layer to this rank with zeros, and scales alpha with it; 0 keeps
  /// the ranks.
  int64_t rank = 0;
  /// The base model, for an adapter from or for mlx-lm that does not contain
  /// enough information; may be empty.
  std::string base;
  /// lora_alpha of the input. A loralib file needs it unless its metadata have
  /// it. For mlx-lm, it replaces the scale.
  std::optional<double> alpha;
  /// Layers, by their path or the end of it, with their `enable_lora` of
  /// loralib's MergedLinear: ("c_attn", {true, false, true}).
  std::vector<std::pair<std::string, std::vector<bool>>> enableLora;
  /// Layers that are embeddings. Others are linear, unless the base weight
  /// beside them has the shape of a table.
  std::vector<std::string> embeddings;
  /// The prefix that is added to loralib's names of layers, or removed from
  /// PEFT's when loralib is written: "transformer.".
  std::string prefix;
};

/// What was converted.
struct ConvertReport {
  /// The number of layers with a branch.
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
