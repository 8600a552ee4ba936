//===- Passes.td - Passes that convert between dialects ------------------*- tablegen -*-===//
#ifndef LORA_MLIR_CONVERSION_PASSES_TD
#define LORA_MLIR_CONVERSION_PASSES_TD

include "mlir/Pass/PassBase.td"

#endif // LORA_MLIR_CONVERSION_PASSES_TD
