//===- ManifestModel.h - The manifest's `model` -----------------*- C++ -*-===//
//
// The part of the manifest's reader that knows models.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_EXECUTABLE_MANIFESTMODEL_H
#define LORA_RUNTIME_EXECUTABLE_MANIFESTMODEL_H

#include "../core/JsonFields.h"
#include "lora-runtime/Manifest.h"

namespace lora_rt {

/// Reads the object `model`; `where` names the file in messages.
Error readModel(const Json &json, const std::string &where,
                Manifest::Model &model);

} // namespace lora_rt

#endif // LORA_RUNTIME_EXECUTABLE_MANIFESTMODEL_H
