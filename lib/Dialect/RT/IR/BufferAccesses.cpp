//===- BufferAccesses.cpp - How code accesses buffers ---------------------===//
//
// Implements BufferAccesses.h by walking operations with memory effects. An
// unknown effect is a failure, never ignored.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Dialect/RT/IR/BufferAccesses.h"
#include "lora-mlir/Dialect/RT/IR/RTOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

using namespace mlir;
using namespace lora;

Value rt::getRoot(Value memory) {
  while (auto view = memory.getDefiningOp<ViewLikeOpInterface>())
    memory = view.getViewSource();
  return memory;
}

bool rt::mayOverlap(Value a, Value b) {
  if (a == b)
    return true;
  auto isKnown = [](Value root) {
    return isa<BlockArgument>(root)
               ? isa<FunctionOpInterface>(root.getParentBlock()->getParentOp())
               : isa<memref::AllocOp, memref::AllocaOp, memref::GetGlobalOp,
                     rt::FrameViewOp, rt::SlotOp>(root.getDefiningOp());
  };
  if (!isKnown(a) || !isKnown(b))
    return true;
  auto slotA = a.getDefiningOp<rt::SlotOp>(),
       slotB = b.getDefiningOp<rt::SlotOp>();
  return slotA && slotB && slotA.getSlots() == slotB.getSlots() &&
         slotA.getIndex() == slotB.getIndex();
}

LogicalResult rt::collectAccesses(Operation *root, Value index,
                                  Accesses &accesses) {
  WalkResult result = root->walk([&](Operation *op) {
    auto add = [&](Value memory, OperandRange indices, bool writes) {
      // The first index of a view may mean something else than the row.
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

bool rt::areIndependent(const Accesses &first, const Accesses &second) {
  return llvm::all_of(first, [&](const auto &one) {
    return llvm::all_of(second, [&](const auto &other) {
      return (!one.second.writes && !other.second.writes) ||
             !mayOverlap(one.first, other.first);
    });
  });
}
