//===- Passes.td - Passes of the RT dialect ------------------*- tablegen -*-===//
#ifndef LORA_MLIR_DIALECT_RT_TRANSFORMS_PASSES_TD
#define LORA_MLIR_DIALECT_RT_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

#endif // LORA_MLIR_DIALECT_RT_TRANSFORMS_PASSES_TD
