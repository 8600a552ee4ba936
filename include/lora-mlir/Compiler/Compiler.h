//===- Compiler.h - Models to executables and files -------------*- C++ -*-===//
//
// What tools call to compile a graph to an executable in memory, and a Hugging
// Face folder and an adapter to a file.
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

/// How a graph becomes kernels: the options of buildLoweringPipeline.
struct LoweringSettings {
  /// The public functions to compile; all if empty.
  std::vector<std::string> functions;
  /// The numbers of tokens to compile each of them for.
  std::vector<int64_t> tokens;
  Kernels kernels = Kernels::OneDNN;
  /// Store frozen weights in oneDNN's layout.
  bool pack = true;
  /// Use the definition of attention, over all keys, instead of tiled loops.
  bool referenceAttention = false;
};

struct CompileOptions {
  /// "native", a level ("x86-64-v3") or the name of a CPU.
  std::string march = "native";
  /// Where primitives run. The module's target says it, and the runtime opens
  /// the backend with this name.
  std::string engine = "cpu";
  LoweringSettings lowering;
  /// Where code is looked for before it is made, and stored afterwards; null
  /// for no cache. Cached code is the same, byte for byte.
  const Cache *codeCache = nullptr;
  /// Sees the passes that run.
  Instrumentation instrumentation;
  /// Called with warnings and remarks.
  std::function<void(const std::string &)> note;
};

/// Code and its description.
struct CompiledExecutable {
  /// An ELF shared object that exports lora_rt_code_query.
  std::string code;
  /// Whether the code was in the cache.
  bool codeWasCached = false;
  ProgramDescription description;
};

/// Compiles a graph (transformer, lora), which is not changed. `meanwhile` is
/// called with the description as soon as it exists. It runs in the calling
/// thread, while another thread generates native code. If both fail, its error
/// is returned.
lora_rt::Expected<CompiledExecutable> compileInMemory(
    mlir::ModuleOp graph, const CompileOptions &options,
    llvm::function_ref<lora_rt::Error(ProgramDescription &)> meanwhile =
        nullptr);

/// The stages at which a compilation can be printed.
enum class Stage {
  Graph,    ///< as the adapter was merged or fused
  Kernels,  ///< rt: loops, primitives, planned memory
  LLVMIR,   ///< optimised
  Assembly, ///< of the target
};

/// The text of a graph at a stage.
lora_rt::Expected<std::string>
printStage(mlir::ModuleOp graph, const CompileOptions &options, Stage stage);

} // namespace lora

#endif // LORA_MLIR_COMPILER_COMPILER_H
