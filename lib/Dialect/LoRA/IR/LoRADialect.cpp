//===- LoRADialect.cpp - Registration -------------------------------------===//
//
// Registers the operations; the attributes register themselves.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Dialect/LoRA/IR/LoRAOps.h"

using namespace mlir;
using namespace lora;

#include "lora-mlir/Dialect/LoRA/IR/LoRADialect.cpp.inc"

void LoRADialect::initialize() {
  registerAttributes();
  registerTypes();
  addOperations<
#define GET_OP_LIST
#include "lora-mlir/Dialect/LoRA/IR/LoRAOps.cpp.inc"
      >();
}
