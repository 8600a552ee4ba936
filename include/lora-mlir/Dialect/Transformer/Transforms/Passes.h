//===- Passes.h - Passes of the Transformer dialect -------------*- C++ -*-===//
//
// Declarations and registration of the passes in Passes.td.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_DIALECT_TRANSFORMER_TRANSFORMS_PASSES_H
#define LORA_MLIR_DIALECT_TRANSFORMER_TRANSFORMS_PASSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace lora::transformer {

#define GEN_PASS_DECL
#include "lora-mlir/Dialect/Transformer/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "lora-mlir/Dialect/Transformer/Transforms/Passes.h.inc"

} // namespace lora::transformer

#endif // LORA_MLIR_DIALECT_TRANSFORMER_TRANSFORMS_PASSES_H
