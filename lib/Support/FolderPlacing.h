//===- FolderPlacing.h - Giving a complete folder its name ------*- C++ -*-===//
//
// Steps of StagedFolder::commit. They say false and leave the reason in errno.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_SUPPORT_FOLDERPLACING_H
#define LORA_MLIR_LIB_SUPPORT_FOLDERPLACING_H

#include <string>

namespace lora {

/// Whether no other folder can take the place of this one: it is the root of a
/// mount, the working directory (of the shell, too), or in a folder that is not
/// writable.
bool mustStay(const std::string &folder);

/// Makes a folder's entries last.
bool syncFolder(const std::string &folder);

/// Exchanges `staging` and `target`, a folder, in one step, and removes what
/// `target` was; the files that it had stay. EEXIST if they share a name. Fails
/// if `target` has a folder, which cannot be in two places.
bool exchangeFolders(const std::string &staging, const std::string &target);

/// Moves the entries of `staging` into `target`, where none of them is, or none
/// at all: a config, which makes a folder a model or an adapter, comes last.
bool moveEntries(const std::string &staging, const std::string &target);

} // namespace lora

#endif // LORA_MLIR_LIB_SUPPORT_FOLDERPLACING_H
