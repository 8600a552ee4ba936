//===- Pipelines.h - From a graph to llvm -----------------------*- C++ -*-===//
//
// The order in which passes lower a model. docs/rationale.md has the reasons
// for the stages, Pipelines.cpp the reason for the position of each pass.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_COMPILER_PIPELINES_H
#define LORA_MLIR_COMPILER_PIPELINES_H

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"

namespace lora {

/// What computes the matrix products.
enum class Kernels {
  OneDNN, ///< oneDNN where it can, otherwise generated code.
  Linalg, ///< Generated code only.
};

/// The options of `-lora-lower`.
struct LoweringOptions : public mlir::PassPipelineOptions<LoweringOptions> {
  ListOption<int64_t> tokens{
      *this, "tokens",
      llvm::cl::desc("Numbers of tokens for which entries are created")};
  ListOption<std::string> functions{
      *this, "functions",
      llvm::cl::desc("Entries to lower; all public functions if empty")};
  Option<Kernels> kernels{
      *this, "kernels", llvm::cl::desc("What computes the matrix products"),
      llvm::cl::init(Kernels::Linalg),
      llvm::cl::values(
          clEnumValN(Kernels::OneDNN, "onednn", "oneDNN where it can"),
          clEnumValN(Kernels::Linalg, "linalg", "Generated code"))};
  Option<bool> pack{*this, "pack",
                    llvm::cl::desc("Store frozen weights in oneDNN's layout"),
                    llvm::cl::init(true)};
  Option<bool> referenceAttention{
      *this, "reference-attention",
      llvm::cl::desc("Decompose attention over all keys, instead of generating "
                     "tiled loops"),
      llvm::cl::init(false)};
};

/// Lowers functions that `-convert-apply-to-calls` made from tensors to loops
/// on buffers: bufferization, loops, threads.
void buildBufferizationPipeline(mlir::OpPassManager &manager);

/// Lowers a model's graph to the rt dialect with planned memory, the input of
/// `-convert-rt-to-llvm`.
void buildLoweringPipeline(mlir::OpPassManager &manager,
                           const LoweringOptions &options);

/// Options of the pipeline to llvm.
struct LLVMPipelineOptions
    : public mlir::PassPipelineOptions<LLVMPipelineOptions> {
  Option<bool> expandBF16{
      *this, "expand-bf16",
      llvm::cl::desc("Convert from and to bf16 by integer arithmetic, which "
                     "every CPU has and LLVM vectorizes in full width"),
      llvm::cl::init(false)};
};

/// Lowers rt, scf, memref, vector and math to llvm: outlines kernels, then
/// converts.
void buildLLVMPipeline(mlir::OpPassManager &manager,
                       const LLVMPipelineOptions &options);

/// Registers `-lora-bufferize`, `-lora-lower` and `-lora-to-llvm`.
void registerPipelines();

} // namespace lora

#endif // LORA_MLIR_COMPILER_PIPELINES_H
