//===- Passes.h - Passes of the LoRA dialect --------------------*- C++ -*-===//
//
// Declarations and registration of the passes in Passes.td.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_DIALECT_LORA_TRANSFORMS_PASSES_H
#define LORA_MLIR_DIALECT_LORA_TRANSFORMS_PASSES_H

#include "lora-mlir/Dialect/LoRA/IR/LoRAOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace lora {

/// What updates the parameters of a training step.
enum class OptimizerKind { AdamW, SGD };

#define GEN_PASS_DECL
#include "lora-mlir/Dialect/LoRA/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "lora-mlir/Dialect/LoRA/Transforms/Passes.h.inc"

} // namespace lora

#endif // LORA_MLIR_DIALECT_LORA_TRANSFORMS_PASSES_H
