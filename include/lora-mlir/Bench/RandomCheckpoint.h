//===- RandomCheckpoint.h - Random models and adapters --------------------===//
//
// Writes a Hugging Face folder and a PEFT folder that have the files of real
// ones, but random numbers: speed and memory depend on shapes, not on the
// values. The numbers are such that activations stay finite and are not
// denormal. Tensors are written in pieces, so the model is never in memory as a
// whole.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_BENCH_RANDOMCHECKPOINT_H
#define LORA_MLIR_BENCH_RANDOMCHECKPOINT_H

#include "lora-runtime/Numeric.h"

#include <functional>
#include <optional>
#include <span>
#include <string>

namespace lora::bench {

/// The shape of a random checkpoint, and where it is written.
struct CheckpointOptions {
  /// The text of the model's config.json, and its name in messages.
  std::string config, where;
  /// The folder to make: FOLDER/model, and FOLDER/adapter if there is an
  /// adapter. These must not exist, or must be empty.
  std::string folder;
  /// F32, BF16 or F16. By default the type in the config (`torch_dtype`,
  /// `dtype`), or F32.
  std::optional<lora_rt::DType> dtype;
  /// Whether the model is written; otherwise only the adapter is.
  bool writesModel = true;
  /// The rank of the adapter on every linear layer of the blocks; 0 for no
  /// adapter.
  int64_t rank = 0;
  /// The seed of all tensors.
  uint64_t seed = 0;
  /// A larger checkpoint is split into shards of at most this size, unless one
  /// tensor is larger.
  uint64_t shardBytes = 5'000'000'000;
  /// Called with a line for each stage.
  std::function<void(const std::string &)> progress;
};

/// What was written.
struct CheckpointFacts {
  /// FOLDER/model.
  std::string modelFolder;
  /// Empty if there is no adapter. `modelFolder` is empty if no model was
  /// written.
  std::string adapterFolder;
  /// The number of values in the model and in the adapter.
  int64_t parameters = 0, adapterParameters = 0;
  /// The bytes of the model's tensors, and the number of its files.
  uint64_t bytes = 0;
  size_t shards = 1;
  /// The number of linear layers with a branch.
  int64_t branches = 0;
};

/// Fails before the first byte is written if the configuration cannot be
/// imported or the disk does not have enough space.
lora_rt::Expected<CheckpointFacts>
writeRandomCheckpoint(const CheckpointOptions &options);

/// Computes the elements `first`, `first` + 1, ... of the tensor `name`. They
/// are independent, have the given mean and standard deviation, and are at most
/// sqrt(6) deviations from the mean. An element depends only on the seed, the
/// name and its index (Philox4x32-10, Salmon et al. 2011).
void fillRandom(uint64_t seed, std::string_view name, uint64_t first,
                float mean, float deviation, std::span<float> values);

} // namespace lora::bench

#endif // LORA_MLIR_BENCH_RANDOMCHECKPOINT_H
