//===- Folder.h - What a path holds, and what it should ---------*- C++ -*-===//
//
// Folders of models and of adapters as people have them: fetched from the hub,
// in its cache, half fetched, of another kind. Every tool finds its folders
// here, and says in one way what a wrong one is and what to give instead.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_FOLDER_H
#define LORA_RUNTIME_FOLDER_H

#include "lora-runtime/Error.h"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace lora_rt {

enum class FolderKind {
  /// config.json, and model.safetensors or shards with an index.
  Model,
  /// PEFT's: adapter_config.json and adapter_model.safetensors.
  Adapter,
};

/// The folder that a path means: the path itself; or, of an entry of a hub
/// cache (models--ORG--NAME), the snapshot that its refs/main names, as
/// transformers finds it. What is no folder is an error that says what it is.
Expected<std::string> findFolder(const std::string &path, FolderKind kind);

/// The error of a folder without the config of its kind.
Error missingConfig(const std::string &folder, FolderKind kind);

/// Whether there is a file of this name, which may be a link; no folder, and no
/// link to nothing. What transformers takes for there.
bool isFile(const std::string &path);

/// The error of a folder that has neither STEM.safetensors nor its index, or
/// not even a config.
Error missingWeights(const std::string &folder, const std::string &stem);

/// What a file that should be JSON or safetensors is, by its first bytes, and
/// the way out: "this is a Git LFS pointer, ...". Empty if they say nothing.
std::string describeContents(std::string_view bytes);

} // namespace lora_rt

#endif // LORA_RUNTIME_FOLDER_H
