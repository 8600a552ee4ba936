//===- WorkFolder.h - Files of a run, and its end by a signal ---*- C++ -*-===//

#ifndef LORA_MLIR_LIB_BENCH_WORKFOLDER_H
#define LORA_MLIR_LIB_BENCH_WORKFOLDER_H

#include "lora-runtime/Temporary.h"

#include <string>

namespace lora::bench {

/// A new folder, removed with all that is in it unless it is kept.
class WorkFolder {
public:
  /// Below `parent`, or where temporary files are.
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

/// Bytes of the files of a checkpoint.
uint64_t checkpointBytes(const std::string &modelFolder);

/// Copies the weights of a checkpoint to a folder, with fsync, and removes them
/// again; the seconds that copying took.
lora_rt::Expected<double> timeCopy(const std::string &modelFolder,
                                   const std::string &target);

/// Fails unless the disk of a folder has so many bytes left.
lora_rt::Error checkSpace(const std::string &folder, uint64_t needed);

/// The folder of the running program.
std::string programFolder();

/// From now on SIGINT, SIGTERM and SIGHUP let the run end as if something had
/// failed, so that its files are removed.
void endOnSignals();

/// Whether one of them came.
bool isEnding();

/// Ends the process by the signal that came, if one did.
void passOnSignal();

} // namespace lora::bench

#endif // LORA_MLIR_LIB_BENCH_WORKFOLDER_H
