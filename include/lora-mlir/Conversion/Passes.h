//===- Passes.h - Passes that convert between dialects ----------*- C++ -*-===//
//
// Declarations and registration of the passes in Passes.td.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_CONVERSION_PASSES_H
#define LORA_MLIR_CONVERSION_PASSES_H

#include "lora-mlir/Conversion/TransformerToLinalg.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace lora {

#define GEN_PASS_DECL
#include "lora-mlir/Conversion/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "lora-mlir/Conversion/Passes.h.inc"

} // namespace lora

#endif // LORA_MLIR_CONVERSION_PASSES_H
