//===- RopeSource.h - Settings of one kind of rotary positions --*- C++ -*-===//

#ifndef LORA_MLIR_LIB_IMPORT_ROPESOURCE_H
#define LORA_MLIR_LIB_IMPORT_ROPESOURCE_H

#include "ConfigParts.h"

namespace lora {

/// The settings of one kind, and what stands at the top level for it.
struct RopeSource {
  lora_rt::Json settings = lora_rt::Json::object();
  /// "rope_scaling", for messages.
  std::string key = "rope_parameters";
  /// For settings without one; nullopt for a null.
  std::optional<double> theta = 10000;
  double partialFactor = 1;
  /// Whether `original_max_position_embeddings` of the top level beats that of
  /// the settings.
  bool topOriginal = false;
  /// Beats `truncate` of yarn's settings: transformers looks for it one level
  /// above settings by layer type.
  std::optional<bool> truncate = std::nullopt;
};

/// Also gives the length that the positions are good for.
RopeConfig readRopeKind(ConfigContext &context, const RopeSource &source,
                        double &length);

} // namespace lora

#endif // LORA_MLIR_LIB_IMPORT_ROPESOURCE_H
