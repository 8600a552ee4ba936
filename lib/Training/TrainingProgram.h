//===- TrainingProgram.h - A compiled training step -------------*- C++ -*-===//
//
// The model with its adapter, compiled to steps that run in this process: from
// the folders to the loss of a batch.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_TRAINING_TRAININGPROGRAM_H
#define LORA_MLIR_LIB_TRAINING_TRAININGPROGRAM_H

#include "lora-mlir/Import/OpenedModel.h"
#include "lora-mlir/Target/Manifest.h"
#include "lora-mlir/Training/Trainer.h"
#include "lora-runtime/Executable.h"
#include "lora-runtime/TrainingData.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

#include <array>
#include <set>

namespace lora {

struct StepResult {
  float loss = 0;
  float gradientNorm = 0;
};

/// The model, its trainable adapter, and the code of a step for each padded
/// length that occurs.
class TrainingProgram {
public:
  /// Reads the model and the adapter, and makes the graph of a step.
  static lora_rt::Expected<std::unique_ptr<TrainingProgram>>
  create(const TrainingOptions &options);

  /// The size of the vocabulary, and the longest row that the model accepts.
  std::pair<int64_t, int64_t> limits() const;

  /// Compiles a step for each padded length that is needed for batches whose
  /// longest rows have these lengths. Loads the code, and sets the trainables
  /// to the adapter's values.
  lora_rt::Error compile(const std::set<int64_t> &longestRows);

  /// The padded length of a batch with this longest row.
  int64_t lengthFor(int64_t longestRow) const;

  /// Runs a step: forward, backward, update.
  lora_rt::Expected<StepResult>
  run(const lora_rt::TrainingBatch &batch,
      const std::array<float, 8> &hyperparameters);

  lora_rt::Instance &instance() { return *loaded; }
  const ProgramDescription &description() const { return program; }
  const peft::PeftAdapter &adapter() const {
    return model.adapters.front().files;
  }

private:
  explicit TrainingProgram(const TrainingOptions &options);

  lora_rt::Error buildGraph();
  lora_rt::Error load(const std::string &code);

  const TrainingOptions &options;
  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  OpenedModel model;
  ProgramDescription program;
  std::set<int64_t> lengths;
  /// The processor time that building the graph took, in seconds.
  double graphSeconds = 0;
  /// The parameters whose values differ from those in a file, so that they are
  /// computed in memory.
  std::vector<std::vector<std::byte>> computed;
  std::unique_ptr<lora_rt::Instance> loaded;
};

} // namespace lora

#endif // LORA_MLIR_LIB_TRAINING_TRAININGPROGRAM_H
