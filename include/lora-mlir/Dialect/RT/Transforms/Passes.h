//===- Passes.h - Passes of the RT dialect ----------------------*- C++ -*-===//
//
// Declarations and registration of the passes in Passes.td.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_DIALECT_RT_TRANSFORMS_PASSES_H
#define LORA_MLIR_DIALECT_RT_TRANSFORMS_PASSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace lora::rt {

#define GEN_PASS_DECL
#include "lora-mlir/Dialect/RT/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "lora-mlir/Dialect/RT/Transforms/Passes.h.inc"

} // namespace lora::rt

#endif // LORA_MLIR_DIALECT_RT_TRANSFORMS_PASSES_H
