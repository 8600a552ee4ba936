//===- VerifyTrainingMemory.cpp - No value of a weight's size -------------===//
//
// On this IR the token axis is dynamic, so a value with two static dimensions
// is a parameter, a gradient of one, or a temporary that training must not
// have.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Dialect/LoRA/IR/LoRAOps.h"
#include "lora-mlir/Dialect/LoRA/Transforms/Passes.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/STLExtras.h"

namespace lora {
#define GEN_PASS_DEF_VERIFYTRAININGMEMORY
#include "lora-mlir/Dialect/LoRA/Transforms/Passes.h.inc"
} // namespace lora

using namespace mlir;
using namespace lora;
using namespace lora::transformer;

/// The slot argument that `value` is or is a cast of; null otherwise.
static BlockArgument getSlotArgument(Value value) {
  while (auto cast = value.getDefiningOp<transformer::CastOp>())
    value = cast.getX();
  auto argument = dyn_cast<BlockArgument>(value);
  auto function =
      argument ? dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp())
               : nullptr;
  return function && getSlotName(function, argument.getArgNumber())
             ? argument
             : BlockArgument();
}

/// Whether `value` contributes only to results tagged `transformer.grad`, so
/// that it is such a gradient or a part of its sum.
static bool isParameterGradient(Value value) {
  return !value.use_empty() &&
         llvm::all_of(value.getUses(), [](OpOperand &use) {
           if (isa<transformer::AddOp, transformer::CastOp>(use.getOwner()))
             return isParameterGradient(use.getOwner()->getResult(0));
           auto terminator = dyn_cast<func::ReturnOp>(use.getOwner());
           auto function = terminator
                               ? terminator->getParentOfType<func::FuncOp>()
                               : nullptr;
           return function &&
                  function.getResultAttr(use.getOperandNumber(),
                                         TransformerDialect::kGradAttr);
         });
}

/// Whether a value with both dimensions of an adapted weight is permitted.
static bool isAccepted(Value value) {
  if (BlockArgument slot = getSlotArgument(value)) {
    auto function = cast<func::FuncOp>(slot.getOwner()->getParentOp());
    return value == slot ||
           getSlotRole(function, slot.getArgNumber()) == Role::Trainable;
  }
  return isParameterGradient(value);
}

namespace {

struct VerifyTrainingMemory
    : lora::impl::VerifyTrainingMemoryBase<VerifyTrainingMemory> {
  using VerifyTrainingMemoryBase::VerifyTrainingMemoryBase;

  /// The shapes of adapted weights, [out, in], each with an operation that
  /// adapts one.
  llvm::MapVector<std::pair<int64_t, int64_t>, Operation *> weights;

  void collect(Operation *op, Value weight) {
    ArrayRef<int64_t> shape =
        cast<RankedTensorType>(weight.getType()).getShape();
    weights.insert({{shape[0], shape[1]}, op});
  }

  /// The operation whose adapted weight has two dimensions of `shape`, or null.
  Operation *findWeight(ArrayRef<int64_t> shape) {
    for (auto &[dims, op] : weights) {
      auto [out, in] = dims;
      bool both = out == in ? llvm::count(shape, out) > 1
                            : llvm::is_contained(shape, out) &&
                                  llvm::is_contained(shape, in);
      if (both)
        return op;
    }
    return nullptr;
  }

  LogicalResult check(Value value) {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    if (!type)
      return success();
    ++valuesChecked;
    if (type.getNumDynamicDims() > 1)
      return emitError(value.getLoc())
             << "expected no value to be tokens x tokens, but got " << type;
    Operation *adapted = findWeight(type.getShape());
    if (!adapted || isAccepted(value))
      return success();
    return (emitError(value.getLoc())
            << "expected no temporary with both dimensions of an adapted "
               "weight, but got "
            << type)
               .attachNote(adapted->getLoc())
           << "the weight is adapted here";
  }

  void runOnOperation() override {
    weights.clear();
    getOperation().walk(
        [&](lora::LinearOp op) { collect(op, op.getWeight()); });
    getOperation().walk([&](UpOp op) { collect(op, op.getWeight()); });
    getOperation().walk(
        [&](lora::EmbeddingOp op) { collect(op, op.getTable()); });
    WalkResult walked =
        getOperation().walk<WalkOrder::PreOrder>([&](Operation *op) {
          for (Value result : op->getResults())
            if (failed(check(result)))
              return WalkResult::interrupt();
          for (Region &region : op->getRegions())
            for (Block &block : region)
              for (Value argument : block.getArguments())
                if (failed(check(argument)))
                  return WalkResult::interrupt();
          return WalkResult::advance();
        });
    if (walked.wasInterrupted())
      return signalPassFailure();
    if (weights.empty())
      getOperation().emitRemark()
          << "no weight carries a low-rank branch, so only values of tokens x "
             "tokens were looked for";
    markAllAnalysesPreserved();
  }
};

} // namespace
