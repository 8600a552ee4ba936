//===- Passes.h - Passes that bring adapters in -----------------*- C++ -*-===//
//
// Declarations and registration of the passes in Passes.td. They read PEFT's
// files; the rewrites that they ask for are those of the LoRA dialect.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_IMPORT_PASSES_H
#define LORA_MLIR_IMPORT_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace lora {

#define GEN_PASS_DECL
#include "lora-mlir/Import/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "lora-mlir/Import/Passes.h.inc"

} // namespace lora

#endif // LORA_MLIR_IMPORT_PASSES_H
