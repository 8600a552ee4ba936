//===- ValueNames.h - Names of values through text --------------*- C++ -*-===//
//
// MLIR's parser drops the names of values. Here they are kept in the location
// of a value, which every pass preserves.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_VALUENAMES_H
#define LORA_MLIR_VALUENAMES_H

#include "mlir/IR/Operation.h"

namespace lora {

/// Gives the values below `root`, which was parsed from `text`, their names in
/// the text, for OpPrintingFlags::printNameLocAsPrefix. A value without a name
/// (`%0`, `%arg3`) gets one from the graph: a slot, the layer whose weight an
/// operation applies, or the path of an application. `file` is the name of the
/// text in locations.
void keepNames(mlir::Operation *root, llvm::StringRef text,
               llvm::StringRef file);

} // namespace lora

#endif // LORA_MLIR_VALUENAMES_H
