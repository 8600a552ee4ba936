//===- PoolingNames.h - Poolings by their names -----------------*- C++ -*-===//
//
// Both sources of PoolingSettings, a folder and a compiled file, name poolings
// as sentence-transformers does.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_ENCODE_POOLINGNAMES_H
#define LORA_RUNTIME_ENCODE_POOLINGNAMES_H

#include "../core/JsonFields.h"
#include "lora-runtime/EncoderSettings.h"

namespace lora_rt {

/// The pooling of a name; nullopt for anything else.
inline std::optional<Pooling> parsePooling(const Json &name) {
  for (size_t i = 0; i < poolingNames.size(); ++i)
    if (name == poolingNames[i])
      return Pooling(i);
  return std::nullopt;
}

} // namespace lora_rt

#endif // LORA_RUNTIME_ENCODE_POOLINGNAMES_H
