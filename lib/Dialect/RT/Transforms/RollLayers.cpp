//===- RollLayers.cpp - A loop over the layers of a model -----------------===//
//
// Finds runs of calls in which every operand is the same value or changes by a
// constant step, and makes a loop of each run. Between the calls of a run there
// may only be the computation of their addresses.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Dialect/RT/IR/RTOps.h"
#include "lora-mlir/Dialect/RT/Transforms/Passes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Remarks.h"

namespace lora::rt {
#define GEN_PASS_DEF_ROLLLAYERS
#include "lora-mlir/Dialect/RT/Transforms/Passes.h.inc"
} // namespace lora::rt

using namespace mlir;
using namespace lora;

/// Whether `op` computes an address from a base and a constant.
static bool isAddress(Operation *op) {
  return op && isa<rt::SlotRangeOp, rt::SubframeOp, rt::FrameViewOp>(op);
}

/// The constant of an address.
static int64_t getOffset(Operation *op) {
  return llvm::TypeSwitch<Operation *, int64_t>(op)
      .Case([](rt::SlotRangeOp range) { return range.getIndex(); })
      .Case([](rt::SubframeOp frame) { return frame.getOffset(); })
      .Case([](rt::FrameViewOp view) { return view.getOffset(); });
}

/// The distance from operand `a` to operand `b`; nullopt if they differ in more
/// than the constant of their address.
static std::optional<int64_t> getStep(Value a, Value b) {
  if (a == b)
    return 0;
  Operation *opA = a.getDefiningOp(), *opB = b.getDefiningOp();
  if (!isAddress(opA) || !isAddress(opB) || opA->getName() != opB->getName() ||
      a.getType() != b.getType() || opA->getOperand(0) != opB->getOperand(0) ||
      isAddress(opA->getOperand(0).getDefiningOp()))
    return std::nullopt;
  return getOffset(opB) - getOffset(opA);
}

/// The steps of all operands from call `a` to call `b`; nullopt if `b` calls
/// another function or has other differences.
static std::optional<SmallVector<int64_t>> getSteps(func::CallOp a,
                                                    func::CallOp b) {
  if (a.getCallee() != b.getCallee() || a.getNumResults())
    return std::nullopt;
  SmallVector<int64_t> steps;
  for (auto [operandA, operandB] :
       llvm::zip(a.getOperands(), b.getOperands())) {
    std::optional<int64_t> step = getStep(operandA, operandB);
    if (!step)
      return std::nullopt;
    steps.push_back(*step);
  }
  return steps;
}

namespace {
/// A run of `repetitions` times `period` calls.
struct Run {
  int64_t period = 1, repetitions = 1;
  /// The steps of each call of the period.
  SmallVector<SmallVector<int64_t>> steps;
  int64_t size() const { return period * repetitions; }
  int64_t getSaved() const { return period * (repetitions - 1); }
};
} // namespace

/// The run with `period` at the beginning of `calls`.
static Run matchRun(ArrayRef<func::CallOp> calls, int64_t period) {
  Run run{period, 1, {}};
  int64_t count = calls.size(), i = 0;
  for (; i + period < count; ++i) {
    std::optional<SmallVector<int64_t>> steps =
        getSteps(calls[i], calls[i + period]);
    if (!steps)
      break;
    if (i < period)
      run.steps.push_back(*steps);
    else if (run.steps[i % period] != *steps)
      break;
  }
  run.repetitions = 1 + i / period;
  return run;
}

/// Makes a loop of the run at the beginning of `calls`.
static void roll(ArrayRef<func::CallOp> calls, const Run &run) {
  func::CallOp first = calls.front();
  Location loc = first.getLoc();
  OpBuilder builder(first);
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(builder, loc, value);
  };
  Value lower = constant(0), upper = constant(run.repetitions),
        step = constant(1);
  auto loop = scf::ForOp::create(builder, loc, lower, upper, step);
  // LLVM must not unroll the loop, because that would be the original code
  // again.
  MLIRContext *context = builder.getContext();
  auto unroll = LLVM::LoopUnrollAttr::get(context, builder.getBoolAttr(true),
                                          {}, {}, {}, {}, {}, {});
  loop->setAttr("llvm.loop_annotation",
                LLVM::LoopAnnotationAttr::get(context, {}, {}, {}, unroll, {},
                                              {}, {}, {}, {}, {}, {}, {}, {},
                                              {}, {}));
  builder.setInsertionPointToStart(loop.getBody());
  for (auto [index, steps] : llvm::enumerate(run.steps)) {
    func::CallOp call = calls[index];
    SmallVector<Value> operands;
    for (auto [operand, distance] : llvm::zip(call.getOperands(), steps)) {
      Operation *address = operand.getDefiningOp();
      if (!isAddress(address)) {
        operands.push_back(operand);
        continue;
      }
      Operation *copy = builder.clone(*address);
      if (distance) {
        builder.setInsertionPoint(copy);
        Value base = address->getOperand(0);
        copy->setOperand(0, rt::AdvanceOp::create(builder, loc, base.getType(),
                                                  base, loop.getInductionVar(),
                                                  distance));
        builder.setInsertionPointAfter(copy);
      }
      operands.push_back(copy->getResult(0));
    }
    func::CallOp::create(builder, call.getLoc(), call.getCallee(), TypeRange(),
                         operands);
  }
}

/// Removes addresses without uses.
static void eraseDeadAddresses(func::FuncOp function) {
  for (Operation &op : llvm::make_early_inc_range(
           llvm::reverse(function.getBody().front().getOperations())))
    if (isAddress(&op) && op.use_empty())
      op.erase();
}

namespace {
struct RollLayers : public lora::rt::impl::RollLayersBase<RollLayers> {
  using Base::Base;

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (function.isExternal())
      return;
    SmallVector<SmallVector<func::CallOp>> segments(1);
    for (Operation &op : function.getBody().front()) {
      if (auto call = dyn_cast<func::CallOp>(op))
        segments.back().push_back(call);
      else if (!isAddress(&op) && !segments.back().empty())
        segments.emplace_back();
    }
    for (ArrayRef<func::CallOp> calls : segments)
      rollSegment(calls);
    eraseDeadAddresses(function);
  }

private:
  /// Makes a loop of the run that saves the most calls, then continues with the
  /// calls before and after it.
  void rollSegment(ArrayRef<func::CallOp> calls) {
    Run best;
    size_t begin = 0;
    for (size_t i = 0; i + 1 < calls.size(); ++i) {
      for (int64_t period = 1; period <= maxPeriod; ++period) {
        Run run = matchRun(calls.drop_front(i), period);
        if (run.getSaved() > best.getSaved() ||
            (run.getSaved() == best.getSaved() && period < best.period)) {
          best = run;
          begin = i;
        }
      }
    }
    if (best.getSaved() == 0)
      return;
    rollSegment(calls.take_front(begin));
    rollSegment(calls.drop_front(begin + best.size()));
    ArrayRef<func::CallOp> run = calls.slice(begin, best.size());
    roll(run, best);
    for (func::CallOp call : run)
      call.erase();
    ++numLoops;
    numCalls += best.size();
    remark::passed(getOperation().getLoc(),
                   remark::RemarkOpts::name("Rolled")
                       .category("rt-roll-layers")
                       .function(getOperation().getName()))
        << remark::metric("Calls", best.size())
        << remark::metric("CallsInLoop", best.period);
  }
};
} // namespace
