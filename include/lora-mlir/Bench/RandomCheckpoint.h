//===- RandomCheckpoint.h - Models and adapters of random numbers -*- C++
//-*-===//
//
// A Hugging Face folder and a PEFT folder that look like real ones and hold
// random numbers: speed and memory depend on shapes, not on what was learned.
// Numbers are such that activations stay finite and are not denormal. Tensors
// are written in pieces; the model is never in memory.
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

struct CheckpointOptions {
  /// The text of the model's config.json, and what stands for it in messages.
  std::string config, where;
  /// Folder to make: FOLDER/model, and FOLDER/adapter if there is one. Neither
  /// may be there already, unless empty.
  std::string folder;
  /// F32, BF16 or F16; that of the config (`torch_dtype`, `dtype`), or F32, if
  /// not given.
  std::optional<lora_rt::DType> dtype;
  /// Whether to write the model; otherwise the adapter alone.
  bool writesModel = true;
  /// Rank of the adapter on every linear layer of the blocks; 0 for none.
  int64_t rank = 0;
  uint64_t seed = 0;
  /// A checkpoint of more bytes is split into shards of at most so many, as far
  /// as a tensor fits one.
  uint64_t shardBytes = 5'000'000'000;
  /// Gets a line per stage.
  std::function<void(const std::string &)> progress;
};

/// What was written.
struct CheckpointFacts {
  std::string modelFolder;
  /// Empty without an adapter. The other one is empty if it was not written.
  std::string adapterFolder;
  int64_t parameters = 0, adapterParameters = 0;
  uint64_t bytes = 0;
  size_t shards = 1;
  /// Linear layers that have a branch.
  int64_t branches = 0;
};

/// Fails before the first byte if the configuration cannot be imported or the
/// disk has no room.
lora_rt::Expected<CheckpointFacts>
writeRandomCheckpoint(const CheckpointOptions &options);

/// Elements `first`, `first` + 1, ... of the tensor `name`: independent, of the
/// given mean and standard deviation, at most sqrt(6) deviations from the mean.
/// An element depends on the seed, the name and its index alone
/// (Philox4x32-10, Salmon et al. 2011).
void fillRandom(uint64_t seed, std::string_view name, uint64_t first,
                float mean, float deviation, std::span<float> values);

} // namespace lora::bench

#endif // LORA_MLIR_BENCH_RANDOMCHECKPOINT_H
