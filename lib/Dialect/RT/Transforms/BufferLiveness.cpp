//===- BufferLiveness.cpp - When the buffers of a function are in use -----===//
//
// Implements BufferLiveness.h: follows each buffer through views, loops and
// calls to its last use.
//
//===----------------------------------------------------------------------===//

#include "BufferLiveness.h"
#include "lora-mlir/Dialect/RT/IR/RTOps.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace lora;

int64_t rt::getBufferBytes(MemRefType type) {
  Type element = type.getElementType();
  int64_t bits = element.isIndex() ? 64 : element.getIntOrFloatBitWidth();
  return type.getNumElements() * llvm::divideCeil(bits, 8);
}

rt::BufferLiveness::BufferLiveness(func::FuncOp function) : function(function) {
  int64_t position = 0;
  for (Operation &op : function.getBody().front())
    positions[&op] = position++;
}

Operation *rt::BufferLiveness::getAncestor(Operation *op) {
  return function.getBody().front().findAncestorOpInBlock(*op);
}

static bool isMemory(Value value) {
  return isa<BaseMemRefType, rt::FrameType>(value.getType());
}

FailureOr<rt::LiveInterval> rt::BufferLiveness::getInterval(Value value) {
  // Every memref that is computed from the buffer may be a view of it.
  llvm::SetVector<Value> aliases;
  aliases.insert(value);
  LiveInterval interval{std::numeric_limits<int64_t>::max(), -1};
  Operation *loop = nullptr;
  if (Operation *op = value.getDefiningOp())
    loop = op->getParentOfType<LoopLikeOpInterface>();
  for (unsigned i = 0; i < aliases.size(); ++i) {
    for (Operation *user : aliases[i].getUsers()) {
      int64_t position = getPosition(user);
      interval.first = std::min(interval.first, position);
      interval.last = std::max(interval.last, position);
      Operation *target = user;
      if (user->hasTrait<OpTrait::IsTerminator>()) {
        target = user->getParentOp();
        if (loop && target == loop)
          return value.getDefiningOp()->emitOpError()
                 << "expected a buffer made in a loop not to be carried to the "
                    "next iteration";
      }
      if (target == function)
        continue;
      for (Value result : target->getResults())
        if (isMemory(result))
          aliases.insert(result);
      for (Region &region : target->getRegions())
        for (Block &block : region)
          for (BlockArgument argument : block.getArguments())
            if (isMemory(argument))
              aliases.insert(argument);
    }
  }
  if (interval.last < 0)
    return LiveInterval();
  return interval;
}
