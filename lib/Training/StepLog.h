//===- StepLog.h - log.csv --------------------------------------*- C++ -*-===//

#ifndef LORA_MLIR_LIB_TRAINING_STEPLOG_H
#define LORA_MLIR_LIB_TRAINING_STEPLOG_H

#include "lora-mlir/Training/Trainer.h"

#include <cstdio>
#include <memory>

namespace lora {

/// A line per step, written as the step ends, so that an interrupted run leaves
/// what it did.
class StepLog {
public:
  /// Creates the file; one that is there, or a link, is left alone.
  static lora_rt::Expected<StepLog> create(const std::string &path);

  lora_rt::Error add(const StepReport &report, double learningRate);

private:
  struct Close {
    void operator()(std::FILE *file) const { std::fclose(file); }
  };

  StepLog(std::string path, std::FILE *file)
      : path(std::move(path)), file(file) {}

  /// Gives the file what was printed.
  lora_rt::Error flush();

  std::string path;
  std::unique_ptr<std::FILE, Close> file;
};

} // namespace lora

#endif // LORA_MLIR_LIB_TRAINING_STEPLOG_H
