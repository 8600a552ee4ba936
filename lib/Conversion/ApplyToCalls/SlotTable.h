//===- SlotTable.h - The module's table of parameters and state -*- C++ -*-===//
//
// The slot table is the array of addresses that compiled code reads its
// parameters, states, gradients and regions from. A block reads a contiguous
// range of it, so that one body serves every layer.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_CONVERSION_APPLYTOCALLS_SLOTTABLE_H
#define LORA_MLIR_LIB_CONVERSION_APPLYTOCALLS_SLOTTABLE_H

#include "lora-mlir/Dialect/RT/IR/RTOps.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringMap.h"

#include <map>

namespace lora {

/// One address that a block needs: a bound argument, or the memory that a
/// gradient is written to.
struct BlockSlot {
  rt::SlotKind kind;
  mlir::StringAttr name;
  mlir::RankedTensorType type;
  /// The index of the argument; for a gradient, that of the result.
  unsigned index;
};

/// The slots of `block` in the order of its range: arguments, then gradients.
llvm::SmallVector<BlockSlot> getBlockSlots(mlir::func::FuncOp block);

/// Collects the entries of the slot table.
class SlotTable {
public:
  explicit SlotTable(mlir::ModuleOp module) : module(module) {}

  /// The index of the range that `apply` of `block` reads. Applications with
  /// equal slots share a range; the entries for different token counts apply
  /// the same layer in this way.
  mlir::FailureOr<int64_t> getRange(transformer::ApplyOp apply,
                                    mlir::func::FuncOp block);

  /// The index of the slot of a whole flat region. All ranges must have been
  /// added.
  int64_t getRegion(rt::RegionKind region);

  /// The type of a region: all trainable values, each aligned to 16 elements.
  mlir::RankedTensorType getRegionType();

  /// The table as an attribute.
  mlir::ArrayAttr getAttr();

private:
  /// The element offset of a trainable slot in the regions.
  mlir::FailureOr<int64_t> getOffset(transformer::ApplyOp apply,
                                     const BlockSlot &slot);

  mlir::ModuleOp module;
  llvm::SmallVector<mlir::Attribute> entries;
  llvm::DenseMap<mlir::Attribute, int64_t> ranges;
  std::map<rt::RegionKind, int64_t> regions;
  llvm::StringMap<std::pair<int64_t, int64_t>> offsets; ///< offset and size
  int64_t regionSize = 0;
};

/// Replaces gradient_norm, adamw and sgd at the top of `entry` by loops over
/// the flat regions. All ranges must be in `table`.
void convertUpdates(mlir::func::FuncOp entry, SlotTable &table,
                    mlir::Value context, mlir::Value slots);

} // namespace lora

#endif // LORA_MLIR_LIB_CONVERSION_APPLYTOCALLS_SLOTTABLE_H
