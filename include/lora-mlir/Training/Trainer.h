//===- Trainer.h - Fine-tuning an adapter -----------------------*- C++ -*-===//
//
// Compiles a model with a trainable adapter into training steps and runs them.
// The frozen weights stay in the mapped checkpoint where the type allows it;
// the adapter's masters, gradients and moments are f32.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_TRAINING_TRAINER_H
#define LORA_MLIR_TRAINING_TRAINER_H

#include "lora-runtime/Error.h"
#include "lora-runtime/Numeric.h"

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>

namespace lora {

/// torch.optim.AdamW with decoupled weight decay on every trained tensor, after
/// clipping by the global norm.
struct AdamWOptions {
  double learningRate = 1e-4;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weightDecay = 0;
  /// Gradients are multiplied by min(1, clip / (norm + 1e-6)).
  double clip = std::numeric_limits<double>::infinity();
};

/// What a step reports.
struct StepReport {
  int64_t step = 0; ///< from 1
  double loss = 0;
  double gradientNorm = 0; ///< before clipping
  int64_t tokens = 0;      ///< without padding
  double seconds = 0;
};

struct TrainingOptions {
  std::string modelFolder;
  std::string adapterFolder;
  /// JSON Lines of token ids; see TrainingData.h.
  std::string dataFile;
  /// Gets log.csv, and at the end adapter_config.json and
  /// adapter_model.safetensors. New, or empty.
  std::string outputFolder;
  /// If not empty: gets the gradients of the first step before clipping, named
  /// as in adapter_model.safetensors.
  std::string gradientsFile;
  int64_t steps = 1;
  int64_t batchSize = 1;
  AdamWOptions optimizer;
  /// F32 or BF16; by default the checkpoint's type.
  std::optional<lora_rt::DType> dtype;
  /// 0: as many as the process may use cores.
  unsigned threads = 0;
  /// The CPU that the steps are compiled for.
  std::string march = "native";

  /// Gets progress: what is being done, sizes, warnings.
  std::function<void(const std::string &)> progress;
  /// Gets each step when it is done.
  std::function<void(const StepReport &)> report;
};

/// Trains and writes the adapter. On failure the output folder is what it was,
/// or, after the first step, has a log.csv of the steps that were done and no
/// adapter; the message says so. Outputs that are inputs, or lie in them, are
/// refused before anything is read.
lora_rt::Error train(const TrainingOptions &options);

} // namespace lora

#endif // LORA_MLIR_TRAINING_TRAINER_H
