//===- Passes.td - Passes of the Transformer dialect ------------------*- tablegen -*-===//
#ifndef LORA_MLIR_DIALECT_TRANSFORMER_TRANSFORMS_PASSES_TD
#define LORA_MLIR_DIALECT_TRANSFORMER_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

#endif // LORA_MLIR_DIALECT_TRANSFORMER_TRANSFORMS_PASSES_TD
