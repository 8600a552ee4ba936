//===- Convert.h - Adapters from one format to another ----------*- C++ -*-===//
//
// PEFT folders and loralib checkpoints (github.com/microsoft/LoRA): a
// safetensors file with X.lora_A and X.lora_B, with or without the base
// weights. loralib's files do not hold alpha; where this library wrote one, its
// metadata do.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_ADAPTER_CONVERT_H
#define LORA_MLIR_ADAPTER_CONVERT_H

#include "lora-mlir/Adapter/Models.h"

#include <optional>
#include <utility>
#include <vector>

namespace lora {

struct ConvertOptions {
  /// A PEFT folder, or a loralib file.
  std::string input;
  /// A folder for PEFT, a file for loralib.
  std::string output;
  bool toLoralib = false;
  /// Pad each module to this rank with zeros, alpha growing with it; 0 keeps
  /// ranks.
  int64_t rank = 0;
  /// loralib's lora_alpha; needed unless the file says it.
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

/// Reads an adapter in one format and writes it in the other, or PEFT's again:
/// keys without the adapter's name, ranks padded.
lora_rt::Expected<ConvertReport>
convertAdapter(const ConvertOptions &options, const Reporting &reporting = {});

} // namespace lora

#endif // LORA_MLIR_ADAPTER_CONVERT_H
