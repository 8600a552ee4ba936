//===- WeightedAdapter.h - Adapters and what they count ---------*- C++ -*-===//
//
// Several adapters add up, each multiplied by a number. Needs neither LLVM nor
// MLIR.
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

/// An adapter's folder and the number that its change is multiplied by.
struct WeightedAdapter {
  std::string folder;
  double weight = 1;
};

namespace peft {

/// Whether a folder holds an adapter of mlx-lm rather than PEFT's.
bool isMlxAdapter(const std::string &folder);

/// A checksum of a text, like `adapterChecksum`.
std::string textChecksum(std::string_view text);

} // namespace peft

/// Reads "DIR" or "DIR:0.5". A folder that exists under the whole name is that
/// folder; a colon that no number follows belongs to the name. The number must
/// be finite.
lora_rt::Expected<WeightedAdapter>
parseWeightedAdapter(const std::string &text);

/// The names of adapters in weight expressions: "default" for one alone, else
/// those of their folders, each once ("style", "style_1").
std::vector<std::string>
nameAdapters(std::span<const WeightedAdapter> adapters);

/// What people call them together: "style", "style:0.5 + domain".
std::string describeAdapters(std::span<const WeightedAdapter> adapters);

/// `peft::adapterChecksum` of one adapter with weight 1; else of all of them
/// and their weights.
lora_rt::Expected<std::string>
adaptersChecksum(std::span<const WeightedAdapter> adapters);

} // namespace lora

#endif // LORA_MLIR_IMPORT_WEIGHTEDADAPTER_H
