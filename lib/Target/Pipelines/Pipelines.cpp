//===- Pipelines.cpp - From a model's graph to calls of the runtime -------===//

#include "lora-mlir/Target/Pipelines.h"
#include "lora-mlir/Conversion/Passes.h"
#include "lora-mlir/Dialect/OneDNN/Transforms/Passes.h"
#include "lora-mlir/Dialect/RT/Transforms/Passes.h"
#include "lora-mlir/Dialect/Transformer/Transforms/Passes.h"
#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

void lora::buildBufferizationPipeline(OpPassManager &manager) {
  // Results are computed where they are wanted; without this each would be
  // computed into a buffer of its own and copied.
  manager.addPass(bufferization::createEmptyTensorEliminationPass());
  // Signatures are on buffers already: function boundaries need no analysis.
  manager.addPass(bufferization::createOneShotBufferizePass());
  // Copies of a buffer onto itself fold away here; CSE lets them be seen.
  manager.addPass(createCSEPass());
  manager.addPass(createCanonicalizerPass());

  OpPassManager &functions = manager.nest<func::FuncOp>();
  functions.addPass(rt::createLinalgToParallel());
  // Loads and stores through views address the viewed buffer, and addresses
  // leave the innermost loops, before work is estimated and accumulators are
  // looked for.
  functions.addPass(memref::createFoldMemRefAliasOpsPass());
  functions.addPass(createLowerAffinePass());
  functions.addPass(createCanonicalizerPass());
  functions.addPass(createCSEPass());
  functions.addPass(createLoopInvariantCodeMotionPass());
  // Functions count as one operation each in the estimate of work: they become
  // polynomials afterwards.
  functions.addPass(lora::createConvertParallelToRT());
  functions.addPass(rt::createFuseParallelLoops());
  functions.addPass(rt::createPromoteAccumulators());
  functions.addPass(lora::createApproximateMath());
  functions.addPass(createCanonicalizerPass());
  functions.addPass(createCSEPass());
}

void lora::buildLoweringPipeline(OpPassManager &manager,
                                 const LoweringOptions &options) {
  // Functions of static shapes are lowered as they are.
  if (!options.tokens.empty()) {
    transformer::TransformerSpecializeTokensOptions specialize;
    specialize.tokens.assign(options.tokens.begin(), options.tokens.end());
    specialize.functions.assign(options.functions.begin(),
                                options.functions.end());
    manager.addPass(
        transformer::createTransformerSpecializeTokens(std::move(specialize)));
  }

  if (options.kernels == Kernels::OneDNN) {
    manager.addPass(createConvertTransformerToOneDNN());
    manager.addPass(onednn::createFusePostOps());
    if (options.pack)
      manager.addPass(onednn::createPackWeights());
    // Types change here; all that follows reads them.
    manager.addPass(onednn::createResolveLayouts());
  }
  ConvertTransformerToLinalgOptions decompose;
  if (options.referenceAttention)
    decompose.attention = AttentionLowering::Reference;
  manager.nest<func::FuncOp>().addPass(
      createConvertTransformerToLinalg(decompose));

  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
  manager.addPass(rt::createFuseElementwise());
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
  manager.addPass(rt::createUnshareFills());

  // Nothing stands between this and bufferization: see ApplyToCalls.cpp.
  manager.addPass(lora::createConvertApplyToCalls());
  if (options.kernels == Kernels::OneDNN)
    manager.addPass(onednn::createBindPackedWeights());
  buildBufferizationPipeline(manager);
  if (options.kernels == Kernels::OneDNN) {
    manager.addPass(createConvertOneDNNToRT());
    manager.addPass(rt::createGroupExecutions());
  }

  // Every buffer is known now. The verifier runs whatever planned the frames.
  manager.addPass(rt::createPlanMemory());
  manager.addNestedPass<func::FuncOp>(rt::createRollLayers());
  manager.addPass(rt::createVerifyTrainingPlan());
}

void lora::registerLoweringPipelines() {
  PassPipelineRegistration<>(
      "lora-bufferize",
      "Lowers functions on tensors with the signature of the runtime to loops "
      "on buffers",
      buildBufferizationPipeline);
  PassPipelineRegistration<LoweringOptions>(
      "lora-lower", "Lowers a model's graph to the rt dialect",
      buildLoweringPipeline);
}
