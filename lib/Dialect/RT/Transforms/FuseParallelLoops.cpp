//===- FuseParallelLoops.cpp - One launch for loops over the same rows ----===//
//
// Two parallel loops over one range become one if each iteration of the second
// needs nothing of the first but what the same iteration wrote: then its row
// is still in the cache, and the threads meet once instead of twice.
//
// Memory is told apart by the buffer that is viewed, as everywhere between
// bufferization and outlining.
//
//===----------------------------------------------------------------------===//

#include "BufferLiveness.h"
#include "lora-mlir/Dialect/RT/IR/RTOps.h"
#include "lora-mlir/Dialect/RT/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "llvm/ADT/MapVector.h"

namespace lora::rt {
#define GEN_PASS_DEF_FUSEPARALLELLOOPS
#include "lora-mlir/Dialect/RT/Transforms/Passes.h.inc"
} // namespace lora::rt

using namespace mlir;
using namespace lora;
using lora::rt::getBufferBytes;

namespace {
/// What a piece of code does to a buffer.
struct Access {
  bool writes = false;
  /// Every access is to the row that the loop's index names.
  bool ownRow = true;
};
using Accesses = llvm::MapVector<Value, Access>;
} // namespace

/// A part of the second-level cache of any machine.
static constexpr int64_t kCacheBytes = 128 << 10;

static Value getRoot(Value memory) {
  while (auto view = memory.getDefiningOp<ViewLikeOpInterface>())
    memory = view.getViewSource();
  return memory;
}

/// Adds what `root` and everything in it accesses; fails where that is not
/// known. `index` is the loop's index, or null outside of loops.
static LogicalResult collect(Operation *root, Value index, Accesses &accesses) {
  WalkResult result = root->walk([&](Operation *op) {
    auto add = [&](Value memory, OperandRange indices, bool writes) {
      // Behind a view the first index may name something else than the row.
      bool ownRow = index && !indices.empty() && indices.front() == index &&
                    getRoot(memory) == memory;
      Access &access = accesses[getRoot(memory)];
      access.writes |= writes;
      access.ownRow &= ownRow;
      return WalkResult::advance();
    };
    if (auto load = dyn_cast<memref::LoadOp>(op))
      return add(load.getMemRef(), load.getIndices(), false);
    if (auto store = dyn_cast<memref::StoreOp>(op))
      return add(store.getMemRef(), store.getIndices(), true);
    if (isa<memref::AllocOp, memref::AllocaOp>(op) || isMemoryEffectFree(op) ||
        op->hasTrait<OpTrait::HasRecursiveMemoryEffects>())
      return WalkResult::advance();
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

/// The bytes that an iteration reads besides its own row: the weights of a
/// product, a vector of scales.
static int64_t getSharedBytes(const Accesses &accesses) {
  int64_t bytes = 0;
  for (const auto &[memory, access] : accesses) {
    auto type = cast<MemRefType>(memory.getType());
    if (!access.ownRow && type.hasStaticShape())
      bytes += getBufferBytes(type);
  }
  return bytes;
}

/// Whether what `first` and `second` do can be done in any order.
static bool areIndependent(const Accesses &first, const Accesses &second) {
  return llvm::all_of(first, [&](const auto &entry) {
    auto it = second.find(entry.first);
    return it == second.end() || (!it->second.writes && !entry.second.writes);
  });
}

/// Whether iterations of `first` and `second` depend on one another only where
/// they have the same index.
static bool meetInOwnRows(const Accesses &first, const Accesses &second) {
  return llvm::all_of(first, [&](const auto &entry) {
    auto it = second.find(entry.first);
    if (it == second.end() || (!it->second.writes && !entry.second.writes))
      return true;
    return it->second.ownRow && entry.second.ownRow;
  });
}

static bool isSame(Value a, Value b) { return isEqualConstantIntOrValue(a, b); }

/// The parallel loop after `first` that it can be fused with, or null. What is
/// between them must not care whether it comes before or after `first`.
static rt::ParallelForOp findPartner(rt::ParallelForOp first) {
  Accesses accesses;
  if (failed(collect(first, first.getInductionVar(), accesses)))
    return {};
  for (Operation *op = first->getNextNode(); op; op = op->getNextNode()) {
    Accesses others;
    auto second = dyn_cast<rt::ParallelForOp>(op);
    if (failed(
            collect(op, second ? second.getInductionVar() : Value(), others)))
      return {};
    if (second && isSame(first.getLower(), second.getLower()) &&
        isSame(first.getUpper(), second.getUpper()) &&
        meetInOwnRows(accesses, others)) {
      // Else what one loop keeps in the cache from row to row would be thrown
      // out by what the other one reads.
      bool staysInCache =
          getSharedBytes(accesses) + getSharedBytes(others) <= kCacheBytes;
      return staysInCache ? second : rt::ParallelForOp();
    }
    if (!areIndependent(accesses, others))
      return {};
  }
  return {};
}

/// Puts the body of `first` in front of the body of `second`.
static void fuse(rt::ParallelForOp first, rt::ParallelForOp second) {
  Block &target = second.getBody().front();
  Block &source = first.getBody().front();
  source.getTerminator()->erase();
  first.getInductionVar().replaceAllUsesWith(second.getInductionVar());
  target.getOperations().splice(target.begin(), source.getOperations());
  second.setGrain(std::min(first.getGrain(), second.getGrain()));
  first.erase();
}

namespace {
struct FuseParallelLoops
    : public lora::rt::impl::FuseParallelLoopsBase<FuseParallelLoops> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<rt::ParallelForOp> loops;
    getOperation().walk([&](rt::ParallelForOp loop) { loops.push_back(loop); });
    int64_t fused = 0;
    for (rt::ParallelForOp loop : loops) {
      if (rt::ParallelForOp partner = findPartner(loop)) {
        fuse(loop, partner);
        ++fused;
      }
    }
    numFused += fused;
    if (!loops.empty())
      remark::analysis(getOperation().getLoc(),
                       remark::RemarkOpts::name("Loops")
                           .category("rt-fuse-parallel-loops")
                           .function(getOperation().getName()))
          << remark::metric("Fused", fused)
          << remark::metric("Left", int64_t(loops.size()) - fused);
  }
};
} // namespace
