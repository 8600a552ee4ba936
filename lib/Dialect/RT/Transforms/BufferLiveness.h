//===- BufferLiveness.h - When buffers are in use ---------------*- C++ -*-===//
//
// Computes lifetimes in the order of the operations of a function's body. A use
// inside a region counts as a use by the operation of the body that contains
// it.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_DIALECT_RT_TRANSFORMS_BUFFERLIVENESS_H
#define LORA_MLIR_LIB_DIALECT_RT_TRANSFORMS_BUFFERLIVENESS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"

namespace lora::rt {

/// The alignment of buffers and frames in a frame, in bytes.
inline constexpr int64_t kFrameAlignment = 64;

/// The bytes of a static buffer.
int64_t getBufferBytes(mlir::MemRefType type);

/// The first and the last operation that use a buffer, both included.
struct LiveInterval {
  int64_t first = 0, last = -1;

  bool isEmpty() const { return last < first; }
  bool overlaps(LiveInterval other) const {
    return first <= other.last && other.first <= last;
  }
};

/// Numbers the operations of a function, and follows buffers through them.
class BufferLiveness {
public:
  explicit BufferLiveness(mlir::func::FuncOp function);

  /// The interval in which `value` (a buffer or a frame), or a possible view of
  /// it, is used. Fails if a buffer that is made in a loop is used in the next
  /// iteration of the loop, because it would need two places in the frame.
  mlir::FailureOr<LiveInterval> getInterval(mlir::Value value);

  /// The operation of the function's body that is `op` or contains it.
  mlir::Operation *getAncestor(mlir::Operation *op);

  /// The number of that operation.
  int64_t getPosition(mlir::Operation *op) {
    return positions.lookup(getAncestor(op));
  }

private:
  mlir::func::FuncOp function;
  llvm::DenseMap<mlir::Operation *, int64_t> positions;
};

/// Verifies on the final IR that no two parts of the frame of `function` share
/// bytes while both are in use, and that all are inside of the frame.
mlir::LogicalResult verifyMemoryPlan(mlir::func::FuncOp function,
                                     mlir::SymbolTableCollection &symbols);

} // namespace lora::rt

#endif // LORA_MLIR_LIB_DIALECT_RT_TRANSFORMS_BUFFERLIVENESS_H
