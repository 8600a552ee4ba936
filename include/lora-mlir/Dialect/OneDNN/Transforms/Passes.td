//===- Passes.td - Passes of the OneDNN dialect ------------------*- tablegen -*-===//
#ifndef LORA_MLIR_DIALECT_ONEDNN_TRANSFORMS_PASSES_TD
#define LORA_MLIR_DIALECT_ONEDNN_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

#endif // LORA_MLIR_DIALECT_ONEDNN_TRANSFORMS_PASSES_TD
