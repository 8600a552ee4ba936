//===- ModelCompiler.h - A model and an adapter to one file -----*- C++ -*-===//
//
// The whole compilation behind lora-compile: opens the folders, imports the
// graph, attaches the adapters, compiles, and writes the file with its weights.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_COMPILER_MODELCOMPILER_H
#define LORA_MLIR_COMPILER_MODELCOMPILER_H

#include "lora-mlir/Compiler/Compiler.h"
#include "lora-mlir/Import/WeightedAdapter.h"
#include "lora-mlir/Weights/WeightEvaluator.h"

#include <optional>

namespace lora {

/// The input folders and the options of a compilation.
struct ModelOptions {
  /// A Hugging Face folder.
  std::string modelFolder;
  /// PEFT folders whose changes are added; may be empty.
  std::vector<WeightedAdapter> adapters;
  /// Merge the adapters into the weights; otherwise they are computed
  /// separately.
  bool merge = true;
  /// The compute type; by default the checkpoint's.
  std::optional<lora_rt::DType> dtype;
  /// "native", a level ("x86-64-v3") or the name of a CPU.
  std::string march = "native";
  /// The numbers of tokens to compile for. A call of another number is split
  /// into these, and the rest is padded. The default is 1, 16 and 128; for an
  /// encoder 16, 128 and its longest sequence, up to 512.
  std::vector<int64_t> tokens;
  /// What computes the matrix products.
  Kernels kernels = Kernels::OneDNN;
  /// Store frozen weights in oneDNN's layout.
  bool pack = true;
  /// Put oneDNN and the libraries that it needs into the file.
  bool portable = false;
  /// Put the tokenizer, chat templates, the defaults of generation and the
  /// names of labels into the file, if the folder has a tokenizer.
  bool text = true;
  /// The cache of code; null for none.
  const Cache *codeCache = nullptr;
  /// Sees the passes that run, and times the rest.
  Instrumentation instrumentation;
  /// Called with a line for each stage, and from time to time in long ones.
  std::function<void(const std::string &)> progress;
  /// Called with warnings.
  std::function<void(const std::string &)> warning;
};

/// The sizes of what was made.
struct CompileReport {
  /// The sizes of the file, of its code and of its parameters.
  uint64_t fileBytes = 0, codeBytes = 0, packBytes = 0;
  size_t parameters = 0; ///< The number of tensors in the pack.
  double seconds = 0;    ///< The time of the whole compilation.
  /// Whether the code was found in the cache.
  bool codeWasCached = false;
  MergeEffect merge;      ///< How much the adapters changed the weights.
  uint64_t peakBytes = 0; ///< The most bytes that this process had in memory.
};

/// Compiles a model to a program that can be run directly. The file appears
/// under its name when it is complete. All threads compute and write weights in
/// pieces, while another thread generates native code.
lora_rt::Expected<CompileReport> compileModel(const ModelOptions &options,
                                              const std::string &output);

/// The text of a model at a stage. Reads no weights.
lora_rt::Expected<std::string> printModel(const ModelOptions &options,
                                          Stage stage);

} // namespace lora

#endif // LORA_MLIR_COMPILER_MODELCOMPILER_H
