//===- StagedFolder.h - A folder that appears when it is complete ---------===//
//
// Everything is written to a folder beside the target. It takes the target's
// name when all of it is on the disk, or goes away.
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
  StagedFolder(std::string target, std::string staging)
      : target(std::move(target)), staging(std::move(staging)) {}

  std::string target, staging;
};

} // namespace lora

#endif // LORA_MLIR_SUPPORT_STAGEDFOLDER_H
