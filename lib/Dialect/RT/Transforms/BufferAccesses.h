//===- BufferAccesses.h - What code does to buffers -------------*- C++ -*-===//
//
// Memory is told apart by the buffer that is viewed: between bufferization and
// outlining, different buffers do not overlap.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_DIALECT_RT_TRANSFORMS_BUFFERACCESSES_H
#define LIB_DIALECT_RT_TRANSFORMS_BUFFERACCESSES_H

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

/// Adds what `root` and everything in it accesses; fails where that is not
/// known. `index` is the loop's index, or null outside of loops.
llvm::LogicalResult collectAccesses(mlir::Operation *root, mlir::Value index,
                                    Accesses &accesses);

/// Whether what `first` and `second` do can be done in any order.
bool areIndependent(const Accesses &first, const Accesses &second);

} // namespace lora::rt

#endif // LIB_DIALECT_RT_TRANSFORMS_BUFFERACCESSES_H
