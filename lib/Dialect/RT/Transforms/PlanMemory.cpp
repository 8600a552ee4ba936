//===- PlanMemory.cpp - One frame per function ----------------------------===//
//
// Gives every static buffer and every callee's frame a place in the function's
// frame. Callees are planned first, so that the size of their frames is known.
// Buffers that are not alive at the same time share bytes. The plan is always
// verified on the resulting IR.
//
// Buffers inside rt.parallel_for belong to one thread. They stay allocations,
// which outlining moves to the stack of the kernel.
//
//===----------------------------------------------------------------------===//

#include "BufferLiveness.h"
#include "lora-mlir/Dialect/RT/IR/RTOps.h"
#include "lora-mlir/Dialect/RT/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Remarks.h"
#include "llvm/Support/MathExtras.h"

namespace lora::rt {
#define GEN_PASS_DEF_PLANMEMORY
#include "lora-mlir/Dialect/RT/Transforms/Passes.h.inc"
} // namespace lora::rt

using namespace mlir;
using namespace lora;

namespace {
/// A buffer or frame that needs a place in the frame.
struct Request {
  Operation *op; ///< a memref.alloc, or a func.call with a frame
  int64_t bytes;
  rt::LiveInterval interval;
  int64_t offset = 0;
};

/// Plans one function.
class FramePlanner {
public:
  FramePlanner(func::FuncOp function, SymbolTableCollection &symbols)
      : function(function), symbols(symbols), liveness(function) {}

  /// Collects the requests.
  LogicalResult collect();
  /// Chooses offsets. The largest request is placed first, and each request
  /// gets the lowest gap among those that are alive with it. The lowest gap is
  /// better than the tightest: a buffer of a layer's backward pass then takes
  /// the place that the layer before has left, and -rt-roll-layers finds a
  /// constant step.
  void assign();
  /// Replaces allocations by views of `frame`.
  void rewrite(Value frame);

  int64_t getFrameBytes() const { return frameBytes; }
  bool empty() const { return requests.empty(); }
  ArrayRef<Request> getRequests() const { return requests; }

private:
  LogicalResult collectAlloc(memref::AllocOp alloc);
  LogicalResult collectCall(func::CallOp call);

  func::FuncOp function;
  SymbolTableCollection &symbols;
  rt::BufferLiveness liveness;
  SmallVector<Request> requests;
  int64_t frameBytes = 0;
};
} // namespace

static BlockArgument findFrame(func::FuncOp function) {
  for (BlockArgument argument : function.getArguments())
    if (isa<rt::FrameType>(argument.getType()))
      return argument;
  return {};
}

LogicalResult FramePlanner::collectAlloc(memref::AllocOp alloc) {
  MemRefType type = alloc.getType();
  if (!type.hasStaticShape() || !type.getLayout().isIdentity())
    return alloc.emitOpError()
           << "expected a contiguous buffer of static size, which a frame can "
              "hold, but got "
           << type;
  if (alloc->getParentOfType<rt::ParallelForOp>())
    return success();
  FailureOr<rt::LiveInterval> interval = liveness.getInterval(alloc);
  if (failed(interval))
    return failure();
  int64_t bytes = llvm::alignTo(rt::getBufferBytes(type), rt::kFrameAlignment);
  requests.push_back({alloc, bytes, *interval});
  return success();
}

LogicalResult FramePlanner::collectCall(func::CallOp call) {
  auto callee =
      symbols.lookupNearestSymbolFrom<func::FuncOp>(call, call.getCalleeAttr());
  auto bytes =
      callee->getAttrOfType<IntegerAttr>(rt::RTDialect::kFrameBytesAttr);
  if (!bytes)
    return success();
  if (call->getParentOfType<rt::ParallelForOp>())
    return call.emitOpError()
           << "expected no call that needs a frame in a parallel loop";
  int64_t position = liveness.getPosition(call);
  requests.push_back({call, bytes.getInt(), {position, position}});
  return success();
}

LogicalResult FramePlanner::collect() {
  // A dealloc has no information beyond the last use.
  SmallVector<memref::DeallocOp> deallocs;
  function.walk([&](memref::DeallocOp op) {
    if (!op->getParentOfType<rt::ParallelForOp>())
      deallocs.push_back(op);
  });
  for (memref::DeallocOp op : deallocs)
    op.erase();
  liveness = rt::BufferLiveness(function);
  WalkResult walked = function.walk([&](Operation *op) {
    LogicalResult result = success();
    if (auto alloc = dyn_cast<memref::AllocOp>(op))
      result = collectAlloc(alloc);
    else if (auto call = dyn_cast<func::CallOp>(op))
      result = collectCall(call);
    return failed(result) ? WalkResult::interrupt() : WalkResult::advance();
  });
  return failure(walked.wasInterrupted());
}

void FramePlanner::assign() {
  SmallVector<Request *> order;
  for (Request &request : requests)
    order.push_back(&request);
  // Among requests of equal size, those that begin first come first, and among
  // these the ones that end last. So the values that each layer keeps for the
  // backward pass are at constant distances from layer to layer.
  llvm::sort(order, [](const Request *a, const Request *b) {
    return std::tie(b->bytes, a->interval.first, b->interval.last, a) <
           std::tie(a->bytes, b->interval.first, a->interval.last, b);
  });
  SmallVector<Request *> placed; // by offset
  for (Request *request : order) {
    if (request->bytes == 0 || request->interval.isEmpty())
      continue;
    int64_t end = 0;
    for (Request *other : placed) {
      if (!other->interval.overlaps(request->interval))
        continue;
      if (other->offset - end >= request->bytes)
        break;
      end = std::max(end, other->offset + other->bytes);
    }
    request->offset = end;
    frameBytes = std::max(frameBytes, request->offset + request->bytes);
    auto position = llvm::upper_bound(placed, request,
                                      [](const Request *a, const Request *b) {
                                        return a->offset < b->offset;
                                      });
    placed.insert(position, request);
  }
}

void FramePlanner::rewrite(Value frame) {
  OpBuilder builder(function.getContext());
  for (Request &request : requests) {
    Operation *op = request.op;
    if (auto alloc = dyn_cast<memref::AllocOp>(op)) {
      if (!request.interval.isEmpty()) {
        builder.setInsertionPoint(liveness.getAncestor(op));
        alloc.replaceAllUsesWith(Value(rt::FrameViewOp::create(
            builder, op->getLoc(), alloc.getType(), frame, request.offset)));
      }
      alloc.erase();
      continue;
    }
    builder.setInsertionPoint(op);
    Value subframe = rt::SubframeOp::create(
        builder, op->getLoc(), frame.getType(), frame, request.offset);
    for (OpOperand &operand : op->getOpOperands())
      if (isa<rt::FrameType>(operand.get().getType())) {
        Operation *old = operand.get().getDefiningOp();
        operand.set(subframe);
        if (old && old->use_empty())
          old->erase();
      }
  }
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

namespace {
struct PlanMemory : public lora::rt::impl::PlanMemoryBase<PlanMemory> {
  using Base::Base;

  void runOnOperation() override {
    SymbolTableCollection symbols;
    DenseMap<Operation *, bool> planned;
    for (func::FuncOp function : getOperation().getOps<func::FuncOp>())
      if (failed(plan(function, symbols, planned)))
        return signalPassFailure();
  }

private:
  /// Plans `function` after its callees. `planned` has an entry for each
  /// function: true if its plan is finished, false while its callees are
  /// planned.
  LogicalResult plan(func::FuncOp function, SymbolTableCollection &symbols,
                     DenseMap<Operation *, bool> &planned) {
    auto [it, inserted] = planned.try_emplace(function, false);
    if (!inserted && !it->second)
      return function.emitOpError() << "expected no recursion";
    if (!inserted)
      return success();
    WalkResult walked = function.walk([&](func::CallOp call) {
      auto callee = symbols.lookupNearestSymbolFrom<func::FuncOp>(
          call, call.getCalleeAttr());
      return failed(plan(callee, symbols, planned)) ? WalkResult::interrupt()
                                                    : WalkResult::advance();
    });
    if (walked.wasInterrupted())
      return failure();
    planned[function] = true;
    if (function.isExternal())
      return success();
    BlockArgument frame = findFrame(function);
    if (!function.getBody().hasOneBlock())
      return function.emitOpError()
             << "expected structured control flow, but got several blocks";

    FramePlanner planner(function, symbols);
    if (failed(planner.collect()))
      return failure();
    if (!frame) {
      if (planner.empty())
        return success();
      return function.emitOpError() << "expected an argument of type "
                                       "!rt.frame for its buffers";
    }
    planner.assign();
    planner.rewrite(frame);
    Builder builder(function.getContext());
    function->setAttr(rt::RTDialect::kFrameBytesAttr,
                      builder.getI64IntegerAttr(planner.getFrameBytes()));
    if (failed(rt::verifyMemoryPlan(function, symbols)))
      return failure();
    peakBytes.updateMax(planner.getFrameBytes());
    int64_t unshared = 0;
    for (const Request &request : planner.getRequests())
      unshared += request.bytes;
    bytesWithoutReuse.updateMax(unshared);
    numBuffers += planner.getRequests().size();
    remark::analysis(function.getLoc(), remark::RemarkOpts::name("Frame")
                                            .category("rt-plan-memory")
                                            .function(function.getName()))
        << remark::metric("Bytes", planner.getFrameBytes())
        << remark::metric("BytesWithoutReuse", unshared)
        << remark::metric("Buffers", planner.getRequests().size());
    return success();
  }
};
} // namespace
