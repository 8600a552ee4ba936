//===- Passes.h - Passes on upstream's dialects -----------------*- C++ -*-===//
//
// Declarations and registration of the passes in Passes.td: those whose input
// and output are linalg, loops, buffers and math of MLIR, without an operation
// of this project.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_TRANSFORMS_PASSES_H
#define LORA_MLIR_TRANSFORMS_PASSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace lora {

#define GEN_PASS_DECL
#include "lora-mlir/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "lora-mlir/Transforms/Passes.h.inc"

} // namespace lora

#endif // LORA_MLIR_TRANSFORMS_PASSES_H
