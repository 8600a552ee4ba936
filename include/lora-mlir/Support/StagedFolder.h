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
#include "lora-runtime/Temporary.h"

#include <optional>
#include <span>
#include <string>

namespace lora {

class StagedFolder {
public:
  /// `target` must not exist yet, or be an empty folder.
  static lora_rt::Expected<StagedFolder> create(const std::string &target);

  /// `target` is a folder, and what it holds at the end stays; nothing of it
  /// may have a name of what is written.
  static lora_rt::Expected<StagedFolder>
  createAddition(const std::string &target);

  /// Where to write until then.
  const std::string &path() const { return staging.path(); }
  std::string pathOf(const std::string &file) const { return staging / file; }

  /// `mode` is `OutputFile::create`'s.
  lora_rt::Error writeText(const std::string &file, const std::string &text,
                           unsigned mode = 0666) const;

  /// The same in bytes; `file` may lie in a folder of its own.
  lora_rt::Error writeFile(const std::string &file,
                           std::span<const std::byte> bytes,
                           unsigned mode = 0666) const;

  /// Copies a regular file, following links, to `file`, which may lie in a
  /// folder of its own. The copy can be read by no more people than the file.
  lora_rt::Error copyFile(const std::string &from,
                          const std::string &file) const;

  /// Takes permissions that are not in `mode` from a file that was written.
  lora_rt::Error limitMode(const std::string &file, unsigned mode) const;

  /// Lets no more people into the folder than into `source`, from which it is
  /// filled, and nobody else before `commit`.
  lora_rt::Error protectLike(const std::string &source);

  /// Flushes the folder to the disk and gives it its name.
  lora_rt::Error commit();

private:
  StagedFolder(std::string target, lora_rt::TemporaryFolder staging,
               bool inside, bool adds)
      : target(std::move(target)), staging(std::move(staging)), inside(inside),
        adds(adds) {}

  static lora_rt::Expected<StagedFolder> stage(std::string target, bool adds);
  /// The last step; false, with errno, if it fails.
  bool place() const;

  std::string target;
  lora_rt::TemporaryFolder staging;
  /// Where `staging` lies: in the target, which must stay, or beside it.
  bool inside;
  bool adds;
  /// Its permissions once it has its name, if they were set.
  std::optional<unsigned> mode;
};

/// Fails unless `path` is the name of a new folder, or of an empty one.
lora_rt::Error checkNewFolder(const std::string &path);

/// The permissions of a copy of a file, for `OutputFile::create`.
unsigned modeOfCopy(const std::string &path);

/// Takes permissions that are not in `mode` from a file.
lora_rt::Error limitMode(const std::string &path, unsigned mode);

} // namespace lora

#endif // LORA_MLIR_SUPPORT_STAGEDFOLDER_H
