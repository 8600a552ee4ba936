//===- PackWriter.h - The weights of a compiled file ------------*- C++ -*-===//
//
// Writes the pack part of a compiled file from the weight expressions of a
// manifest, and enters offsets and checksums into the manifest.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_COMPILER_PACKWRITER_H
#define LORA_MLIR_LIB_COMPILER_PACKWRITER_H

#include "lora-mlir/Target/Manifest.h"
#include "lora-mlir/Weights/WeightEvaluator.h"
#include "lora-runtime/Payload.h"

namespace lora {

/// Writes the pack. All threads compute and pack pieces of parameters ahead of
/// the piece that is written; a few of them are in memory.
class PackWriter {
public:
  /// Called if a parameter is not finite, with the tensors of files from which
  /// it was made. Returns an error that names the first of them that is not
  /// finite, or success.
  using FiniteCheck = std::function<lora_rt::Error(
      llvm::ArrayRef<const lora_rt::TensorView *>)>;

  /// `resolve` is called by one thread at a time.
  PackWriter(lora_rt::PayloadWriter &writer, LeafResolver resolve,
             FiniteCheck checkFinite)
      : writer(writer), resolve(std::move(resolve)),
        checkFinite(std::move(checkFinite)) {}

  /// Evaluates, packs and writes every parameter, and enters its place into the
  /// manifest.
  lora_rt::Error
  write(ProgramDescription &program,
        const std::function<void(const std::string &)> &progress);

  /// The bytes of all parameters so far, without padding.
  uint64_t getBytes() const { return bytes; }

  const MergeEffect &getMergeEffect() const { return effect; }

private:
  lora_rt::PayloadWriter &writer;
  LeafResolver resolve;
  FiniteCheck checkFinite;
  uint64_t bytes = 0;
  MergeEffect effect;
};

} // namespace lora

#endif // LORA_MLIR_LIB_COMPILER_PACKWRITER_H
