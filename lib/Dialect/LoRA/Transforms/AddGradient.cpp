//===- AddGradient.cpp - The gradient of a function -----------------------===//
//
// Puts forward operations and gradient operations into one function. Unlike in
// autodiff, no values are kept or recomputed, so a test sees only the rules.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Dialect/LoRA/Transforms/AddGradient.h"
#include "ReverseMode.h"
#include "lora-mlir/Dialect/LoRA/Transforms/Passes.h"
#include "lora-mlir/Dialect/Transformer/IR/NearNames.h"

namespace lora {
#define GEN_PASS_DEF_ADDGRADIENT
#include "lora-mlir/Dialect/LoRA/Transforms/Passes.h.inc"
} // namespace lora

using namespace mlir;
using namespace lora;

FailureOr<func::FuncOp> lora::buildGradientFunction(func::FuncOp function) {
  if (function.isDeclaration() || !function.getBody().hasOneBlock())
    return function.emitOpError()
           << "expected a body of one block to differentiate";
  OpBuilder builder(function.getContext());
  builder.setInsertionPointAfter(function);
  auto gradient = cast<func::FuncOp>(builder.clone(*function));
  gradient.setName((function.getName() + ".gradient").str());
  gradient.removeResAttrsAttr();

  Block &body = gradient.getBody().front();
  SmallVector<Operation *> operations = llvm::map_to_vector(
      body.without_terminator(), [](Operation &op) { return &op; });
  SmallVector<Value> arguments = llvm::to_vector_of<Value>(
      llvm::make_filter_range(body.getArguments(), [](Value argument) {
        return isDifferentiableType(argument.getType());
      }));
  llvm::DenseSet<Value> active(arguments.begin(), arguments.end());
  propagateActivity(body, active);

  Operation *terminator = body.getTerminator();
  builder.setInsertionPoint(terminator);
  ReverseMode reverse(builder, active);
  for (Value result : terminator->getOperands()) {
    if (!isDifferentiableType(result.getType()))
      continue;
    unsigned index = gradient.getNumArguments();
    (void)gradient.insertArgument(index, result.getType(), {},
                                  getGradientLoc(result.getLoc()));
    reverse.accumulate(result, gradient.getArgument(index));
  }
  if (failed(reverse.run(operations))) {
    gradient.erase();
    return failure();
  }
  SmallVector<Value> results;
  for (Value argument : arguments) {
    results.push_back(reverse.lookup(argument));
    if (results.back())
      continue;
    function.emitOpError() << "expected argument "
                           << cast<BlockArgument>(argument).getArgNumber()
                           << " to influence a result";
    gradient.erase();
    return failure();
  }
  terminator->setOperands(results);
  gradient.setType(builder.getFunctionType(gradient.getArgumentTypes(),
                                           ValueRange(results).getTypes()));
  return gradient;
}

namespace {

struct AddGradient : lora::impl::AddGradientBase<AddGradient> {
  using AddGradientBase::AddGradientBase;

  void runOnOperation() override {
    for (const std::string &name : functions) {
      auto function = getOperation().lookupSymbol<func::FuncOp>(name);
      if (function && !function.isDeclaration())
        continue;
      getOperation().emitError()
          << "expected a function '" << name << "' with a body to differentiate"
          << transformer::nearFunctions(getOperation(), name);
      return signalPassFailure();
    }
    SmallVector<func::FuncOp> chosen;
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (functions.empty() ? !function.isDeclaration()
                            : llvm::is_contained(functions, function.getName()))
        chosen.push_back(function);
    for (func::FuncOp function : chosen)
      if (failed(buildGradientFunction(function)))
        return signalPassFailure();
  }
};

} // namespace
