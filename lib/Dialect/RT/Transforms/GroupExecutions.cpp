//===- GroupExecutions.cpp - Products of one row as one execution ---------===//
//
// Collects the executions of a block into steps, and moves each product to the
// earliest group that it can join. An operation with unknown accesses ends all
// groups.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Dialect/RT/IR/BufferAccesses.h"
#include "lora-mlir/Dialect/RT/IR/RTOps.h"
#include "lora-mlir/Dialect/RT/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Remarks.h"

namespace lora::rt {
#define GEN_PASS_DEF_GROUPEXECUTIONS
#include "lora-mlir/Dialect/RT/Transforms/Passes.h.inc"
} // namespace lora::rt

using namespace mlir;
using namespace lora;
using rt::Accesses;
using rt::getRoot;

namespace {

/// The execution of a matmul with one row. Its buffers are a, b, a bias if
/// there is one, the operands of post-ops, and c.
struct Product {
  rt::ExecuteOp op;
  int64_t columns;
  size_t firstOperand;

  OperandRange getBuffers() const { return rt::ExecuteOp(op).getBuffers(); }
  Value getResult() const { return getBuffers().back(); }

  /// What it reads and writes. If `earlier` is given, operands of post-ops that
  /// are exactly the result of `earlier` are left out.
  Accesses getAccesses(const Product *earlier = nullptr) const {
    Accesses accesses;
    size_t last = getBuffers().size() - 1;
    for (auto [i, buffer] : llvm::enumerate(getBuffers()))
      if (!earlier || i < firstOperand || i == last ||
          buffer != earlier->getResult() || columns != earlier->columns)
        accesses[getRoot(buffer)].writes |= i == last;
    return accesses;
  }
};

/// A step in the order of a block: products that are executed together, or
/// another operation that accesses memory.
struct Step {
  SmallVector<Product> group;
  Accesses others;

  /// Whether an operation with `accesses` can also come before this step.
  bool isIndependentOf(const Accesses &accesses) const {
    return areIndependent(accesses, others) &&
           llvm::all_of(group, [&](const Product &other) {
             return areIndependent(accesses, other.getAccesses());
           });
  }

  bool canTake(const Product &product) const {
    return !group.empty() && group.size() < rt::RTDialect::kMaxGroup &&
           llvm::all_of(
               group,
               [&](const Product &other) {
                 return areIndependent(product.getAccesses(&other),
                                       other.getAccesses());
               });
  }
};

std::optional<Product> getProduct(Operation *op,
                                  SymbolTableCollection &symbols) {
  auto execute = dyn_cast<rt::ExecuteOp>(op);
  if (!execute)
    return std::nullopt;
  lora_rt::PrimitiveSpec primitive =
      symbols
          .lookupNearestSymbolFrom<rt::PrimitiveOp>(execute,
                                                    execute.getPrimitiveAttr())
          .getSpec()
          .getSpec();
  const lora_rt::MatmulSpec *spec = primitive.matmul();
  if (!spec || spec->m != 1)
    return std::nullopt;
  return Product{execute, spec->n, spec->bias ? 3u : 2u};
}

/// The steps of a block since the last operation that nothing can be moved
/// across.
class Steps {
public:
  /// Adds a product to the earliest group that it can join.
  void add(const Product &product) {
    Step *place = nullptr;
    for (Step &step : llvm::reverse(steps)) {
      if (step.canTake(product))
        place = &step;
      if (!step.isIndependentOf(product.getAccesses()))
        break;
    }
    if (place && succeeded(moveBehind(product.op, place->group.back().op)))
      place->group.push_back(product);
    else
      steps.push_back({{product}, {}});
  }

  void add(Accesses accesses) { steps.push_back({{}, std::move(accesses)}); }

  /// Makes each group one operation. Returns the number of groups.
  int64_t close();

private:
  LogicalResult moveBehind(Operation *op, Operation *target);
  bool canMove(Operation *op);

  SmallVector<Step> steps;
};

} // namespace

/// Whether an operation can come earlier: it writes nothing, and reads nothing
/// that one of the steps writes.
bool Steps::canMove(Operation *op) {
  Accesses accesses;
  if (isa<memref::AllocOp>(op))
    return true;
  if (failed(collectAccesses(op, Value(), accesses)))
    return false;
  return llvm::none_of(accesses,
                       [](const auto &entry) { return entry.second.writes; }) &&
         llvm::all_of(steps, [&](const Step &step) {
           return step.isIndependentOf(accesses);
         });
}

/// Moves `op`, and the operations that compute its operands, to right after
/// `target`.
LogicalResult Steps::moveBehind(Operation *op, Operation *target) {
  SmallVector<Operation *> moved, work{op};
  while (!work.empty()) {
    Operation *next = work.pop_back_val();
    moved.push_back(next);
    for (Value operand : next->getOperands()) {
      Operation *def = operand.getDefiningOp();
      if (!def || def->getBlock() != op->getBlock() ||
          def->isBeforeInBlock(target) || llvm::is_contained(moved, def) ||
          llvm::is_contained(work, def))
        continue;
      if (def->getNumRegions() || !canMove(def))
        return failure();
      work.push_back(def);
    }
  }
  llvm::sort(moved,
             [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  for (Operation *one : moved) {
    one->moveAfter(target);
    target = one;
  }
  return success();
}

static void replaceByGroup(ArrayRef<Product> products) {
  OpBuilder builder(products.back().op);
  SmallVector<Attribute> primitives;
  SmallVector<Value> buffers;
  SmallVector<int32_t> counts;
  SmallVector<Location> locations;
  for (Product product : products) {
    primitives.push_back(product.op.getPrimitiveAttr());
    llvm::append_range(buffers, product.op.getBuffers());
    counts.push_back(int32_t(product.op.getBuffers().size()));
    locations.push_back(product.op.getLoc());
  }
  auto group = rt::ExecuteGroupOp::create(
      builder, builder.getFusedLoc(locations),
      Product(products.front()).op.getCtx(), builder.getArrayAttr(primitives),
      buffers, counts);
  remark::passed(group.getLoc(), remark::RemarkOpts::name("Grouped").category(
                                     "rt-group-executions"))
      << remark::metric("Products", int64_t(products.size()));
  for (Product product : products)
    product.op->erase();
}

int64_t Steps::close() {
  int64_t count = 0;
  for (const Step &step : steps)
    if (step.group.size() > 1) {
      replaceByGroup(step.group);
      ++count;
    }
  steps.clear();
  return count;
}

namespace {
struct GroupExecutionsPass
    : rt::impl::GroupExecutionsBase<GroupExecutionsPass> {
  using Base::Base;
  void runOnOperation() override {
    SymbolTableCollection symbols;
    getOperation()->walk([&](Block *block) {
      Steps steps;
      for (Operation &op : llvm::make_early_inc_range(*block)) {
        Accesses accesses;
        if (std::optional<Product> product = getProduct(&op, symbols))
          steps.add(*product);
        else if (failed(collectAccesses(&op, Value(), accesses)))
          numGroups += steps.close();
        else if (!accesses.empty())
          steps.add(std::move(accesses));
      }
      numGroups += steps.close();
    });
  }
};
} // namespace
