//===- StagedFolder.h - A folder that appears when it is complete ---------===//
//
// Everything is written to a folder beside the target. This folder gets the
// target's name when all of it is on the disk; otherwise it is removed. So the
// target is complete at any moment, however the process ends. If the target
// cannot be replaced, because it is the root of a mount or the working
// directory, the files are moved into it. The config then comes last, because a
// folder without it is neither a model nor an adapter.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_SUPPORT_STAGEDFOLDER_H
#define LORA_MLIR_SUPPORT_STAGEDFOLDER_H

#include "lora-runtime/File.h"
#include "lora-runtime/Temporary.h"

#include <optional>
#include <span>
#include <string>

namespace lora {

class StagedFolder {
public:
  /// `target` must not exist yet, or be an empty folder.
  static lora_rt::Expected<StagedFolder> create(const std::string &target);

  /// `target` is a folder whose files stay. None of them may have the name of a
  /// file that is written.
  static lora_rt::Expected<StagedFolder>
  createAddition(const std::string &target);

  /// The folder in which to write before `commit`.
  const std::string &path() const { return staging.path(); }
  std::string pathOf(const std::string &file) const { return staging / file; }

  /// Writes a text file; `mode` is that of `OutputFile::create`.
  lora_rt::Error writeText(const std::string &file, const std::string &text,
                           unsigned mode = 0666) const;

  /// The same for bytes. `file` may be in a subfolder.
  lora_rt::Error writeFile(const std::string &file,
                           std::span<const std::byte> bytes,
                           unsigned mode = 0666) const;

  /// Copies a regular file, following links, to `file`, which may be in a
  /// subfolder. Nobody can read the copy who cannot read the original.
  lora_rt::Error copyFile(const std::string &from,
                          const std::string &file) const;

  /// Removes permissions that are not in `mode` from a file that was written.
  lora_rt::Error limitMode(const std::string &file, unsigned mode) const;

  /// Gives nobody access to the folder who has no access to `source`, from
  /// which it is filled; and gives others no access at all before `commit`.
  lora_rt::Error protectLike(const std::string &source);

  /// Flushes the folder to the disk and gives it the target's name.
  lora_rt::Error commit();

private:
  StagedFolder(std::string target, lora_rt::TemporaryFolder staging,
               bool inside, bool adds)
      : target(std::move(target)), staging(std::move(staging)), inside(inside),
        adds(adds) {}

  static lora_rt::Expected<StagedFolder> stage(std::string target, bool adds);
  /// The last step. Returns false, with errno, if it fails.
  bool place() const;

  std::string target;
  lora_rt::TemporaryFolder staging;
  /// Whether `staging` is inside the target, which must stay, or beside it.
  bool inside;
  bool adds;
  /// The permissions of the folder after `commit`, if they were set.
  std::optional<unsigned> mode;
};

/// Fails unless `path` is the name of a new folder, or of an empty one.
lora_rt::Error checkNewFolder(const std::string &path);

/// The permissions of a copy of a file, for `OutputFile::create`.
unsigned modeOfCopy(const std::string &path);

/// Removes permissions that are not in `mode` from a file.
lora_rt::Error limitMode(const std::string &path, unsigned mode);

} // namespace lora

#endif // LORA_MLIR_SUPPORT_STAGEDFOLDER_H
