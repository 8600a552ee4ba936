//===- ReverseMode.cpp - Reverse-mode differentiation ---------------------===//
//
// The rule of an operation is called once, after all uses of its results have
// contributed to their gradients, and only for its active operands. Operations
// without a contribution are skipped, so dead gradients are never built.
//
//===----------------------------------------------------------------------===//

#include "ReverseMode.h"

using namespace mlir;
using namespace lora;
using namespace lora::transformer;

bool lora::isDifferentiableType(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && isa<FloatType>(tensor.getElementType());
}

Location lora::getGradientLoc(Location loc) {
  auto name = dyn_cast<NameLoc>(loc);
  if (!name)
    return loc;
  return namedLoc(("d." + name.getName().getValue()).str(), loc);
}

/// For each of `values`, whether it is in `active`.
static SmallVector<bool> getMask(ValueRange values,
                                 const llvm::DenseSet<Value> &active) {
  return llvm::map_to_vector(
      values, [&](Value value) { return active.contains(value); });
}

void lora::propagateActivity(Block &block, llvm::DenseSet<Value> &active,
                             ApplyActivity applyActivity) {
  for (Operation &op : block.without_terminator()) {
    if (auto apply = dyn_cast<ApplyOp>(op); apply && applyActivity) {
      SmallVector<bool> results =
          applyActivity(apply, getMask(apply.getInputs(), active));
      for (auto [result, isActive] :
           llvm::zip_equal(apply.getOutputs(), results))
        if (isActive)
          active.insert(result);
      continue;
    }
    if (!llvm::is_contained(getMask(op.getOperands(), active), true))
      continue;
    for (Value result : op.getResults())
      if (isDifferentiableType(result.getType()))
        active.insert(result);
  }
}

void ReverseMode::accumulate(Value value, Value gradient) {
  Value &sum = gradients[value];
  sum =
      sum ? AddOp::create(builder, gradient.getLoc(), sum, gradient).getResult()
          : gradient;
}

LogicalResult ReverseMode::run(ArrayRef<Operation *> operations,
                               ApplyRule applyRule) {
  for (Operation *op : llvm::reverse(operations))
    if (failed(runOn(op, applyRule)))
      return failure();
  return success();
}

LogicalResult ReverseMode::runOn(Operation *op, ApplyRule applyRule) {
  SmallVector<bool> needed = getMask(op->getOperands(), active);
  SmallVector<Value> resultGradients = llvm::map_to_vector(
      op->getResults(), [&](Value result) { return lookup(result); });
  bool contributes =
      llvm::any_of(resultGradients, [](Value value) { return bool(value); });
  auto apply = dyn_cast<ApplyOp>(op);
  bool hasRule = apply && applyRule;
  // A block may have trainable slots, so an application without an active input
  // may have to be differentiated, too.
  if (!contributes || !(hasRule || llvm::is_contained(needed, true)))
    return success();

  // The new operations are those between here and the insertion point.
  Block *block = builder.getInsertionBlock();
  Block::iterator end = builder.getInsertionPoint();
  Operation *last = end == block->begin() ? nullptr : &*std::prev(end);
  SmallVector<Value> operands = llvm::to_vector(op->getOperands());
  SmallVector<Value> operandGradients(operands.size());
  if (hasRule) {
    if (failed(applyRule(apply, resultGradients, needed, operandGradients)))
      return failure();
  } else if (auto rule = dyn_cast<DifferentiableOpInterface>(op)) {
    if (failed(rule.buildGradients(builder, resultGradients, needed,
                                   operandGradients)))
      return failure();
  } else {
    InFlightDiagnostic diag = op->emitOpError()
                              << "expected an operation with a gradient rule, "
                                 "because the loss depends on a trainable "
                                 "parameter through it";
    if (isa<CacheWriteOp>(op))
      diag.attachNote() << "training has no cache: run "
                           "-transformer-strip-cache first";
    return diag;
  }
  Block::iterator begin =
      last ? std::next(last->getIterator()) : block->begin();
  for (Operation &created : llvm::make_range(begin, end))
    created.setLoc(getGradientLoc(created.getLoc()));
  for (auto [operand, gradient] : llvm::zip_equal(operands, operandGradients))
    if (gradient)
      accumulate(operand, gradient);
  return success();
}
