//===- ValueNames.h - Names of values through text --------------*- C++ -*-===//
//
// MLIR forgets the names of values when it parses a text. Here they are kept as
// what every pass hands on: a value's location.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_VALUENAMES_H
#define LORA_MLIR_VALUENAMES_H

#include "mlir/IR/Operation.h"

namespace lora {

/// Gives the values below `root`, which was parsed from `text`, the names that
/// they have there, for OpPrintingFlags::printNameLocAsPrefix. A value without
/// a name of its own (`%0`, `%arg3`) gets one where the graph has one: a
/// slot's, that of the module whose weight an operation applies, an
/// application's path.
/// `file` is what locations in the text call it.
void keepNames(mlir::Operation *root, llvm::StringRef text,
               llvm::StringRef file);

} // namespace lora

#endif // LORA_MLIR_VALUENAMES_H
