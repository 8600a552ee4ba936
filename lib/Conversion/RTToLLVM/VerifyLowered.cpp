//===- VerifyLowered.cpp - What the last conversion takes -----------------===//
//
// Walks the IR before the last conversion. The message names the first
// operation that the conversion does not take and the passes that lower it.
//
//===----------------------------------------------------------------------===//

#include "VerifyLowered.h"
#include "lora-mlir/Dialect/RT/IR/RTOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace lora;

static LogicalResult verifyFunction(func::FuncOp function) {
  for (auto [index, type] : llvm::enumerate(function.getArgumentTypes())) {
    if (isa<TensorType>(type))
      return function.emitOpError()
             << "expected buffers, but argument " << index << " is " << type
             << "; run -lora-lower first";
    auto buffer = dyn_cast<MemRefType>(type);
    if (buffer && !buffer.hasStaticShape())
      return function.emitOpError()
             << "expected buffers of static shapes, but argument " << index
             << " is " << type << "; run -lora-lower=tokens=N first";
  }
  return success();
}

LogicalResult lora::verifyLowered(ModuleOp module) {
  static constexpr StringRef taken[] = {
      "builtin", "func", "memref", "arith", "cf", "index", "ub", "rt", "llvm"};
  // Other passes of the same pipeline lower these dialects.
  static constexpr StringRef loops[] = {"scf", "vector", "math", "affine",
                                        "x86vector"};
  WalkResult walked = module.walk<WalkOrder::PreOrder>([&](Operation *op) {
    StringRef dialect = op->getName().getDialectNamespace();
    if (auto function = dyn_cast<func::FuncOp>(op))
      return WalkResult(verifyFunction(function));
    if (llvm::is_contained(taken, dialect) && !isa<rt::ParallelForOp>(op))
      return WalkResult::advance();
    bool isLoop = llvm::is_contained(loops, dialect) || dialect == "rt";
    op->emitOpError()
        << "expected operations of rt, func, memref, arith, cf and index only; "
        << (isLoop ? "run -lora-to-llvm, of which this pass is the last part"
                   : "run -lora-lower, then -lora-to-llvm");
    return WalkResult::interrupt();
  });
  return failure(walked.wasInterrupted());
}
