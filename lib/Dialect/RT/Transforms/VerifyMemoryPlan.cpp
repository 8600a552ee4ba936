//===- VerifyMemoryPlan.cpp - No two live buffers share bytes -------------===//
//
// Reads the plan from the IR, independently of the pass that made it.
//
//===----------------------------------------------------------------------===//

#include "BufferLiveness.h"
#include "lora-mlir/Dialect/RT/IR/RTOps.h"
#include "lora-mlir/Dialect/RT/Transforms/Passes.h"

namespace lora::rt {
#define GEN_PASS_DEF_VERIFYMEMORYPLAN
#include "lora-mlir/Dialect/RT/Transforms/Passes.h.inc"
} // namespace lora::rt

using namespace mlir;
using namespace lora;

namespace {
/// A part of a frame: a buffer, or the frame of a callee.
struct Part {
  Operation *op;
  size_t index; ///< The position in the order of the function.
  int64_t offset, bytes;
  rt::LiveInterval interval;
};
} // namespace

/// The bytes of the largest frame among the functions that are called with
/// `subframe`.
static FailureOr<int64_t> getSubframeBytes(rt::SubframeOp subframe,
                                           SymbolTableCollection &symbols) {
  int64_t bytes = 0;
  for (Operation *user : subframe->getUsers()) {
    auto call = dyn_cast<func::CallOp>(user);
    auto callee = call ? symbols.lookupNearestSymbolFrom<func::FuncOp>(
                             call, call.getCalleeAttr())
                       : func::FuncOp();
    auto attr =
        callee
            ? callee->getAttrOfType<IntegerAttr>(rt::RTDialect::kFrameBytesAttr)
            : IntegerAttr();
    if (!attr)
      return user->emitOpError() << "expected a subframe to be passed to a "
                                    "function with a planned frame";
    bytes = std::max(bytes, attr.getInt());
  }
  return bytes;
}

LogicalResult rt::verifyMemoryPlan(func::FuncOp function,
                                   SymbolTableCollection &symbols) {
  auto frameBytes =
      function->getAttrOfType<IntegerAttr>(RTDialect::kFrameBytesAttr);
  if (!frameBytes || function.isExternal())
    return success();
  BufferLiveness liveness(function);
  SmallVector<Part> parts;
  WalkResult walked = function.walk([&](Operation *op) {
    Part part{op, parts.size(), 0, 0, {}};
    // The addresses of a loop over layers were verified before the loop was
    // made.
    if (isa<FrameViewOp, SubframeOp>(op) &&
        op->getOperand(0).getDefiningOp<AdvanceOp>())
      return WalkResult::advance();
    if (auto view = dyn_cast<FrameViewOp>(op)) {
      part.offset = view.getOffset();
      part.bytes = getBufferBytes(cast<MemRefType>(view.getType()));
    } else if (auto subframe = dyn_cast<SubframeOp>(op)) {
      FailureOr<int64_t> bytes = getSubframeBytes(subframe, symbols);
      if (failed(bytes))
        return WalkResult::interrupt();
      part.offset = subframe.getOffset();
      part.bytes = *bytes;
    } else {
      return WalkResult::advance();
    }
    FailureOr<LiveInterval> interval = liveness.getInterval(op->getResult(0));
    if (failed(interval))
      return WalkResult::interrupt();
    part.interval = *interval;
    parts.push_back(part);
    return WalkResult::advance();
  });
  if (walked.wasInterrupted())
    return failure();

  // Parts are sorted by offset, and each is compared with those that begin
  // inside of it.
  llvm::sort(parts, [](const Part &a, const Part &b) {
    return std::tie(a.offset, a.index) < std::tie(b.offset, b.index);
  });
  for (auto [i, part] : llvm::enumerate(parts)) {
    if (part.offset < 0 || part.offset + part.bytes > frameBytes.getInt())
      return part.op->emitOpError()
             << "expected bytes [" << part.offset << ", "
             << part.offset + part.bytes << ") to be inside the frame of "
             << frameBytes.getInt() << " bytes";
    for (const Part &other : ArrayRef(parts).drop_front(i + 1)) {
      if (other.offset >= part.offset + part.bytes)
        break;
      if (other.bytes == 0 || !part.interval.overlaps(other.interval))
        continue;
      return (other.op->emitOpError()
              << "expected buffers that are in use at once to have memory of "
                 "their own, but bytes ["
              << other.offset << ", "
              << std::min(other.offset + other.bytes, part.offset + part.bytes)
              << ") belong to two")
                 .attachNote(part.op->getLoc())
             << "the other one is here";
    }
  }
  return success();
}

namespace {
struct VerifyMemoryPlan
    : public lora::rt::impl::VerifyMemoryPlanBase<VerifyMemoryPlan> {
  using Base::Base;

  void runOnOperation() override {
    SymbolTableCollection symbols;
    bool isPlanned = false;
    for (func::FuncOp function : getOperation().getOps<func::FuncOp>()) {
      isPlanned |= function->hasAttr(rt::RTDialect::kFrameBytesAttr);
      if (failed(rt::verifyMemoryPlan(function, symbols)))
        return signalPassFailure();
    }
    if (!isPlanned)
      getOperation().emitRemark()
          << "nothing is verified, because no function has a planned frame ('"
          << rt::RTDialect::kFrameBytesAttr << "'); run -rt-plan-memory first";
    markAllAnalysesPreserved();
  }
};
} // namespace
