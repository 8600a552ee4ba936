//===- ModelFolder.h - Writing a Hugging Face folder ------------*- C++ -*-===//
//
// Writes a folder that has the files and the shards of another one, with other
// values. One tensor is in memory at a time.
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

/// The file beside the weights that keeps what rounding lost.
inline constexpr const char *kExactFile = "lora_exact.safetensors";

/// A tensor that will be written to a model folder.
struct OutputTensor {
  lora_rt::TensorSpec spec;
  /// The name of its shard.
  std::string file;
};

/// The tensors of a checkpoint with their shards, sorted by shard and name.
std::vector<OutputTensor> listTensors(const lora_rt::Checkpoint &checkpoint);

/// Gives the bytes of a tensor. They stay valid until the next call.
using Producer = std::function<lora_rt::Expected<std::span<const std::byte>>(
    const OutputTensor &tensor)>;

/// The permissions that all files of a checkpoint have in common, for
/// `OutputFile::create`. So nobody can read the result who could not read each
/// of the files.
unsigned modeOfWeights(const lora_rt::Checkpoint &checkpoint);

/// Writes the shards and, if there are several, their index, with the
/// permissions `mode`.
lora_rt::Error
writeShards(const StagedFolder &folder, std::vector<OutputTensor> tensors,
            const Producer &produce, unsigned mode,
            const std::function<void(const std::string &)> &progress);

/// The text of a config.json with some keys changed. The other keys keep their
/// values and their order. `values` are JSON.
lora_rt::Expected<std::string>
editConfig(const std::string &text, const std::string &where,
           const std::map<std::string, std::string> &values);

/// The 128-bit hash XXH3 as 32 hexadecimal digits.
std::string checksum(std::span<const std::byte> bytes);

} // namespace lora

#endif // LORA_MLIR_LIB_ADAPTER_MODELFOLDER_H
