//===- RunFolder.h - The folder of a training run ---------------*- C++ -*-===//
//
// The folder is new or empty when a run begins. log.csv is created with the
// first step, and grows. The trained adapter appears at the end, in one step.
// If a run ends before its first step, nothing remains; if it ends later,
// log.csv remains, and a message says so.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_TRAINING_RUNFOLDER_H
#define LORA_MLIR_LIB_TRAINING_RUNFOLDER_H

#include "StepLog.h"

#include <optional>
#include <vector>

namespace lora {

class TrainingProgram;

class RunFolder {
public:
  RunFolder() = default;
  RunFolder(const RunFolder &) = delete;
  RunFolder &operator=(const RunFolder &) = delete;
  /// Removes the folders that it made, if they are still empty.
  ~RunFolder();

  /// Takes a new or empty folder; creates it and the folders above it if
  /// needed. A process may call this once, for its only run, because a signal
  /// that ends the process reports what remains of the run.
  lora_rt::Error open(const std::string &path);

  /// Writes a step to the log.
  lora_rt::Error add(const StepReport &report, double learningRate);

  /// Writes the present state of the adapter.
  lora_rt::Error writeAdapter(TrainingProgram &program);

  /// What a failed run leaves, as a text to append to the error; empty for
  /// nothing.
  std::string remains() const;

private:
  std::string path;
  /// Folders that were made, the deepest last.
  std::vector<std::string> made;
  std::optional<StepLog> log;
  int64_t steps = 0;
};

} // namespace lora

#endif // LORA_MLIR_LIB_TRAINING_RUNFOLDER_H
