//===- Pipelines.h - Pipelines of the LoRA dialect --------------*- C++ -*-===//
//
// From a model with a trainable adapter to the graph of a training step.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_DIALECT_LORA_TRANSFORMS_PIPELINES_H
#define LORA_MLIR_DIALECT_LORA_TRANSFORMS_PIPELINES_H

#include "lora-mlir/Dialect/LoRA/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"

namespace lora {

struct TrainingPipelineOptions
    : public mlir::PassPipelineOptions<TrainingPipelineOptions> {
  Option<OptimizerKind> optimizer{
      *this, "optimizer", llvm::cl::desc("What updates the parameters"),
      llvm::cl::init(OptimizerKind::AdamW),
      llvm::cl::values(clEnumValN(OptimizerKind::AdamW, "adamw",
                                  "Adam with decoupled weight decay"),
                       clEnumValN(OptimizerKind::SGD, "sgd",
                                  "Stochastic gradient descent with "
                                  "momentum"))};
  Option<bool> fuse{*this, "fuse",
                    llvm::cl::desc("Fuse branches that share an input"),
                    llvm::cl::init(true)};
};

/// Adds the passes that turn `@hidden_states` and `@logits`, with an adapter of
/// role trainable attached, into `@train_step(ids, sequence, labels,
/// hyperparameters) -> (loss, gradient norm)`, which is then the only entry of
/// the module.
void buildTrainingPipeline(mlir::OpPassManager &manager,
                           const TrainingPipelineOptions &options);

/// Registers `-lora-training-pipeline`.
void registerLoRAPipelines();

} // namespace lora

#endif // LORA_MLIR_DIALECT_LORA_TRANSFORMS_PIPELINES_H
