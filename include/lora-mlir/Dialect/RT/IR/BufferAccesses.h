//===- BufferAccesses.h - How code accesses buffers -------------*- C++ -*-===//
//
// Two memory accesses are compared by the buffers that they view. Arguments of
// functions, allocations, frame views and slots each have their own memory. A
// buffer from another source may overlap with any of them.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_DIALECT_RT_IR_BUFFERACCESSES_H
#define LORA_MLIR_DIALECT_RT_IR_BUFFERACCESSES_H

#include "mlir/IR/Operation.h"
#include "llvm/ADT/MapVector.h"

namespace lora::rt {

/// How a piece of code accesses a buffer.
struct Access {
  /// Whether an access may write.
  bool writes = false;
  /// Whether every access is to the row of the loop's index.
  bool ownRow = true;
};
using Accesses = llvm::MapVector<mlir::Value, Access>;

/// The buffer that a view refers to.
mlir::Value getRoot(mlir::Value memory);

/// Whether two such buffers may share memory.
bool mayOverlap(mlir::Value a, mlir::Value b);

/// Adds all accesses of `root` and of everything inside it. Fails if they are
/// not known. `index` is the index of the loop, or null outside of loops.
llvm::LogicalResult collectAccesses(mlir::Operation *root, mlir::Value index,
                                    Accesses &accesses);

/// Whether the accesses of `first` and `second` can be made in any order.
bool areIndependent(const Accesses &first, const Accesses &second);

} // namespace lora::rt

#endif // LORA_MLIR_DIALECT_RT_IR_BUFFERACCESSES_H
