//===- RuntimeTypes.h - Element types as the runtime has them ---*- C++ -*-===//
//
// The runtime's values for the element types of the IR.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_DIALECT_TRANSFORMER_IR_RUNTIMETYPES_H
#define LORA_MLIR_DIALECT_TRANSFORMER_IR_RUNTIMETYPES_H

#include "lora-runtime/Numeric.h"
#include "mlir/IR/Types.h"

namespace lora {

/// The runtime's value for an element type, or for that of a shaped type. The
/// element type is f64, f32, f16, bf16 or i32.
lora_rt::DType getRuntimeType(mlir::Type type);

} // namespace lora

#endif // LORA_MLIR_DIALECT_TRANSFORMER_IR_RUNTIMETYPES_H
