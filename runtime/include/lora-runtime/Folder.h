//===- Folder.h - What a path contains, and what it should ------*- C++ -*-===//
//
// Folders of models and of adapters as users have them: fetched from the hub,
// in its cache, incompletely fetched, or of another kind. All tools find their
// folders by these functions, so they report a wrong folder in the same words,
// with what to give instead.
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

/// The kinds of folders that Hugging Face libraries write.
enum class FolderKind {
  /// config.json, and model.safetensors or shards with an index.
  Model,
  /// PEFT's: adapter_config.json and adapter_model.safetensors.
  Adapter,
};

/// The folder that a path means: the path itself or, for an entry of a hub
/// cache (models--ORG--NAME), the snapshot that its refs/main names, as in
/// transformers. A path that is not a folder is an error that says what it is.
Expected<std::string> findFolder(const std::string &path, FolderKind kind);

/// The error for a folder without the config of its kind.
Error missingConfig(const std::string &folder, FolderKind kind);

/// Whether there is a file with this name, as transformers checks it. A link to
/// a file counts; a folder or a link to nothing does not.
bool isFile(const std::string &path);

/// The error for a folder that has neither STEM.safetensors nor its index, or
/// not even a config.
Error missingWeights(const std::string &folder, const std::string &stem);

/// What a file is that should be JSON or safetensors, by its first bytes, and
/// what to do: "this is a Git LFS pointer, ...". Empty if they match no known
/// kind.
std::string describeContents(std::string_view bytes);

} // namespace lora_rt

#endif // LORA_RUNTIME_FOLDER_H
