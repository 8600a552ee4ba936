//===- RuntimeTypes.cpp - Element types as the runtime has them -----------===//
//
// Implements RuntimeTypes.h.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Dialect/Transformer/IR/RuntimeTypes.h"
#include "mlir/IR/TypeUtilities.h"

lora_rt::DType lora::getRuntimeType(mlir::Type type) {
  type = mlir::getElementTypeOrSelf(type);
  if (type.isF64())
    return lora_rt::DType::F64;
  if (type.isBF16())
    return lora_rt::DType::BF16;
  if (type.isF16())
    return lora_rt::DType::F16;
  if (type.isSignlessInteger(32))
    return lora_rt::DType::I32;
  assert(type.isF32() && "the element type is f64, f32, f16, bf16 or i32");
  return lora_rt::DType::F32;
}
