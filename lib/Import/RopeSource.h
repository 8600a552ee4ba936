//===- RopeSource.h - Settings of one kind of rotary positions --*- C++ -*-===//
//
// What RopeConfig.cpp finds and RopeKinds.cpp reads: the JSON object of the
// settings, and values of the top level that apply to it.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_IMPORT_ROPESOURCE_H
#define LORA_MLIR_LIB_IMPORT_ROPESOURCE_H

#include "ConfigParts.h"

namespace lora {

/// The settings of one kind, and the values of the top level for it.
struct RopeSource {
  lora_rt::Json settings = lora_rt::Json::object();
  /// The key of the settings, for messages, such as "rope_scaling".
  std::string key = "rope_parameters";
  /// The base for settings without one; nullopt if it is null.
  std::optional<double> theta = 10000;
  double partialFactor = 1;
  /// Whether `original_max_position_embeddings` of the top level has precedence
  /// over that of the settings.
  bool topOriginal = false;
  /// Has precedence over `truncate` of yarn's settings: transformers looks for
  /// it one level above settings by layer type.
  std::optional<bool> truncate = std::nullopt;
};

/// Reads the settings of one kind. Also returns the longest sequence that the
/// positions support.
RopeConfig readRopeKind(ConfigContext &context, const RopeSource &source,
                        double &length);

} // namespace lora

#endif // LORA_MLIR_LIB_IMPORT_ROPESOURCE_H
