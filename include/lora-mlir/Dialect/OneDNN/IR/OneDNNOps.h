//===- OneDNNOps.h - The onednn dialect -------------------------*- C++ -*-===//
//
// Declarations of the dialect's operations and attributes.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_DIALECT_ONEDNN_IR_ONEDNNOPS_H
#define LORA_MLIR_DIALECT_ONEDNN_IR_ONEDNNOPS_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "lora-mlir/Dialect/OneDNN/IR/OneDNNDialect.h.inc"
#include "lora-mlir/Dialect/OneDNN/IR/OneDNNEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "lora-mlir/Dialect/OneDNN/IR/OneDNNAttributes.h.inc"

#define GET_OP_CLASSES
#include "lora-mlir/Dialect/OneDNN/IR/OneDNNOps.h.inc"

#endif // LORA_MLIR_DIALECT_ONEDNN_IR_ONEDNNOPS_H
