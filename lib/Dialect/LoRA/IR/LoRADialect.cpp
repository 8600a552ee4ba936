//===- LoRADialect.cpp - Registration -------------------------------------===//
//
// Registers the operations (the attributes register themselves), and verifies
// the attributes that the dialect puts on functions.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Dialect/LoRA/IR/LoRAOps.h"
#include "lora-mlir/Dialect/Transformer/IR/VerifierUtils.h"

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

LogicalResult LoRADialect::verifyOperationAttribute(Operation *op,
                                                    NamedAttribute attribute) {
  if (attribute.getName() == kInputAttr)
    return op->emitOpError() << "expected '" << kInputAttr
                             << "' on an argument of a function, but got it "
                                "on an operation";
  return transformer::refuseUnknown(op->emitOpError(), attribute.getName(), {});
}

LogicalResult LoRADialect::verifyRegionArgAttribute(Operation *op,
                                                    unsigned regionIndex,
                                                    unsigned argIndex,
                                                    NamedAttribute attribute) {
  auto where = [&] {
    return op->emitOpError() << "argument " << argIndex << ": ";
  };
  if (attribute.getName() != kInputAttr)
    return transformer::refuseUnknown(where(), attribute.getName(),
                                      {kInputAttr});
  if (!isa<StringAttr>(attribute.getValue()))
    return where() << "expected '" << kInputAttr << "' to be a text, but got "
                   << attribute.getValue();
  return success();
}
