//===- Autodiff.cpp - From the loss to a training step --------------------===//
//
// The entry keeps its forward part. Applications of blocks become applications
// of forward functions; those of backward functions follow in reverse order.
//
//===----------------------------------------------------------------------===//

#include "BlockGradients.h"
#include "lora-mlir/Dialect/LoRA/Transforms/Passes.h"
#include "lora-mlir/Dialect/Transformer/IR/NearNames.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Remarks.h"

namespace lora {
#define GEN_PASS_DEF_AUTODIFF
#include "lora-mlir/Dialect/LoRA/Transforms/Passes.h.inc"
} // namespace lora

using namespace mlir;
using namespace lora;
using namespace lora::transformer;

/// The entries of `values` that name a slot of `block`; null if there is none.
static DictionaryAttr getValuesOf(DictionaryAttr values, func::FuncOp block) {
  if (!values)
    return values;
  auto entries = llvm::filter_to_vector(values, [&](NamedAttribute entry) {
    return findSlot(block, entry.getName()).has_value();
  });
  return entries.empty() ? DictionaryAttr()
                         : DictionaryAttr::get(values.getContext(), entries);
}

namespace {

struct Autodiff : lora::impl::AutodiffBase<Autodiff> {
  using AutodiffBase::AutodiffBase;

  void runOnOperation() override;

private:
  /// The entry to differentiate; null after an error.
  func::FuncOp getEntry();
  /// The block of `apply`. It has a body without applications.
  func::FuncOp getBlock(ApplyOp apply, SymbolTable &symbols) {
    return symbols.lookup<func::FuncOp>(apply.getBlock());
  }
  LogicalResult checkBlocks(func::FuncOp entry, SymbolTable &symbols);
  /// Replaces `apply` by its forward application, and adds its backward
  /// application.
  LogicalResult differentiate(ApplyOp apply, ArrayRef<Value> resultGradients,
                              ArrayRef<bool> needed,
                              MutableArrayRef<Value> operandGradients,
                              OpBuilder &builder, SymbolTable &symbols,
                              BlockDifferentiator &blocks);

  /// The application that computes the gradient of a parameter, by full name.
  llvm::StringMap<Operation *> owners;
};

} // namespace

func::FuncOp Autodiff::getEntry() {
  auto entry = getOperation().lookupSymbol<func::FuncOp>(function);
  if (!entry || entry.isDeclaration()) {
    getOperation().emitError()
        << "expected a function '" << function
        << "' to differentiate; -transformer-add-loss makes 'loss'"
        << nearFunctions(getOperation(), function);
    return {};
  }
  auto type = entry.getNumResults() == 1
                  ? dyn_cast<RankedTensorType>(entry.getResultTypes()[0])
                  : nullptr;
  if (!type || type.getRank() != 0 || !isDifferentiableType(type)) {
    entry.emitOpError() << "expected one result, a floating-point tensor of "
                           "rank 0, but got "
                        << entry.getFunctionType();
    return {};
  }
  if (result == function || !getOperation().lookupSymbol(result))
    return entry;
  getOperation().emitError()
      << "expected no function '" << result
      << "' yet, because the result gets this name; was "
         "-lora-autodiff run before? Give another name with the option result";
  return {};
}

LogicalResult Autodiff::checkBlocks(func::FuncOp entry, SymbolTable &symbols) {
  bool trains = false;
  for (ApplyOp apply : entry.getOps<ApplyOp>()) {
    func::FuncOp block = getBlock(apply, symbols);
    if (block.isDeclaration())
      return block.emitOpError() << "expected a body to differentiate";
    if (!block.getOps<ApplyOp>().empty())
      return (*block.getOps<ApplyOp>().begin())->emitOpError()
             << "expected a block to consist of operations, because only "
                "entries are differentiated through applications";
    for (unsigned i = 0, e = block.getNumArguments(); i < e; ++i)
      trains |=
          getSlotName(block, i) && getSlotRole(block, i) == Role::Trainable;
  }
  if (trains)
    return success();
  return entry.emitOpError()
         << "expected a block with a trainable slot, but nothing that it "
            "applies has one: attach the adapter with train "
            "(-lora-attach=\"adapter-dir=DIR train\"), or begin one with "
            "-lora-insert";
}

LogicalResult Autodiff::differentiate(ApplyOp apply,
                                      ArrayRef<Value> resultGradients,
                                      ArrayRef<bool> needed,
                                      MutableArrayRef<Value> operandGradients,
                                      OpBuilder &builder, SymbolTable &symbols,
                                      BlockDifferentiator &blocks) {
  BlockPattern pattern{getBlock(apply, symbols),
                       SmallVector<bool>(needed.begin(), needed.end()),
                       {}};
  // The backward pass ends at an application of a block without trainable slots
  // and without active inputs.
  if (!llvm::is_contained(getActiveResults(pattern.block, needed), true))
    return success();
  for (Value gradient : resultGradients)
    pattern.resultGradients.push_back(bool(gradient));
  BlockGradients *gradients = blocks.get(pattern);
  if (!gradients)
    return failure();

  OpBuilder forwardBuilder(apply);
  auto forward = ApplyOp::create(forwardBuilder, apply.getLoc(),
                                 getApplyResultTypes(gradients->forward),
                                 gradients->forward.getName(), apply.getPath(),
                                 apply.getInputs(), apply.getValuesAttr());
  apply->replaceAllUsesWith(
      forward.getOutputs().take_front(apply.getNumResults()));

  SmallVector<Value> operands;
  for (BackwardOperand operand : gradients->operands) {
    switch (operand.kind) {
    case BackwardOperand::ResultGradient:
      operands.push_back(resultGradients[operand.index]);
      break;
    case BackwardOperand::ForwardResult:
      operands.push_back(forward.getResult(operand.index));
      break;
    case BackwardOperand::Input:
      operands.push_back(apply.getInputs()[operand.index]);
      break;
    }
  }
  auto backward = ApplyOp::create(
      builder, apply.getLoc(), getApplyResultTypes(gradients->backward),
      gradients->backward.getName(), apply.getPath(), operands,
      getValuesOf(apply.getValuesAttr(), gradients->backward));
  for (auto [i, input] : llvm::enumerate(gradients->inputs))
    operandGradients[input] = backward.getResult(i);

  for (StringAttr slot : gradients->slots) {
    ++gradientsMade;
    auto [owner, isNew] =
        owners.try_emplace(joinPath(apply.getPath(), slot), backward);
    if (!isNew)
      return (apply.emitOpError()
              << "expected one application to use trainable parameter '"
              << owner->getKey() << "', but there are two")
                 .attachNote(owner->getValue()->getLoc())
             << "the other one is here";
  }
  apply.erase();
  return success();
}

void Autodiff::runOnOperation() {
  func::FuncOp entry = getEntry();
  if (!entry)
    return signalPassFailure();
  owners.clear();
  SymbolTable symbols(getOperation());
  if (failed(checkBlocks(entry, symbols)))
    return signalPassFailure();

  Block &body = entry.getBody().front();
  SmallVector<Operation *> operations = llvm::map_to_vector(
      body.without_terminator(), [](Operation &op) { return &op; });
  llvm::DenseSet<Value> active;
  propagateActivity(body, active, [&](ApplyOp apply, ArrayRef<bool> inputs) {
    SmallVector<bool> results =
        getActiveResults(getBlock(apply, symbols), inputs);
    if (!llvm::is_contained(results, true))
      remark::analysis(
          apply.getLoc(),
          remark::RemarkOpts::name("NoBackward").category("lora-autodiff"))
          << remark::add("no backward pass for {0} at {1}: no trainable "
                         "parameter in it or below it",
                         apply.getBlock().str(), apply.getPath().str());
    return results;
  });

  Operation *terminator = body.getTerminator();
  Value loss = terminator->getOperand(0);
  if (!active.contains(loss)) {
    entry.emitOpError()
        << "expected the result to depend on a trainable parameter";
    return signalPassFailure();
  }
  OpBuilder builder(terminator);
  auto lossType = cast<RankedTensorType>(loss.getType());
  auto one = DenseElementsAttr::get(
      lossType, builder.getFloatAttr(lossType.getElementType(), 1.0));
  ReverseMode reverse(builder, active);
  reverse.accumulate(loss, arith::ConstantOp::create(
                               builder, namedLoc("one", loss.getLoc()), one));
  BlockDifferentiator blocks(symbols);
  auto applyRule = [&](ApplyOp apply, ArrayRef<Value> resultGradients,
                       ArrayRef<bool> needed,
                       MutableArrayRef<Value> operandGradients) {
    return differentiate(apply, resultGradients, needed, operandGradients,
                         builder, symbols, blocks);
  };
  if (failed(reverse.run(operations, applyRule)))
    return signalPassFailure();
  if (result != function && failed(symbols.rename(entry, StringRef(result))))
    return signalPassFailure();
  blocksDifferentiated += blocks.numBlocks;
  valuesKept += blocks.numKept;
  valuesRecomputed += blocks.numRecomputed;
}
