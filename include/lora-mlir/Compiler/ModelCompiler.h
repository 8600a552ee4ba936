//===- ModelCompiler.h - A model and an adapter to one file -----*- C++ -*-===//

#ifndef LORA_MLIR_COMPILER_MODELCOMPILER_H
#define LORA_MLIR_COMPILER_MODELCOMPILER_H

#include "lora-mlir/Compiler/Compiler.h"
#include "lora-mlir/Import/WeightedAdapter.h"
#include "lora-mlir/Weights/WeightEvaluator.h"

#include <optional>

namespace lora {

/// What to make of which folders.
struct ModelOptions {
  /// A Hugging Face folder.
  std::string modelFolder;
  /// PEFT folders, whose changes add up; or none.
  std::vector<WeightedAdapter> adapters;
  /// Fold the adapters into the weights; otherwise it is computed beside
  /// them.
  bool merge = true;
  /// The type to compute in; the checkpoint's if not given.
  std::optional<lora_rt::DType> dtype;
  std::string march = "native";
  /// Numbers of tokens to compile for: a call of another number is cut into
  /// these, and the rest padded. By default 1, 16 and 128; of an encoder 16,
  /// 128 and its longest sequence, up to 512.
  std::vector<int64_t> tokens;
  Kernels kernels = Kernels::OneDNN;
  /// Store frozen weights in oneDNN's layout.
  bool pack = true;
  /// Carry oneDNN and what it needs in the file.
  bool portable = false;
  /// Gets a line per stage and, in long ones, now and then.
  std::function<void(const std::string &)> progress;
  /// Gets warnings.
  std::function<void(const std::string &)> warning;
};

/// What was made.
struct CompileReport {
  uint64_t fileBytes = 0, codeBytes = 0, packBytes = 0;
  size_t parameters = 0; ///< tensors in the pack
  double seconds = 0;
  MergeEffect merge;
  uint64_t peakBytes = 0; ///< that this process had in memory at most
};

/// Compiles a model to a program that runs by itself. The file appears under
/// its name when it is complete. Weights are computed and written in pieces, on
/// all threads, while native code is made.
lora_rt::Expected<CompileReport> compileModel(const ModelOptions &options,
                                              const std::string &output);

/// The text of a model at a stage; reads no weights.
lora_rt::Expected<std::string> printModel(const ModelOptions &options,
                                          Stage stage);

} // namespace lora

#endif // LORA_MLIR_COMPILER_MODELCOMPILER_H
