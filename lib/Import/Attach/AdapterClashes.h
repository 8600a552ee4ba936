//===- AdapterClashes.h - Adapters that cannot be added ---------*- C++ -*-===//
//
// PEFT has one wrapper around a layer: for a branch, for training it in full,
// or for some of its rows. So two adapters that need different wrappers on one
// layer cannot be combined.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_IMPORT_ATTACH_ADAPTERCLASHES_H
#define LORA_MLIR_LIB_IMPORT_ATTACH_ADAPTERCLASHES_H

#include "GraphLayers.h"
#include "lora-mlir/Import/Adapters.h"

namespace lora {

/// Fails if `term` and an adapter that was attached before it use one layer in
/// different ways (a branch, training in full, rows). `layers` have the paths
/// that the rules of its adapter apply to.
mlir::LogicalResult refuseClashes(mlir::ModuleOp module,
                                  llvm::ArrayRef<GraphLayer> layers,
                                  const AdapterTerm &term,
                                  llvm::ArrayRef<AdapterTerm> attached);

} // namespace lora

#endif // LORA_MLIR_LIB_IMPORT_ATTACH_ADAPTERCLASHES_H
