//===- PackWriter.h - The weights of a compiled file ------------*- C++ -*-===//

#ifndef LORA_MLIR_LIB_TARGET_COMPILER_PACKWRITER_H
#define LORA_MLIR_LIB_TARGET_COMPILER_PACKWRITER_H

#include "lora-mlir/Target/Manifest.h"
#include "lora-mlir/Target/WeightEvaluator.h"
#include "lora-runtime/Payload.h"

#include <cstdlib>
#include <memory>

namespace lora {

/// Memory for a piece of a parameter, aligned as oneDNN's conversions want it;
/// kept for the next one.
class PieceRoom {
public:
  /// Empty if there is no memory.
  std::span<std::byte> get(size_t size);

private:
  struct Free {
    void operator()(std::byte *bytes) const { std::free(bytes); }
  };
  size_t capacity = 0;
  std::unique_ptr<std::byte, Free> data;
};

/// Writes the pack: a piece of one tensor at a time is in memory.
class PackWriter {
public:
  PackWriter(lora_rt::PayloadWriter &writer, LeafResolver resolve);

  /// Evaluates, packs and writes every parameter, and enters its place into the
  /// manifest.
  lora_rt::Error
  write(ModuleManifest &manifest,
        const std::function<void(const std::string &)> &progress);

  /// Of all parameters so far, without the padding between them.
  uint64_t getBytes() const { return bytes; }

  const MergeEffect &getMergeEffect() const { return effect; }

private:
  lora_rt::Expected<lora_rt::PackedPlace> writeOne(const BoundValue &value);

  lora_rt::PayloadWriter &writer;
  /// Tensors of files that the current parameter was made of.
  std::vector<const lora_rt::TensorView *> used;
  LeafResolver resolve;
  WeightEvaluator evaluator;
  PieceRoom computedRoom, packedRoom;
  uint64_t bytes = 0;
  MergeEffect effect;
};

} // namespace lora

#endif // LORA_MLIR_LIB_TARGET_COMPILER_PACKWRITER_H
