//===- OutlineKernels.cpp - Loop nests become functions -------------------===//
//
// After this pass the only loops are in functions marked rt.kernel. A kernel
// sees each buffer through one argument, and two noalias arguments never
// overlap.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Dialect/RT/IR/RTOps.h"
#include "lora-mlir/Dialect/RT/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Linalg/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"

namespace lora::rt {
#define GEN_PASS_DEF_OUTLINEKERNELS
#include "lora-mlir/Dialect/RT/Transforms/Passes.h.inc"
} // namespace lora::rt

using namespace mlir;
using namespace lora;

namespace {

/// Whether an operation is created again in a kernel instead of being passed to
/// it.
bool isRematerialized(Operation *op) {
  return op->hasTrait<OpTrait::ConstantLike>() ||
         isa<memref::GetGlobalOp, memref::SubViewOp, memref::ReinterpretCastOp,
             memref::ExpandShapeOp, memref::CollapseShapeOp, memref::CastOp,
             memref::ViewOp, memref::TransposeOp>(op);
}

/// What a loop nest uses from outside: values that are passed, and operations
/// that are created again, in order.
struct Captures {
  SetVector<Value> passed;
  SetVector<Operation *> remade;

  void add(Value value) {
    Operation *op = value.getDefiningOp();
    if (!op || !isRematerialized(op)) {
      passed.insert(value);
      return;
    }
    for (Value operand : op->getOperands())
      add(operand);
    remade.insert(op);
  }

  /// Adds the values that `root` and the operations in it use, but that `root`
  /// does not define.
  void addUsesOf(Operation *root, bool withOperands) {
    if (withOperands)
      for (Value operand : root->getOperands())
        add(operand);
    for (Region &region : root->getRegions())
      region.walk([&](Operation *op) {
        for (Value operand : op->getOperands())
          if (!root->isProperAncestor(
                  operand.getParentRegion()->getParentOp()) &&
              operand.getParentRegion()->getParentOp() != root)
            add(operand);
      });
  }
};

/// The memory of a buffer, as far as a function shows it: a range of a frame
/// (in bytes) or of a slot table (in entries), or a buffer of its own.
struct Place {
  Value base;
  int64_t begin = 0, end = 1;
  bool known = true;

  static Place of(Value buffer) {
    auto type = cast<MemRefType>(buffer.getType());
    if (auto view = buffer.getDefiningOp<rt::FrameViewOp>()) {
      int64_t bits = type.getElementTypeBitWidth() * type.getNumElements();
      Value frame = view.getFrame();
      int64_t begin = view.getOffset();
      while (auto inner = frame.getDefiningOp<rt::SubframeOp>()) {
        begin += inner.getOffset();
        frame = inner.getFrame();
      }
      return {frame, begin, begin + (bits + 7) / 8, isa<BlockArgument>(frame)};
    }
    if (auto slot = buffer.getDefiningOp<rt::SlotOp>()) {
      Value table = slot.getSlots();
      int64_t index = slot.getIndex();
      while (auto range = table.getDefiningOp<rt::SlotRangeOp>()) {
        index += range.getIndex();
        table = range.getSlots();
      }
      return {table, index, index + 1, isa<BlockArgument>(table)};
    }
    bool known = isa<BlockArgument>(buffer) ||
                 isa<memref::AllocOp, memref::AllocaOp>(buffer.getDefiningOp());
    return {buffer, 0, 1, known};
  }

  bool mayOverlap(const Place &other) const {
    if (!known || !other.known)
      return true;
    return base == other.base && begin < other.end && other.begin < end;
  }
};

/// The type with which a buffer is passed. It is the first row if the number of
/// rows is dynamic.
MemRefType passedType(MemRefType type) {
  if (type.hasStaticShape())
    return type;
  SmallVector<int64_t> shape(type.getShape());
  shape.front() = 1;
  return MemRefType::get(shape, type.getElementType());
}

/// The rows of `buffer`, with `rows` rows at its address, as type `type`.
Value castRows(OpBuilder &builder, Location loc, Value buffer, Value rows,
               MemRefType type) {
  SmallVector<OpFoldResult> sizes, strides;
  int64_t stride = 1;
  for (int64_t size : llvm::reverse(type.getShape().drop_front())) {
    sizes.insert(sizes.begin(), builder.getIndexAttr(size));
    strides.insert(strides.begin(), builder.getIndexAttr(stride));
    stride *= size;
  }
  sizes.insert(sizes.begin(),
               rows ? OpFoldResult(rows) : builder.getIndexAttr(1));
  strides.insert(strides.begin(), builder.getIndexAttr(stride));
  return memref::ReinterpretCastOp::create(
      builder, loc, type, buffer, builder.getIndexAttr(0), sizes, strides);
}

/// The name of a kernel, "rms_norm" or "rotary+cache_write": the names of the
/// operations from which the loop was made, each with the name of its value.
/// "kernel" if there are none, or too many for a name.
std::string nameOf(Operation *loop) {
  llvm::SetVector<StringAttr> names;
  loop->walk([&](Operation *op) {
    op->getLoc()->walk([&](Location loc) {
      auto fused = dyn_cast<FusedLoc>(loc);
      auto decomposed =
          fused ? dyn_cast_if_present<StringAttr>(fused.getMetadata())
                : StringAttr();
      if (!decomposed)
        return WalkResult::advance();
      names.insert(decomposed);
      for (Location part : fused.getLocations())
        part->walk([&](Location inner) {
          if (auto named = dyn_cast<NameLoc>(inner))
            names.insert(named.getName());
          return WalkResult::advance();
        });
      return WalkResult::skip();
    });
  });
  if (names.empty() || names.size() > 4)
    return "kernel";
  return llvm::join(
      llvm::map_range(names, [](StringAttr name) { return name.getValue(); }),
      "+");
}

class Outliner {
public:
  Outliner(ModuleOp module, int64_t maxStackBytes)
      : symbols(module), maxStackBytes(maxStackBytes) {}

  int64_t kernels = 0, noAlias = 0;

  /// Makes the body of a parallel loop a kernel, and the loop a launch.
  LogicalResult outline(rt::ParallelForOp loop) {
    Captures captures;
    captures.addUsesOf(loop, /*withOperands=*/false);
    IRMapping mapping;
    OpBuilder builder(loop);
    SmallVector<Value> arguments;
    Type index = builder.getIndexType();
    FailureOr<func::FuncOp> kernel = createKernel(
        loop, captures, {index, index}, {}, mapping, builder, arguments);
    if (failed(kernel))
      return failure();

    OpBuilder inside = OpBuilder::atBlockEnd(&kernel->getBody().front());
    Value one = arith::ConstantIndexOp::create(inside, loop.getLoc(), 1);
    auto range =
        scf::ForOp::create(inside, loop.getLoc(), kernel->getArgument(0),
                           kernel->getArgument(1), one);
    func::ReturnOp::create(inside, loop.getLoc());
    mapping.map(loop.getInductionVar(), range.getInductionVar());
    inside.setInsertionPointToStart(range.getBody());
    for (Operation &op : loop.getBody().front().without_terminator())
      inside.clone(op, mapping);
    if (failed(moveBuffersToStack(*kernel)))
      return failure();

    rt::LaunchOp::create(builder, loop.getLoc(), loop.getCtx(),
                         kernel->getSymName(), arguments, loop.getLower(),
                         loop.getUpper(), loop.getGrain());
    loop.erase();
    return success();
  }

  /// Makes a serial loop nest a kernel, and calls it.
  LogicalResult outline(Operation *nest) {
    Captures captures;
    captures.addUsesOf(nest, /*withOperands=*/true);
    IRMapping mapping;
    OpBuilder builder(nest);
    SmallVector<Value> arguments;
    FailureOr<func::FuncOp> kernel =
        createKernel(nest, captures, {}, nest->getResultTypes(), mapping,
                     builder, arguments);
    if (failed(kernel))
      return failure();
    OpBuilder inside = OpBuilder::atBlockEnd(&kernel->getBody().front());
    Operation *moved = inside.clone(*nest, mapping);
    func::ReturnOp::create(inside, nest->getLoc(), moved->getResults());
    if (failed(moveBuffersToStack(*kernel)))
      return failure();
    auto call =
        func::CallOp::create(builder, nest->getLoc(), *kernel, arguments);
    nest->replaceAllUsesWith(call.getResults());
    nest->erase();
    return success();
  }

private:
  /// Creates an empty kernel for `loop` with the arguments `leading` and the
  /// passed values, and creates the other captures in it. `arguments` gets the
  /// values to pass, created with `builder`.
  FailureOr<func::FuncOp>
  createKernel(Operation *loop, const Captures &captures,
               ArrayRef<Type> leading, TypeRange results, IRMapping &mapping,
               OpBuilder &builder, SmallVectorImpl<Value> &arguments) {
    Location loc = loop->getLoc();
    auto parent = loop->getParentOfType<func::FuncOp>();
    SmallVector<Type> types(leading);
    for (Value value : captures.passed) {
      auto type = dyn_cast<MemRefType>(value.getType());
      if (!type) {
        types.push_back(value.getType());
        arguments.push_back(value);
        continue;
      }
      bool rowsOnly = llvm::none_of(type.getShape().drop_front(
                                        std::min<int64_t>(1, type.getRank())),
                                    ShapedType::isDynamic) &&
                      type.getLayout().isIdentity();
      if (!type.hasStaticShape() && !rowsOnly)
        return loop->emitOpError()
               << "expected buffers of which at most the number of rows is "
                  "unknown, but got "
               << type;
      types.push_back(passedType(type));
      if (type.hasStaticShape()) {
        arguments.push_back(value);
        continue;
      }
      types.push_back(builder.getIndexType());
      arguments.push_back(castRows(builder, loc, value, {}, passedType(type)));
      arguments.push_back(memref::DimOp::create(builder, loc, value, 0));
    }

    auto kernel = func::FuncOp::create(
        loc, (parent.getSymName() + "." + nameOf(loop)).str(),
        builder.getFunctionType(types, results));
    kernel.setPrivate();
    kernel->setAttr(rt::RTDialect::kKernelAttr, builder.getUnitAttr());
    symbols.insert(kernel, Block::iterator(parent));
    Block *entry = kernel.addEntryBlock();
    OpBuilder inside = OpBuilder::atBlockEnd(entry);

    SmallVector<std::pair<Place, unsigned>> places;
    unsigned next = leading.size();
    for (Value value : captures.passed) {
      Value argument = entry->getArgument(next);
      if (auto type = dyn_cast<MemRefType>(value.getType())) {
        places.push_back({Place::of(value), next});
        if (!type.hasStaticShape())
          argument =
              castRows(inside, loc, argument, entry->getArgument(++next), type);
      }
      ++next;
      mapping.map(value, argument);
    }
    for (Operation *op : captures.remade)
      inside.clone(*op, mapping);

    for (auto &[place, index] : places) {
      bool overlaps = llvm::any_of(places, [&, &mine = place](auto &other) {
        return &other.first != &mine && mine.mayOverlap(other.first);
      });
      if (overlaps)
        continue;
      kernel.setArgAttr(index, LLVM::LLVMDialect::getNoAliasAttrName(),
                        builder.getUnitAttr());
      ++noAlias;
    }
    ++kernels;
    return kernel;
  }

  /// Moves the buffers that a kernel allocates to its start, onto the stack.
  LogicalResult moveBuffersToStack(func::FuncOp kernel) {
    SmallVector<Operation *> allocations, deallocations;
    kernel.walk([&](Operation *op) {
      if (isa<memref::AllocOp, memref::AllocaOp>(op))
        allocations.push_back(op);
      else if (isa<memref::DeallocOp>(op))
        deallocations.push_back(op);
    });
    for (Operation *op : deallocations)
      op->erase();
    OpBuilder builder = OpBuilder::atBlockBegin(&kernel.getBody().front());
    int64_t total = 0;
    for (Operation *op : allocations) {
      auto type = cast<MemRefType>(op->getResult(0).getType());
      if (!type.hasStaticShape())
        return op->emitOpError("expected a buffer of static size in a kernel");
      total += (type.getNumElements() * type.getElementTypeBitWidth() + 7) / 8;
      auto buffer = memref::AllocaOp::create(builder, op->getLoc(), type,
                                             builder.getI64IntegerAttr(64));
      op->getResult(0).replaceAllUsesWith(buffer);
      op->erase();
    }
    if (total > maxStackBytes)
      return kernel.emitOpError()
             << "expected at most " << maxStackBytes
             << " bytes of buffers on the stack, but got " << total;
    return success();
  }

  SymbolTable symbols;
  int64_t maxStackBytes;
};

/// Turns a copy between layouts into a loop nest. Other copies are one memcpy.
LogicalResult expandStridedCopies(func::FuncOp function) {
  IRRewriter rewriter(function.getContext());
  SmallVector<memref::CopyOp> copies;
  function.walk([&](memref::CopyOp copy) {
    auto isPlain = [](Value value) {
      auto type = cast<MemRefType>(value.getType());
      return type.getLayout().isIdentity();
    };
    if (!isPlain(copy.getSource()) || !isPlain(copy.getTarget()))
      copies.push_back(copy);
  });
  for (memref::CopyOp copy : copies) {
    rewriter.setInsertionPoint(copy);
    auto generic = linalg::makeMemRefCopyOp(rewriter, copy.getLoc(),
                                            copy.getSource(), copy.getTarget());
    if (failed(linalg::linalgOpToLoops(rewriter, generic)))
      return copy.emitOpError("expected a copy that loops can do");
    rewriter.eraseOp(generic);
    rewriter.eraseOp(copy);
  }
  return success();
}

/// Whether a loop nest only computes, so that it can be a function of its
/// captures.
bool isSerialKernel(Operation *op) {
  if (!isa<LoopLikeOpInterface>(op) ||
      !llvm::all_of(op->getResultTypes(), [](Type type) {
        return type.isIntOrIndexOrFloat() || isa<VectorType>(type);
      }))
    return false;
  return !op->walk([](Operation *inner) {
              return isa<CallOpInterface, rt::ExecuteOp, rt::ExecuteGroupOp,
                         rt::ParallelForOp, rt::LaunchOp>(inner)
                         ? WalkResult::interrupt()
                         : WalkResult::advance();
            }).wasInterrupted();
}

struct OutlineKernels final : rt::impl::OutlineKernelsBase<OutlineKernels> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    Outliner outliner(module, maxStackBytes);
    for (auto function :
         llvm::make_early_inc_range(module.getOps<func::FuncOp>())) {
      if (function.isDeclaration() ||
          function->hasAttr(rt::RTDialect::kKernelAttr))
        continue;
      if (failed(expandStridedCopies(function)))
        return signalPassFailure();
      SmallVector<rt::ParallelForOp> parallel;
      function.walk([&](rt::ParallelForOp loop) { parallel.push_back(loop); });
      for (rt::ParallelForOp loop : parallel)
        if (failed(outliner.outline(loop)))
          return signalPassFailure();
      SmallVector<Operation *> serial;
      for (Operation &op : function.getOps())
        if (isSerialKernel(&op))
          serial.push_back(&op);
      for (Operation *op : serial)
        if (failed(outliner.outline(op)))
          return signalPassFailure();
    }
    numKernels += outliner.kernels;
    numNoAlias += outliner.noAlias;
  }
};

} // namespace
