//===- StepLog.h - log.csv --------------------------------------*- C++ -*-===//
//
// The log of a training run: step, loss, gradient norm, learning rate, tokens,
// seconds.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_TRAINING_STEPLOG_H
#define LORA_MLIR_LIB_TRAINING_STEPLOG_H

#include "lora-mlir/Training/Trainer.h"

#include <cstdio>
#include <memory>

namespace lora {

/// Writes a line as each step ends, so that an interrupted run leaves its
/// finished steps.
class StepLog {
public:
  /// Creates the file. An existing file or link is not replaced.
  static lora_rt::Expected<StepLog> create(const std::string &path);

  lora_rt::Error add(const StepReport &report, double learningRate);

private:
  struct Close {
    void operator()(std::FILE *file) const { std::fclose(file); }
  };

  StepLog(std::string path, std::FILE *file)
      : path(std::move(path)), file(file) {}

  /// Writes the buffered lines to the file.
  lora_rt::Error flush();

  std::string path;
  std::unique_ptr<std::FILE, Close> file;
};

} // namespace lora

#endif // LORA_MLIR_LIB_TRAINING_STEPLOG_H
