//===- BufferLiveness.h - When buffers are in use ---------------*- C++ -*-===//
//
// Lifetimes in the linear order of the operations of a function's body: a use
// anywhere inside an operation of the body is a use by that operation.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_DIALECT_RT_TRANSFORMS_BUFFERLIVENESS_H
#define LORA_MLIR_LIB_DIALECT_RT_TRANSFORMS_BUFFERLIVENESS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"

namespace lora::rt {

/// The alignment of everything in a frame, in bytes.
inline constexpr int64_t kFrameAlignment = 64;

/// The bytes of a static buffer.
int64_t getBufferBytes(mlir::MemRefType type);

/// From the first to the last operation that uses a buffer, both included.
struct LiveInterval {
  int64_t first = 0, last = -1;

  bool isEmpty() const { return last < first; }
  bool overlaps(LiveInterval other) const {
    return first <= other.last && other.first <= last;
  }
};

/// Numbers the operations of a function and follows buffers through them.
class BufferLiveness {
public:
  explicit BufferLiveness(mlir::func::FuncOp function);

  /// The interval in which `value`, a buffer or a frame, or anything that may
  /// be a view of it, is used. Fails with an error if a buffer that is made in
  /// a loop lives on in the loop's next iteration: it could not have one place
  /// in a frame.
  mlir::FailureOr<LiveInterval> getInterval(mlir::Value value);

  /// The operation of the function's body that `op` is or is inside of.
  mlir::Operation *getAncestor(mlir::Operation *op);

  /// The number of that operation.
  int64_t getPosition(mlir::Operation *op) {
    return positions.lookup(getAncestor(op));
  }

private:
  mlir::func::FuncOp function;
  llvm::DenseMap<mlir::Operation *, int64_t> positions;
};

/// Verifies, on the final IR, that no two parts of the frame of `function`
/// that share bytes are in use at once, and that all are inside of it.
mlir::LogicalResult verifyMemoryPlan(mlir::func::FuncOp function,
                                     mlir::SymbolTableCollection &symbols);

} // namespace lora::rt

#endif // LORA_MLIR_LIB_DIALECT_RT_TRANSFORMS_BUFFERLIVENESS_H
