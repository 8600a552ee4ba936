//===- ModelFolder.h - Writing a Hugging Face folder ------------*- C++ -*-===//
//
// A folder like another one: the same files, the same shards, other numbers.
// One tensor is in memory at a time.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_ADAPTER_MODELFOLDER_H
#define LORA_MLIR_LIB_ADAPTER_MODELFOLDER_H

#include "lora-mlir/Support/StagedFolder.h"
#include "lora-runtime/Checkpoint.h"

#include <functional>
#include <map>
#include <vector>

namespace lora {

/// The file that says what rounding lost, beside the weights.
inline constexpr const char *kExactFile = "lora_exact.safetensors";

/// A tensor that a model folder gets.
struct OutputTensor {
  lora_rt::TensorSpec spec;
  /// The shard that it is written to.
  std::string file;
};

/// The tensors of a checkpoint where they are, in the order of its shards.
std::vector<OutputTensor> listTensors(const lora_rt::Checkpoint &checkpoint);

/// Gives the bytes of a tensor; they stay valid until the next call.
using Producer = std::function<lora_rt::Expected<std::span<const std::byte>>(
    const OutputTensor &tensor)>;

/// The permissions of all the files of a checkpoint together, for
/// `OutputFile::create`: nobody may read what is made of them who could not
/// read each of them.
unsigned modeOfWeights(const lora_rt::Checkpoint &checkpoint);

/// Writes shards and, where there are several, their index, with the
/// permissions `mode`.
lora_rt::Error
writeShards(const StagedFolder &folder, std::vector<OutputTensor> tensors,
            const Producer &produce, unsigned mode,
            const std::function<void(const std::string &)> &progress);

/// A config.json's text with some keys changed; others stay as and where they
/// are. `values` are JSON.
lora_rt::Expected<std::string>
editConfig(const std::string &text, const std::string &where,
           const std::map<std::string, std::string> &values);

/// XXH3's 128-bit hash as 32 hexadecimal digits.
std::string checksum(std::span<const std::byte> bytes);

} // namespace lora

#endif // LORA_MLIR_LIB_ADAPTER_MODELFOLDER_H
