//===- Trainer.h - Fine-tuning an adapter -----------------------*- C++ -*-===//
//
// Compiles a model with a trainable adapter into training steps and runs them.
// Frozen weights stay in the mapped checkpoint if their type permits it. The
// adapter's master weights, gradients and moments are f32.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_TRAINING_TRAINER_H
#define LORA_MLIR_TRAINING_TRAINER_H

#include "lora-mlir/Instrumentation.h"
#include "lora-mlir/Support/Cache.h"
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
  /// The step size of the update (Loshchilov and Hutter 2019).
  double learningRate = 1e-4;
  /// The decay rates of the first and second moment; below 1.
  double beta1 = 0.9;
  double beta2 = 0.999;
  /// Added to the square root of the second moment.
  double eps = 1e-8;
  /// A step multiplies values by 1 - learningRate * weightDecay.
  double weightDecay = 0;
  /// Gradients are multiplied by min(1, clip / (norm + 1e-6)).
  double clip = std::numeric_limits<double>::infinity();
};

/// The results of one step.
struct StepReport {
  int64_t step = 0;        ///< The number of the step; the first is 1.
  double loss = 0;         ///< The mean over the counted tokens.
  double gradientNorm = 0; ///< The norm of the gradient before clipping.
  int64_t tokens = 0;      ///< The number of tokens, without padding.
  double seconds = 0;
};

/// The input, the output and the settings of a training run.
struct TrainingOptions {
  /// The Hugging Face folder of the base model.
  std::string modelFolder;
  /// The PEFT folder with the initial adapter.
  std::string adapterFolder;
  /// The file of rows, JSON Lines with token ids; see TrainingData.h.
  std::string dataFile;
  /// The output folder, new or empty. It gets log.csv, and at the end
  /// adapter_config.json and adapter_model.safetensors.
  std::string outputFolder;
  /// If not empty: the file for the gradients of the first step before
  /// clipping, named as in adapter_model.safetensors.
  std::string gradientsFile;
  /// The number of steps.
  int64_t steps = 1;
  /// The number of rows in a step.
  int64_t batchSize = 1;
  AdamWOptions optimizer;
  /// F32 or BF16; by default the checkpoint's type.
  std::optional<lora_rt::DType> dtype;
  /// The number of threads; 0 for the number of cores that the process may use.
  unsigned threads = 0;
  /// The CPU for which the steps are compiled.
  std::string march = "native";
  /// The cache for the step's code; null for none.
  const Cache *codeCache = nullptr;
  /// Sees the passes that run, and times the rest.
  Instrumentation instrumentation;

  /// Called with progress: stages, sizes, warnings.
  std::function<void(const std::string &)> progress;
  /// Called after each step.
  std::function<void(const StepReport &)> report;
};

/// Trains and writes the adapter. If it fails before the first step is
/// finished, the output folder is unchanged. Later it has a log.csv of the
/// finished steps and no adapter, and the message says so. An output that is an
/// input, or lies in one, is refused before anything is read.
lora_rt::Error train(const TrainingOptions &options);

} // namespace lora

#endif // LORA_MLIR_TRAINING_TRAINER_H
