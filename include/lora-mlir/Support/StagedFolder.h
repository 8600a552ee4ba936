//===- StagedFolder.h - A folder that appears when it is complete ---------===//
//
// Everything is written to a folder beside the target. It takes the target's
// name when all of it is on the disk, or goes away: the target is whole at any
// moment, whatever ends the process. Where another folder cannot take that
// name, since the target is the root of a mount or the working directory, the
// files are moved into it instead, and the config, without which a folder is
// neither a model nor an adapter, comes last.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_SUPPORT_STAGEDFOLDER_H
#define LORA_MLIR_SUPPORT_STAGEDFOLDER_H

#include "lora-runtime/File.h"

#include <string>

namespace lora {

class StagedFolder {
public:
  StagedFolder(StagedFolder &&other) noexcept;
  StagedFolder &operator=(StagedFolder &&) = delete;
  ~StagedFolder();

  /// `target` must not exist yet, or be an empty folder.
  static lora_rt::Expected<StagedFolder> create(const std::string &target);

  /// `target` is a folder, and what it holds at the end stays; nothing of it
  /// may have a name of what is written.
  static lora_rt::Expected<StagedFolder>
  createAddition(const std::string &target);

  /// Where to write until then.
  const std::string &path() const { return staging; }
  std::string pathOf(const std::string &file) const {
    return staging + "/" + file;
  }

  lora_rt::Error writeText(const std::string &file,
                           const std::string &text) const;

  /// Copies a file, following links.
  lora_rt::Error copyFile(const std::string &from, const std::string &file);

  /// Flushes the folder to the disk and gives it its name.
  lora_rt::Error commit();

private:
  StagedFolder(std::string target, std::string staging, bool inside, bool adds)
      : target(std::move(target)), staging(std::move(staging)), inside(inside),
        adds(adds) {}

  static lora_rt::Expected<StagedFolder> stage(std::string target, bool adds);
  /// The last step; false, with errno, if it fails.
  bool place() const;

  std::string target, staging;
  /// Where `staging` lies: in the target, which must stay, or beside it.
  bool inside;
  bool adds;
};

/// Fails unless `path` is the name of a new folder, or of an empty one.
lora_rt::Error checkNewFolder(const std::string &path);

} // namespace lora

#endif // LORA_MLIR_SUPPORT_STAGEDFOLDER_H
