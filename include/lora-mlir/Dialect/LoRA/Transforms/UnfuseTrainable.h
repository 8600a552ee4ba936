//===- UnfuseTrainable.h - Trained values out of their slots ----*- C++ -*-===//
//
// `lora-fuse` stores what trains stacked; here it is taken apart again.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_DIALECT_LORA_TRANSFORMS_UNFUSETRAINABLE_H
#define LORA_MLIR_DIALECT_LORA_TRANSFORMS_UNFUSETRAINABLE_H

#include "mlir/IR/Attributes.h"
#include "mlir/IR/Location.h"
#include "llvm/ADT/ArrayRef.h"

#include <string>
#include <vector>

namespace lora {

/// A tensor that was taken out of a slot, named relative to the block like the
/// slot.
struct LeafTensor {
  std::string name;
  std::vector<int64_t> shape;
  std::vector<float> values;
};

/// Separates the trained values of a slot: inverts the slot's weight expression
/// (concatenations and transpositions of leaves) and appends one tensor for
/// each leaf. `data` is the value of the slot, row-major.
llvm::LogicalResult unfuseTrainable(mlir::Location loc, mlir::Attribute value,
                                    llvm::ArrayRef<float> data,
                                    std::vector<LeafTensor> &leaves);

} // namespace lora

#endif // LORA_MLIR_DIALECT_LORA_TRANSFORMS_UNFUSETRAINABLE_H
