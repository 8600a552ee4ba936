//===- FuseParallelLoops.cpp - One launch for loops over the same rows ----===//
//
// Two parallel loops over one range become one if each iteration of the second
// needs only those results of the first that the same iteration wrote. The row
// is then still in the cache, and the threads meet once instead of twice.
//
// As everywhere between bufferization and outlining, accesses are compared by
// the buffers that they view.
//
//===----------------------------------------------------------------------===//

#include "BufferLiveness.h"
#include "lora-mlir/Dialect/RT/IR/BufferAccesses.h"
#include "lora-mlir/Dialect/RT/IR/RTOps.h"
#include "lora-mlir/Dialect/RT/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Remarks.h"

namespace lora::rt {
#define GEN_PASS_DEF_FUSEPARALLELLOOPS
#include "lora-mlir/Dialect/RT/Transforms/Passes.h.inc"
} // namespace lora::rt

using namespace mlir;
using namespace lora;
using lora::rt::getBufferBytes;
using rt::Accesses;

/// A part of the second-level cache that every machine has.
static constexpr int64_t kCacheBytes = 128 << 10;

/// The bytes that an iteration reads in addition to its own row: the weights of
/// a product, a vector of scales.
static int64_t getSharedBytes(const Accesses &accesses) {
  int64_t bytes = 0;
  for (const auto &[memory, access] : accesses) {
    auto type = cast<MemRefType>(memory.getType());
    if (!access.ownRow && type.hasStaticShape())
      bytes += getBufferBytes(type);
  }
  return bytes;
}

/// Whether iterations of `first` and `second` depend on each other only if they
/// have the same index.
static bool meetInOwnRows(const Accesses &first, const Accesses &second) {
  return llvm::all_of(first, [&](const auto &one) {
    return llvm::all_of(second, [&](const auto &other) {
      if ((!one.second.writes && !other.second.writes) ||
          !rt::mayOverlap(one.first, other.first))
        return true;
      return one.first == other.first && one.second.ownRow &&
             other.second.ownRow;
    });
  });
}

static bool isSame(Value a, Value b) { return isEqualConstantIntOrValue(a, b); }

/// The parallel loop after `first` with which it can be fused, or null. The
/// operations between the loops must be independent of `first`.
static rt::ParallelForOp findPartner(rt::ParallelForOp first) {
  Accesses accesses;
  if (failed(collectAccesses(first, first.getInductionVar(), accesses)))
    return {};
  for (Operation *op = first->getNextNode(); op; op = op->getNextNode()) {
    Accesses others;
    auto second = dyn_cast<rt::ParallelForOp>(op);
    if (failed(collectAccesses(op, second ? second.getInductionVar() : Value(),
                               others)))
      return {};
    if (second && isSame(first.getLower(), second.getLower()) &&
        isSame(first.getUpper(), second.getUpper()) &&
        meetInOwnRows(accesses, others)) {
      // Otherwise the data that one loop keeps in the cache from row to row
      // would be evicted by the data of the other.
      bool staysInCache =
          getSharedBytes(accesses) + getSharedBytes(others) <= kCacheBytes;
      return staysInCache ? second : rt::ParallelForOp();
    }
    if (!areIndependent(accesses, others))
      return {};
  }
  return {};
}

/// Puts the body of `first` before the body of `second`.
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
