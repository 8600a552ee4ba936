//===- Compiler.h - Graphs to executables -----------------------*- C++ -*-===//
//
// Compiles a graph to an executable in memory, or prints it at a stage on the
// way. ModelCompiler.h compiles folders to a file with these functions.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_COMPILER_COMPILER_H
#define LORA_MLIR_COMPILER_COMPILER_H

#include "lora-mlir/Compiler/Pipelines.h"
#include "lora-mlir/DiagnosticText.h"
#include "lora-mlir/Instrumentation.h"
#include "lora-mlir/Support/Cache.h"
#include "lora-mlir/Target/Manifest.h"
#include "lora-runtime/Error.h"
#include "lora-runtime/Numeric.h"

#include <functional>

namespace lora {

/// How a graph is lowered to kernels: the options of buildLoweringPipeline.
struct LoweringSettings {
  /// The public functions to compile; all if empty.
  std::vector<std::string> functions;
  /// The numbers of tokens to compile each of them for.
  std::vector<int64_t> tokens;
  /// What computes the matrix products.
  Kernels kernels = Kernels::OneDNN;
  /// Store frozen weights in oneDNN's layout.
  bool pack = true;
  /// Use the definition of attention, over all keys, instead of tiled loops.
  bool referenceAttention = false;
};

/// The target, and how the graph is lowered.
struct CompileOptions {
  /// "native", a level ("x86-64-v3") or the name of a CPU.
  std::string march = "native";
  /// The engine that runs primitives. It is written into the manifest, and the
  /// runtime opens the backend of this name.
  std::string engine = "cpu";
  /// The options of the lowering pipeline.
  LoweringSettings lowering;
  /// The cache in which code is searched before it is generated, and stored
  /// afterwards; null for none. Cached code is the same, byte for byte.
  const Cache *codeCache = nullptr;
  /// Observes the passes that run.
  Instrumentation instrumentation;
  /// Called with warnings and remarks.
  std::function<void(const std::string &)> note;
};

/// Native code and its description.
struct CompiledExecutable {
  /// An ELF shared object that exports lora_rt_code_query.
  std::string code;
  /// Whether the code was in the cache.
  bool codeWasCached = false;
  /// The manifest, and the values of its parameters.
  ProgramDescription description;
};

/// Compiles a graph of the dialects transformer and lora. The graph is not
/// changed. `meanwhile` is called with the description as soon as it exists. It
/// runs in the calling thread while another thread generates native code. If
/// both fail, the error of `meanwhile` is returned.
lora_rt::Expected<CompiledExecutable> compileInMemory(
    mlir::ModuleOp graph, const CompileOptions &options,
    llvm::function_ref<lora_rt::Error(ProgramDescription &)> meanwhile =
        nullptr);

/// The stages at which a compilation can be printed.
enum class Stage {
  Graph,    ///< The model after the adapter was merged or fused.
  Kernels,  ///< The rt dialect: loops, primitives, planned memory.
  LLVMIR,   ///< Optimised LLVM IR.
  Assembly, ///< The assembly code of the target.
};

/// The text of a graph at a stage.
lora_rt::Expected<std::string>
printStage(mlir::ModuleOp graph, const CompileOptions &options, Stage stage);

} // namespace lora

#endif // LORA_MLIR_COMPILER_COMPILER_H
