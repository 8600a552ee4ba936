//===- PackWriter.h - The weights of a compiled file ------------*- C++ -*-===//

#ifndef LORA_MLIR_LIB_COMPILER_PACKWRITER_H
#define LORA_MLIR_LIB_COMPILER_PACKWRITER_H

#include "lora-mlir/Target/Manifest.h"
#include "lora-mlir/Weights/WeightEvaluator.h"
#include "lora-runtime/Payload.h"

namespace lora {

/// Writes the pack. Pieces of parameters are computed and packed on all
/// threads, ahead of the one that is written: a few of them are in memory.
class PackWriter {
public:
  /// Why a parameter that was made of these tensors of files is not finite:
  /// an error that names the first of them that is not, or success.
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
  write(ModuleManifest &manifest,
        const std::function<void(const std::string &)> &progress);

  /// Of all parameters so far, without the padding between them.
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
