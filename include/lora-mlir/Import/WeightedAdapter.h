//===- WeightedAdapter.h - Adapters with weights ----------------*- C++ -*-===//
//
// Several adapters are added, each multiplied by a number. Needs neither LLVM
// nor MLIR.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_IMPORT_WEIGHTEDADAPTER_H
#define LORA_MLIR_IMPORT_WEIGHTEDADAPTER_H

#include "lora-runtime/Error.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lora {

/// The folder of an adapter, and the factor of its change.
struct WeightedAdapter {
  /// A PEFT folder.
  std::string folder;
  /// Finite; 1 for the adapter as it was trained.
  double weight = 1;
};

namespace peft {

/// Whether a folder contains an adapter of mlx-lm instead of PEFT's.
bool isMlxAdapter(const std::string &folder);

/// A checksum of a text, like `adapterChecksum`.
std::string textChecksum(std::string_view text);

} // namespace peft

/// Reads "DIR" or "DIR:0.5". If a folder with the whole name exists, it is
/// taken as a name. A colon without a number after it belongs to the name. The
/// number must be finite.
lora_rt::Expected<WeightedAdapter>
parseWeightedAdapter(const std::string &text);

/// The names of adapters in weight expressions: "default" for a single adapter;
/// otherwise the names of their folders, made unique ("style", "style_1").
std::vector<std::string>
nameAdapters(std::span<const WeightedAdapter> adapters);

/// The description of all adapters for messages: "style", "style:0.5 + domain".
std::string describeAdapters(std::span<const WeightedAdapter> adapters);

/// `peft::adapterChecksum` for one adapter with weight 1; otherwise a checksum
/// of all adapters and their weights.
lora_rt::Expected<std::string>
adaptersChecksum(std::span<const WeightedAdapter> adapters);

} // namespace lora

#endif // LORA_MLIR_IMPORT_WEIGHTEDADAPTER_H
