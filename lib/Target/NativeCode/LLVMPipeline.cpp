//===- LLVMPipeline.cpp - From rt to llvm ---------------------------------===//
//
// Correct without canonicalize: the canonicalizations here only make code
// smaller.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Conversion/Passes.h"
#include "lora-mlir/Dialect/RT/Transforms/Passes.h"
#include "lora-mlir/Target/NativeCode.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Affine/Transforms/Passes.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/SCF/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

void lora::buildLLVMPipeline(OpPassManager &pm,
                             const LLVMPipelineOptions &options) {
  // Equal views become one value, so that a kernel gets them as one argument.
  pm.addPass(createCSEPass());
  pm.addPass(rt::createOutlineKernels());
  pm.addPass(createLoopInvariantCodeMotionPass());
  pm.addPass(createCanonicalizerPass());

  // Before math is converted: exp and tanh in line are ten times as fast as
  // calls of libm.
  pm.addPass(createApproximateMath());

  // Vectors of rank 2 and more need loops; these need scf.
  pm.addPass(createConvertVectorToSCFPass());
  pm.addNestedPass<func::FuncOp>(createForallToForLoopPass());
  pm.addPass(memref::createFoldMemRefAliasOpsPass());
  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(createLowerAffinePass());
  pm.addPass(createSCFToControlFlowPass());

  arith::ArithExpandOpsPassOptions expand;
  expand.includeBf16 = options.expandBF16;
  pm.addPass(arith::createArithExpandOpsPass(expand));
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());

  ConvertVectorToLLVMPassOptions vector;
  vector.reassociateFPReductions = true;
  vector.x86Vector = true;
  pm.addPass(createConvertVectorToLLVMPass(vector));
  pm.addPass(createConvertMathToLLVMPass());
  // Declares functions, which the last conversion then converts.
  pm.addPass(createConvertMathToLibmPass());
  pm.addPass(createConvertRTToLLVM());
  pm.addPass(createReconcileUnrealizedCastsPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

void lora::registerLLVMPipeline() {
  PassPipelineRegistration<LLVMPipelineOptions>(
      "lora-to-llvm", "Lowers functions of the rt dialect to llvm",
      buildLLVMPipeline);
}
