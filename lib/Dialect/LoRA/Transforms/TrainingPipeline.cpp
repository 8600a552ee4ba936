//===- TrainingPipeline.cpp - To the graph of a training step -------------===//
//
// The pipeline does not depend on canonicalization: each pass makes the form
// that the next one needs.
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
  // Fusion comes before differentiation, so that the backward pass is fused,
  // too, and keeps the narrow values of branches instead of recomputing them.
  if (options.fuse)
    manager.addPass(createFuse());
  // A cache cannot be differentiated. Without it, keys and values are those of
  // the tokens, which the gradient of attention expects.
  manager.addPass(transformer::createStripCache());
  // The loss replaces the entries, so that later passes see only the function
  // that training runs.
  manager.addPass(transformer::createAddLoss());
  manager.addPass(createAutodiff());
  // Each rule builds what it needs, so two rules may build the same operation.
  manager.addNestedPass<func::FuncOp>(createCSEPass());
  // The update comes after every use of the values that it writes.
  OptimizerOptions optimizer;
  optimizer.optimizer = options.optimizer;
  manager.addPass(createOptimizer(optimizer));
  // If all applications of a block were differentiated, it is not applied any
  // more.
  manager.addPass(createSymbolDCEPass());
  // This comes last, on the IR that will be lowered, while the token axis is
  // still dynamic.
  manager.addPass(createVerifyTrainingMemory());
}

void lora::registerLoRAPipelines() {
  PassPipelineRegistration<TrainingPipelineOptions>(
      "lora-training-pipeline",
      "Makes the graph of a training step from a model with a trainable "
      "adapter",
      buildTrainingPipeline);
}
