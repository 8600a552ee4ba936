//===- RunFolder.h - The folder of a training run ---------------*- C++ -*-===//
//
// It is new or empty when a run begins. log.csv comes with the first step and
// grows; the trained adapter comes at the end, in one step. A run that ends
// before its first step leaves nothing, one that ends later leaves log.csv and
// says so.
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

  /// Takes a folder, which is new or empty; makes it, and those above it.
  /// Called once, from the one run that a process has at a time: a signal that
  /// ends the process says what is left of it.
  lora_rt::Error open(const std::string &path);

  /// Writes a step to the log.
  lora_rt::Error add(const StepReport &report, double learningRate);

  /// Writes the adapter as it is now.
  lora_rt::Error writeAdapter(TrainingProgram &program);

  /// What a run that failed leaves, to be put behind the reason; empty for
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
