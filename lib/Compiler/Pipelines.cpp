//===- Pipelines.cpp - From a model's graph to llvm -----------------------===//
//
// The pipelines are correct without canonicalize. The canonicalizations here
// only make code smaller.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Compiler/Pipelines.h"
#include "lora-mlir/Conversion/Passes.h"
#include "lora-mlir/Dialect/OneDNN/Transforms/Passes.h"
#include "lora-mlir/Dialect/RT/Transforms/Passes.h"
#include "lora-mlir/Dialect/Transformer/Transforms/Passes.h"
#include "lora-mlir/Transforms/Passes.h"
#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Affine/Transforms/Passes.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/SCF/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

void lora::buildBufferizationPipeline(OpPassManager &manager) {
  // Results are computed in their destination. Otherwise each would be computed
  // into a buffer of its own and copied.
  manager.addPass(bufferization::createEmptyTensorEliminationPass());
  // Signatures have buffers already, so function boundaries need no analysis.
  manager.addPass(bufferization::createOneShotBufferizePass());
  // Canonicalization removes copies of a buffer onto itself; CSE makes them
  // recognizable.
  manager.addPass(createCSEPass());
  manager.addPass(createCanonicalizerPass());

  OpPassManager &functions = manager.nest<func::FuncOp>();
  functions.addPass(createConvertLinalgToParallel());
  // Loads and stores through views become accesses to the viewed buffer, and
  // address computations move out of the innermost loops. This comes before
  // work is estimated and accumulators are searched.
  functions.addPass(memref::createFoldMemRefAliasOpsPass());
  functions.addPass(createLowerAffinePass());
  functions.addPass(createCanonicalizerPass());
  functions.addPass(createCSEPass());
  functions.addPass(createLoopInvariantCodeMotionPass());
  // In the estimate of work, a math function counts as one operation. Functions
  // become polynomials only after this.
  functions.addPass(createConvertParallelToRT());
  functions.addPass(rt::createFuseParallelLoops());
  functions.addPass(createPromoteAccumulators());
  functions.addPass(createApproximateMath());
  functions.addPass(createCanonicalizerPass());
  functions.addPass(createCSEPass());
}

void lora::buildLoweringPipeline(OpPassManager &manager,
                                 const LoweringOptions &options) {
  // Functions with static shapes need no specialization.
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
    // This pass changes types, which all later passes read.
    manager.addPass(onednn::createResolveLayouts());
  }
  ConvertTransformerToLinalgOptions decompose;
  if (options.referenceAttention)
    decompose.attention = AttentionLowering::Reference;
  manager.nest<func::FuncOp>().addPass(
      createConvertTransformerToLinalg(decompose));

  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
  manager.addPass(createFuseElementwise());
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
  manager.addPass(createUnshareFills());

  // No pass may be between this one and bufferization: see ApplyToCalls.cpp.
  manager.addPass(createConvertApplyToCalls());
  if (options.kernels == Kernels::OneDNN)
    manager.addPass(onednn::createBindPackedWeights());
  buildBufferizationPipeline(manager);
  if (options.kernels == Kernels::OneDNN) {
    manager.addPass(createConvertOneDNNToRT());
    manager.addPass(rt::createGroupExecutions());
  }

  // All buffers exist now. The plan is always verified.
  manager.addPass(rt::createPlanMemory());
  manager.addNestedPass<func::FuncOp>(rt::createRollLayers());
  manager.addPass(rt::createVerifyTrainingPlan());
}

void lora::buildLLVMPipeline(OpPassManager &manager,
                             const LLVMPipelineOptions &options) {
  // Equal views become one value, so that a kernel gets them as one argument.
  manager.addPass(createCSEPass());
  manager.addPass(rt::createOutlineKernels());
  manager.addPass(createLoopInvariantCodeMotionPass());
  manager.addPass(createCanonicalizerPass());

  // This comes before math is converted: exp and tanh in line are ten times as
  // fast as calls of libm.
  manager.addPass(createApproximateMath());

  // Vectors of rank 2 and more need loops, for which scf must still be there.
  manager.addPass(createConvertVectorToSCFPass());
  manager.addNestedPass<func::FuncOp>(createForallToForLoopPass());
  manager.addPass(memref::createFoldMemRefAliasOpsPass());
  manager.addPass(memref::createExpandStridedMetadataPass());
  manager.addPass(createLowerAffinePass());
  manager.addPass(createSCFToControlFlowPass());

  arith::ArithExpandOpsPassOptions expand;
  expand.includeBf16 = options.expandBF16;
  manager.addPass(arith::createArithExpandOpsPass(expand));
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());

  ConvertVectorToLLVMPassOptions vector;
  vector.reassociateFPReductions = true;
  vector.x86Vector = true;
  manager.addPass(createConvertVectorToLLVMPass(vector));
  manager.addPass(createConvertMathToLLVMPass());
  // This declares functions, which the last conversion then converts.
  manager.addPass(createConvertMathToLibmPass());
  manager.addPass(createConvertRTToLLVM());
  manager.addPass(createReconcileUnrealizedCastsPass());
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
}

void lora::registerPipelines() {
  PassPipelineRegistration<>(
      "lora-bufferize",
      "Lowers functions on tensors with the signature of the runtime to loops "
      "on buffers",
      buildBufferizationPipeline);
  PassPipelineRegistration<LoweringOptions>(
      "lora-lower", "Lowers a model's graph to the rt dialect",
      buildLoweringPipeline);
  PassPipelineRegistration<LLVMPipelineOptions>(
      "lora-to-llvm", "Lowers functions of the rt dialect to llvm",
      buildLLVMPipeline);
}
