//===- TrainingPipeline.cpp - To the graph of a training step -------------===//
//
// Correct without canonicalization: each pass leaves what the next one needs.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Dialect/LoRA/Transforms/Passes.h"
#include "lora-mlir/Dialect/LoRA/Transforms/Pipelines.h"
#include "lora-mlir/Dialect/Transformer/Transforms/Passes.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace lora;

void lora::buildTrainingPipeline(OpPassManager &manager,
                                 const TrainingPipelineOptions &options) {
  // Before differentiation, so that the backward pass is fused too, and keeps
  // the branches' narrow values instead of computing them again.
  if (options.fuse) {
    FuseOptions fuse;
    fuse.tokens = options.tokens;
    manager.addPass(createFuse(fuse));
  }
  // A cache cannot be differentiated, and without it keys and values are the
  // tokens' own, which the gradient of attention expects.
  manager.addPass(transformer::createStripCache());
  // The loss takes the place of the entries, so that what follows sees the one
  // function that training runs.
  manager.addPass(transformer::createAddLoss());
  manager.addPass(createAutodiff());
  // Rules build what they need by themselves: two of them may build the same.
  manager.addNestedPass<func::FuncOp>(createCSEPass());
  // The update comes after every use of what it writes.
  OptimizerOptions optimizer;
  optimizer.optimizer = options.optimizer;
  manager.addPass(createOptimizer(optimizer));
  // Blocks whose every application was differentiated are not applied any more.
  manager.addPass(createSymbolDCEPass());
  // Last, on what will be lowered, while the token axis is still dynamic.
  manager.addPass(createVerifyTrainingMemory());
}

void lora::registerLoRAPipelines() {
  PassPipelineRegistration<TrainingPipelineOptions>(
      "lora-training-pipeline",
      "Makes the graph of a training step from a model with a trainable "
      "adapter",
      buildTrainingPipeline);
}
