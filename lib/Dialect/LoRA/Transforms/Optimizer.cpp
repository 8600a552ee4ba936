//===- Optimizer.cpp - The update of a training step ----------------------===//
//
// Adds one update over all gradients, so the code of the step does not grow
// with the number of parameters.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Dialect/LoRA/Transforms/Passes.h"
#include "lora-mlir/Dialect/Transformer/IR/NearNames.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "mlir/IR/Builders.h"

namespace lora {
#define GEN_PASS_DEF_OPTIMIZER
#include "lora-mlir/Dialect/LoRA/Transforms/Passes.h.inc"
} // namespace lora

using namespace mlir;
using namespace lora::transformer;

namespace {

struct Optimizer : lora::impl::OptimizerBase<Optimizer> {
  using OptimizerBase::OptimizerBase;

  void runOnOperation() override {
    bool isAdamW = optimizer == lora::OptimizerKind::AdamW;
    auto step = getOperation().lookupSymbol<func::FuncOp>(function);
    if (!step || step.isDeclaration()) {
      getOperation().emitError() << "expected a training step '" << function
                                 << "'; -lora-autodiff makes 'train_step'"
                                 << nearFunctions(getOperation(), function);
      return signalPassFailure();
    }
    SmallVector<Value> gradients;
    for (ApplyOp apply : step.getOps<ApplyOp>())
      if (apply.getNumResults() > 0 &&
          isa<GradientsType>(apply.getOutputs().back().getType()))
        gradients.push_back(apply.getOutputs().back());
    if (gradients.empty()) {
      step.emitOpError() << "expected gradients to update parameters with; "
                            "-lora-autodiff makes them";
      return signalPassFailure();
    }
    gradientsUpdated += gradients.size();

    Location loc = step.getLoc();
    auto named = [&](StringRef name) { return namedLoc(name, loc); };
    Operation *terminator = step.getBody().front().getTerminator();
    OpBuilder builder(terminator);
    Type f32 = builder.getF32Type();
    unsigned index = step.getNumArguments();
    (void)step.insertArgument(index,
                              RankedTensorType::get({isAdamW ? 8 : 4}, f32), {},
                              named("hyperparameters"));
    step.setArgAttr(
        index, TransformerDialect::kInputAttr,
        InputKindAttr::get(&getContext(), InputKind::Hyperparameters));
    Value hyperparameters = step.getArgument(index);
    auto scalar = RankedTensorType::get({}, f32);
    Value norm =
        GradientNormOp::create(builder, named("norm"), scalar, gradients);
    if (isAdamW)
      AdamWOp::create(builder, loc, gradients, norm, hyperparameters);
    else
      SGDOp::create(builder, loc, gradients, norm, hyperparameters);
    unsigned numResults = step.getNumResults();
    (void)step.insertResult(numResults, scalar, {});
    step.setResultAttr(numResults, TransformerDialect::kOutputAttr,
                       OutputKindAttr::get(&getContext(), OutputKind::Norm));
    terminator->insertOperands(numResults, norm);
  }
};

} // namespace
