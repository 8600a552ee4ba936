//===- Compiler.h - Models to executables and files -------------*- C++ -*-===//
//
// What tools call: a graph becomes a module in memory, a Hugging Face folder
// and an adapter become a file.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_COMPILER_COMPILER_H
#define LORA_MLIR_COMPILER_COMPILER_H

#include "lora-mlir/Compiler/Pipelines.h"
#include "lora-mlir/Target/Manifest.h"
#include "lora-runtime/Error.h"
#include "lora-runtime/Numeric.h"

#include <functional>

namespace lora {

/// Turns the diagnostics of MLIR into one message for users, as long as it
/// lives.
class DiagnosticText {
public:
  /// Warnings and remarks go to `note`, or nowhere.
  explicit DiagnosticText(
      mlir::MLIRContext &context,
      std::function<void(const std::string &)> note = nullptr);

  /// "what: first error; second error"
  lora_rt::Error takeError(const std::string &what);

private:
  std::function<void(const std::string &)> note;
  std::string errors;
  mlir::ScopedDiagnosticHandler handler;
};

/// How a graph becomes kernels: the options of buildLoweringPipeline.
struct LoweringSettings {
  /// Public functions to compile; all if empty.
  std::vector<std::string> functions;
  /// Numbers of tokens to compile each of them for.
  std::vector<int64_t> tokens;
  Kernels kernels = Kernels::OneDNN;
  /// Store frozen weights in oneDNN's layout.
  bool pack = true;
  /// Attention as it is defined, over all keys, instead of tiled loops.
  bool referenceAttention = false;
};

struct CompileOptions {
  /// "native", a level ("x86-64-v3") or the name of a CPU.
  std::string march = "native";
  /// Where primitives run: the module's target says it, and the runtime opens
  /// the backend of this name.
  std::string engine = "cpu";
  LoweringSettings lowering;
  /// Gets warnings and remarks.
  std::function<void(const std::string &)> note;
};

/// Code and its description.
struct CompiledExecutable {
  /// An ELF shared object that exports lora_rt_code_query.
  std::string code;
  ModuleManifest manifest;
};

/// Compiles a graph (transformer, lora); the graph stays as it is. `meanwhile`
/// gets the manifest as soon as it is there, and works in the calling thread
/// while native code is made in another; its error comes first.
lora_rt::Expected<CompiledExecutable> compileInMemory(
    mlir::ModuleOp graph, const CompileOptions &options,
    llvm::function_ref<lora_rt::Error(ModuleManifest &)> meanwhile = nullptr);

/// Where a compilation can be looked at.
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
