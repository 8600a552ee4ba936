//===- BufferAccesses.h - What code does to buffers -------------*- C++ -*-===//
//
// Memory is told apart by the buffer that is viewed: arguments of functions,
// allocations, frame views and slots each have memory of their own. What comes
// from elsewhere may be any of it.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_DIALECT_RT_IR_BUFFERACCESSES_H
#define LORA_MLIR_DIALECT_RT_IR_BUFFERACCESSES_H

#include "mlir/IR/Operation.h"
#include "llvm/ADT/MapVector.h"

namespace lora::rt {

/// What a piece of code does to a buffer.
struct Access {
  bool writes = false;
  /// Every access is to the row that the loop's index names.
  bool ownRow = true;
};
using Accesses = llvm::MapVector<mlir::Value, Access>;

/// The buffer that is viewed.
mlir::Value getRoot(mlir::Value memory);

/// Whether two buffers that are viewed may be one memory.
bool mayOverlap(mlir::Value a, mlir::Value b);

/// Adds what `root` and everything in it accesses; fails where that is not
/// known. `index` is the loop's index, or null outside of loops.
llvm::LogicalResult collectAccesses(mlir::Operation *root, mlir::Value index,
                                    Accesses &accesses);

/// Whether what `first` and `second` do can be done in any order.
bool areIndependent(const Accesses &first, const Accesses &second);

} // namespace lora::rt

#endif // LORA_MLIR_DIALECT_RT_IR_BUFFERACCESSES_H
