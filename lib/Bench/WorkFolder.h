//===- WorkFolder.h - Files of a run, and its end by a signal ---*- C++ -*-===//
//
// A benchmark writes gigabytes of files. They lie in one folder, which is
// removed however the run ends, unless the user keeps it.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_BENCH_WORKFOLDER_H
#define LORA_MLIR_LIB_BENCH_WORKFOLDER_H

#include "lora-runtime/Temporary.h"

#include <string>

namespace lora::bench {

/// A new folder. It is removed with all its contents unless it is kept.
class WorkFolder {
public:
  /// Creates it below `parent`, or in the folder for temporary files if that is
  /// empty.
  static lora_rt::Expected<WorkFolder> create(const std::string &parent,
                                              bool keeps);
  const std::string &path() const { return folder; }
  std::string operator/(const std::string &name) const {
    return folder + "/" + name;
  }

private:
  WorkFolder() = default;

  std::string folder;
  std::optional<lora_rt::TemporaryFolder> temporary;
};

/// The bytes of a checkpoint's files.
uint64_t checkpointBytes(const std::string &modelFolder);

/// Copies the weights of a checkpoint to a folder, with fsync, and removes them
/// again. Returns the seconds that the copy took.
lora_rt::Expected<double> timeCopy(const std::string &modelFolder,
                                   const std::string &target);

/// Fails unless the disk of a folder has at least `needed` bytes free.
lora_rt::Error checkSpace(const std::string &folder, uint64_t needed);

/// The folder of the running program.
std::string programFolder();

/// From now on, SIGINT, SIGTERM and SIGHUP end the run like an error, so that
/// its files are removed.
void endOnSignals();

/// Whether one of these signals has arrived.
bool isEnding();

/// Ends the process by the signal that arrived, if there is one.
void passOnSignal();

} // namespace lora::bench

#endif // LORA_MLIR_LIB_BENCH_WORKFOLDER_H
