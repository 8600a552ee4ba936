//===- LoRAOps.h - The lora dialect -----------------------------*- C++ -*-===//
//
// Declarations of the dialect's operations and attributes.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_DIALECT_LORA_IR_LORAOPS_H
#define LORA_MLIR_DIALECT_LORA_IR_LORAOPS_H

#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"

#include "lora-mlir/Dialect/LoRA/IR/LoRADialect.h.inc"
#include "lora-mlir/Dialect/LoRA/IR/LoRAEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "lora-mlir/Dialect/LoRA/IR/LoRAAttributes.h.inc"

#define GET_OP_CLASSES
#include "lora-mlir/Dialect/LoRA/IR/LoRAOps.h.inc"

#endif // LORA_MLIR_DIALECT_LORA_IR_LORAOPS_H
