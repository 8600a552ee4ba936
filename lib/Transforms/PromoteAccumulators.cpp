//===- PromoteAccumulators.cpp - Accumulators in registers ----------------===//
//
// Turns an accumulation in memory over a serial loop into a loop-carried value,
// which LLVM keeps in a register.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Dialect/RT/IR/BufferAccesses.h"
#include "lora-mlir/Dialect/RT/IR/RTOps.h"
#include "lora-mlir/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"

namespace lora {
#define GEN_PASS_DEF_PROMOTEACCUMULATORS
#include "lora-mlir/Transforms/Passes.h.inc"
} // namespace lora

using namespace mlir;
using namespace lora;
using rt::getRoot;

/// An accumulator: one element that a loop reads and writes.
struct Accumulator {
  memref::StoreOp store;
  SmallVector<memref::LoadOp> loads;
};

/// Matches `store`, in the body of `loop`, if it and the loads of its element
/// are the only accesses of the loop to that memory.
static FailureOr<Accumulator> matchAccumulator(scf::ForOp loop,
                                               memref::StoreOp store) {
  Value memory = store.getMemRef(), root = getRoot(memory);
  Accumulator accumulator{store, {}};
  if (!loop.isDefinedOutsideOfLoop(memory) ||
      !llvm::all_of(store.getIndices(), [&](Value index) {
        return loop.isDefinedOutsideOfLoop(index);
      }))
    return failure();
  WalkResult result = loop.getBody()->walk([&](Operation *op) {
    if (op == store ||
        !llvm::any_of(op->getOperandTypes(), llvm::IsaPred<BaseMemRefType>))
      return WalkResult::advance();
    if (isa<ViewLikeOpInterface, memref::DimOp>(op))
      return WalkResult::advance();
    if (auto load = dyn_cast<memref::LoadOp>(op)) {
      if (load.getMemRef() == memory &&
          load.getIndices() == store.getIndices() &&
          load->getBlock() == store->getBlock() &&
          load->isBeforeInBlock(store)) {
        accumulator.loads.push_back(load);
        return WalkResult::advance();
      }
    }
    for (Value operand : op->getOperands())
      if (isa<BaseMemRefType>(operand.getType()) &&
          rt::mayOverlap(getRoot(operand), root))
        return WalkResult::interrupt();
    return WalkResult::advance();
  });
  if (result.wasInterrupted() || accumulator.loads.empty())
    return failure();
  return accumulator;
}

/// Rewrites `loop` so that it carries `accumulator`.
static scf::ForOp promote(scf::ForOp loop, Accumulator &accumulator) {
  IRRewriter rewriter(loop);
  memref::StoreOp store = accumulator.store;
  Location loc = store.getLoc();
  Value memory = store.getMemRef();
  SmallVector<Value> indices(store.getIndices());
  Value initial = memref::LoadOp::create(rewriter, loc, memory, indices);
  auto promoted = *loop.replaceWithAdditionalYields(
      rewriter, initial, /*replaceInitOperandUsesInLoop=*/false,
      [&](OpBuilder &, Location, ArrayRef<BlockArgument>) {
        return SmallVector<Value>{store.getValueToStore()};
      });
  auto newLoop = cast<scf::ForOp>(promoted.getOperation());
  for (memref::LoadOp load : accumulator.loads)
    rewriter.replaceOp(load, newLoop.getRegionIterArgs().back());
  rewriter.eraseOp(store);
  rewriter.setInsertionPointAfter(newLoop);
  memref::StoreOp::create(rewriter, loc, newLoop.getResults().back(), memory,
                          indices);
  return newLoop;
}

namespace {
struct PromoteAccumulators
    : public lora::impl::PromoteAccumulatorsBase<PromoteAccumulators> {
  using Base::Base;

  void runOnOperation() override {
    // Inner loops come first: what remains of them is an accumulation of the
    // outer loop.
    SmallVector<scf::ForOp> loops;
    getOperation()->walk<WalkOrder::PostOrder>(
        [&](scf::ForOp loop) { loops.push_back(loop); });
    for (scf::ForOp loop : loops) {
      bool changed = true;
      while (changed) {
        changed = false;
        for (auto store : loop.getBody()->getOps<memref::StoreOp>()) {
          FailureOr<Accumulator> accumulator = matchAccumulator(loop, store);
          if (failed(accumulator))
            continue;
          loop = promote(loop, *accumulator);
          ++numPromoted;
          changed = true;
          break;
        }
      }
    }
  }
};
} // namespace
