//===- FolderPlacing.h - Giving a complete folder its name ------*- C++ -*-===//
//
// Steps of StagedFolder::commit. They return false if they fail; errno has the
// reason.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_SUPPORT_FOLDERPLACING_H
#define LORA_MLIR_LIB_SUPPORT_FOLDERPLACING_H

#include <string>

namespace lora {

/// Whether the folder cannot be replaced by another one: it is the root of a
/// mount, it is the working directory (perhaps also of the user's shell), or
/// its parent folder is not writable.
bool mustStay(const std::string &folder);

/// Writes the entries of a folder to the disk.
bool syncFolder(const std::string &folder);

/// Exchanges the folders `staging` and `target` in one step, and then removes
/// the old folder; its files are kept in the new one. EEXIST if both have a
/// file of the same name. Fails if `target` contains a folder, because a folder
/// cannot have two hard links.
bool exchangeFolders(const std::string &staging, const std::string &target);

/// Moves the entries of `staging` into `target`: all of them, or none if one of
/// the names exists there. A config comes last, because it makes a folder a
/// model or an adapter.
bool moveEntries(const std::string &staging, const std::string &target);

} // namespace lora

#endif // LORA_MLIR_LIB_SUPPORT_FOLDERPLACING_H
