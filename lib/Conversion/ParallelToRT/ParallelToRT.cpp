//===- ParallelToRT.cpp - Parallel loops on the runtime's threads ---------===//
//
// An outermost scf.parallel becomes one rt.parallel_for if its work is large
// enough to wake other threads, and serial loops otherwise. The innermost loop
// of the body stays a plain contiguous loop, which LLVM vectorizes: only loops
// that have loops inside are merged into one index.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Conversion/Passes.h"
#include "lora-mlir/Dialect/RT/IR/RTOps.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "llvm/Support/MathExtras.h"

namespace lora {
#define GEN_PASS_DEF_CONVERTPARALLELTORT
#include "lora-mlir/Conversion/Passes.h.inc"
} // namespace lora

using namespace mlir;
using namespace lora;

//===----------------------------------------------------------------------===//
// Work
//===----------------------------------------------------------------------===//

/// The trip count that is assumed if it is not a constant.
static constexpr int64_t kUnknownTrips = 64;
/// This many iterations are enough to balance the threads of any machine.
static constexpr int64_t kEnoughIterations = 64;
/// The elements of one piece of a long innermost loop.
static constexpr int64_t kPiece = 1024;

static int64_t getTrips(Value lower, Value upper, Value step) {
  std::optional<int64_t> l = getConstantIntValue(lower),
                         u = getConstantIntValue(upper),
                         s = getConstantIntValue(step);
  if (!l || !u || !s || *s <= 0)
    return kUnknownTrips;
  return std::max<int64_t>(0, llvm::divideCeil(*u - *l, *s));
}

static int64_t estimate(Block &block);

/// An estimate of the work of `op` in scalar operations.
static int64_t estimate(Operation &op) {
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return getTrips(loop.getLowerBound(), loop.getUpperBound(),
                    loop.getStep()) *
           estimate(*loop.getBody());
  if (auto loop = dyn_cast<scf::ParallelOp>(op)) {
    int64_t work = estimate(*loop.getBody());
    for (auto [lower, upper, step] :
         llvm::zip(loop.getLowerBound(), loop.getUpperBound(), loop.getStep()))
      work *= getTrips(lower, upper, step);
    return work;
  }
  int64_t work = 0;
  for (Region &region : op.getRegions())
    for (Block &block : region)
      work = std::max(work, estimate(block));
  if (op.hasTrait<OpTrait::ConstantLike>() || isa<ViewLikeOpInterface>(op) ||
      op.hasTrait<OpTrait::IsTerminator>())
    return work;
  int64_t lanes = 1;
  for (Type type : op.getResultTypes())
    if (auto vector = dyn_cast<VectorType>(type))
      lanes = std::max<int64_t>(lanes, vector.getNumElements());
  bool isFunction = isa_and_present<math::MathDialect>(op.getDialect()) &&
                    !isa<math::FmaOp, math::AbsFOp>(op);
  bool isDivision = isa<arith::DivFOp, math::SqrtOp, math::RsqrtOp>(op);
  return work + lanes * (isDivision ? 4 : isFunction ? 16 : 1);
}

static int64_t estimate(Block &block) {
  int64_t work = 1;
  for (Operation &op : block)
    work += estimate(op);
  return work;
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

/// Nests serial loops over dimensions [first, last) of `loop` at the insertion
/// point. Moves the insertion point into the innermost loop and appends the
/// induction variables.
static void createLoops(OpBuilder &builder, scf::ParallelOp loop,
                        ArrayRef<unsigned> dims, SmallVectorImpl<Value> &ivs) {
  for (unsigned dim : dims) {
    auto serial =
        scf::ForOp::create(builder, loop.getLoc(), loop.getLowerBound()[dim],
                           loop.getUpperBound()[dim], loop.getStep()[dim]);
    ivs[dim] = serial.getInductionVar();
    builder.setInsertionPointToStart(serial.getBody());
  }
}

/// Moves the body of `loop` to the insertion point.
static void moveBody(OpBuilder &builder, scf::ParallelOp loop,
                     ArrayRef<Value> ivs) {
  Block *target = builder.getInsertionBlock();
  Block *body = loop.getBody();
  for (auto [argument, iv] : llvm::zip(body->getArguments(), ivs))
    argument.replaceAllUsesWith(iv);
  body->getTerminator()->erase();
  target->getOperations().splice(builder.getInsertionPoint(),
                                 body->getOperations());
}

/// Makes `loop` serial.
static void makeSerial(scf::ParallelOp loop) {
  OpBuilder builder(loop);
  SmallVector<Value> ivs(loop.getNumLoops());
  createLoops(builder, loop,
              llvm::to_vector(llvm::seq<unsigned>(0, loop.getNumLoops())), ivs);
  moveBody(builder, loop, ivs);
  loop.erase();
}

static bool hasLoops(scf::ParallelOp loop) {
  return loop.getBody()
      ->walk([](Operation *op) {
        return isa<LoopLikeOpInterface>(op) ? WalkResult::interrupt()
                                            : WalkResult::advance();
      })
      .wasInterrupted();
}

namespace {
/// The parts of a parallel loop.
struct Split {
  SmallVector<unsigned> unit; ///< The dimensions of one iteration.
  /// Those merged into the index of parallel_for.
  SmallVector<unsigned> parallel;
  SmallVector<unsigned> serial; ///< Those that become loops inside the body.
  /// Whether the last serial dimension is cut into pieces.
  bool pieces = false;
};
} // namespace

/// Decides which dimensions run in parallel.
static Split split(scf::ParallelOp loop, ArrayRef<int64_t> trips) {
  Split parts;
  SmallVector<unsigned> dims;
  for (auto [dim, count] : llvm::enumerate(trips))
    (count == 1 ? parts.unit : dims).push_back(dim);
  bool nested = hasLoops(loop);
  int64_t iterations = 1;
  for (unsigned dim : dims) {
    bool isInnermost = !nested && dim == dims.back() && dims.size() > 1;
    if (isInnermost || iterations >= kEnoughIterations) {
      parts.serial.push_back(dim);
      continue;
    }
    parts.parallel.push_back(dim);
    iterations *= trips[dim];
  }
  parts.pieces = !nested && iterations < kEnoughIterations &&
                 !parts.serial.empty() &&
                 trips[parts.serial.back()] >= 2 * kPiece;
  return parts;
}

namespace {
/// Converts one outermost parallel loop with enough work.
class ParallelLoopConverter {
public:
  ParallelLoopConverter(scf::ParallelOp loop, Value context,
                        ArrayRef<int64_t> trips)
      : loop(loop), context(context), trips(trips), parts(split(loop, trips)),
        builder(loop), loc(loop.getLoc()) {}

  void convert(int64_t workPerIteration, int64_t grainWork);

private:
  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(builder, loc, value);
  }
  /// The number of iterations of dimension `dim`.
  Value getCount(unsigned dim);
  /// lower + index * step of dimension `dim`.
  Value getIv(unsigned dim, Value index);

  scf::ParallelOp loop;
  Value context;
  ArrayRef<int64_t> trips;
  Split parts;
  OpBuilder builder;
  Location loc;
};
} // namespace

Value ParallelLoopConverter::getCount(unsigned dim) {
  Value lower = loop.getLowerBound()[dim], upper = loop.getUpperBound()[dim],
        step = loop.getStep()[dim];
  if (getConstantIntValue(lower) && getConstantIntValue(upper) &&
      getConstantIntValue(step))
    return constant(trips[dim]);
  Value extent = arith::SubIOp::create(builder, loc, upper, lower);
  return arith::CeilDivSIOp::create(builder, loc, extent, step);
}

Value ParallelLoopConverter::getIv(unsigned dim, Value index) {
  Value lower = loop.getLowerBound()[dim], step = loop.getStep()[dim];
  if (getConstantIntValue(step) != 1)
    index = arith::MulIOp::create(builder, loc, index, step);
  if (getConstantIntValue(lower) != 0)
    index = arith::AddIOp::create(builder, loc, index, lower);
  return index;
}

void ParallelLoopConverter::convert(int64_t workPerIteration,
                                    int64_t grainWork) {
  SmallVector<Value> counts;
  for (unsigned dim : parts.parallel)
    counts.push_back(getCount(dim));
  if (parts.pieces) {
    unsigned dim = parts.serial.back();
    counts.push_back(constant(llvm::divideCeil(trips[dim], kPiece)));
  }
  Value total = counts.front();
  for (Value count : ArrayRef(counts).drop_front())
    total = builder.createOrFold<arith::MulIOp>(loc, total, count);

  for (unsigned dim : parts.serial)
    workPerIteration *=
        parts.pieces && dim == parts.serial.back() ? kPiece : trips[dim];
  int64_t grain = llvm::divideCeil(grainWork, workPerIteration);
  auto parallel = rt::ParallelForOp::create(builder, loc, context, constant(0),
                                            total, grain);
  builder.setInsertionPointToStart(&parallel.getBody().front());

  // The merged index is split from the last dimension to the first.
  SmallVector<Value> indices(counts.size());
  Value rest = parallel.getInductionVar();
  for (unsigned i = counts.size() - 1; i > 0; --i) {
    indices[i] = arith::RemUIOp::create(builder, loc, rest, counts[i]);
    rest = arith::DivUIOp::create(builder, loc, rest, counts[i]);
  }
  indices[0] = rest;
  SmallVector<Value> ivs(loop.getNumLoops());
  for (unsigned dim : parts.unit)
    ivs[dim] = loop.getLowerBound()[dim];
  for (auto [i, dim] : llvm::enumerate(parts.parallel))
    ivs[dim] = getIv(dim, indices[i]);

  ArrayRef<unsigned> serial(parts.serial);
  if (!parts.pieces) {
    createLoops(builder, loop, serial, ivs);
  } else {
    createLoops(builder, loop, serial.drop_back(), ivs);
    unsigned dim = serial.back();
    Value begin =
        arith::MulIOp::create(builder, loc, indices.back(), constant(kPiece));
    Value end = arith::MinSIOp::create(
        builder, loc,
        arith::AddIOp::create(builder, loc, begin, constant(kPiece)),
        constant(trips[dim]));
    auto piece = scf::ForOp::create(builder, loc, begin, end, constant(1));
    builder.setInsertionPointToStart(piece.getBody());
    ivs[dim] = getIv(dim, piece.getInductionVar());
  }
  moveBody(builder, loop, ivs);
  loop.erase();
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

namespace {
struct ConvertParallelToRT
    : public lora::impl::ConvertParallelToRTBase<ConvertParallelToRT> {
  using Base::Base;

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (function.isExternal())
      return;
    Value context;
    if (function.getNumArguments() &&
        isa<rt::ContextType>(function.getArgument(0).getType()))
      context = function.getArgument(0);

    SmallVector<scf::ParallelOp> outer, inner;
    function.walk<WalkOrder::PostOrder>([&](scf::ParallelOp loop) {
      bool nested = loop->getParentOfType<scf::ParallelOp>() ||
                    loop->getParentOfType<rt::ParallelForOp>();
      (nested ? inner : outer).push_back(loop);
    });
    for (scf::ParallelOp loop : llvm::concat<scf::ParallelOp>(inner, outer))
      if (!loop.getInitVals().empty()) {
        loop.emitOpError() << "expected a parallel loop without reductions";
        return signalPassFailure();
      }
    llvm::for_each(inner, makeSerial);
    for (scf::ParallelOp loop : outer)
      convert(loop, context);
  }

private:
  void convert(scf::ParallelOp loop, Value context) {
    SmallVector<int64_t> trips;
    int64_t iterations = 1;
    for (auto [lower, upper, step] : llvm::zip(
             loop.getLowerBound(), loop.getUpperBound(), loop.getStep())) {
      trips.push_back(getTrips(lower, upper, step));
      iterations *= trips.back();
    }
    int64_t work = estimate(*loop.getBody());
    if (!context || iterations <= 1 || iterations * work < serialWork) {
      remark::missed(loop.getLoc(), remark::RemarkOpts::name("Serial")
                                        .category("convert-parallel-to-rt")
                                        .function(getOperation().getName()))
          << remark::reason("{0}",
                            !context ? "the function has no context"
                            : iterations <= 1
                                ? "it has one iteration"
                                : "its work is not worth waking threads for")
          << remark::metric("Work", iterations * work);
      makeSerial(loop);
      ++numSerial;
      return;
    }
    ParallelLoopConverter(loop, context, trips).convert(work, grainWork);
    ++numParallel;
  }
};
} // namespace
