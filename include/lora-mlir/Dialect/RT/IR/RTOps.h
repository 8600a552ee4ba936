//===- RTOps.h - The rt dialect ---------------------------------*- C++ -*-===//
//
// Declarations of the dialect's operations, types and attributes.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_DIALECT_RT_IR_RTOPS_H
#define LORA_MLIR_DIALECT_RT_IR_RTOPS_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "lora-runtime/Manifest.h"

#include "lora-mlir/Dialect/RT/IR/RTEnums.h.inc"

namespace lora::rt {
class EntryAttr;
} // namespace lora::rt

#include "lora-mlir/Dialect/RT/IR/RTDialect.h.inc"

#define GET_TYPEDEF_CLASSES
#include "lora-mlir/Dialect/RT/IR/RTTypes.h.inc"

#define GET_ATTRDEF_CLASSES
#include "lora-mlir/Dialect/RT/IR/RTAttributes.h.inc"

#define GET_OP_CLASSES
#include "lora-mlir/Dialect/RT/IR/RTOps.h.inc"

#endif // LORA_MLIR_DIALECT_RT_IR_RTOPS_H
