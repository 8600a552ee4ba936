//===- LoRADialect.cpp - Registration and the merge expression ------------===//
//
// Registers the dialect and defines the type rules of #lora.merge.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Dialect/LoRA/IR/LoRAOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace lora;
using transformer::WeightExprAttrInterface;

#include "lora-mlir/Dialect/LoRA/IR/LoRADialect.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "lora-mlir/Dialect/LoRA/IR/LoRAAttributes.cpp.inc"

void LoRADialect::initialize() {
  registerAttributes();
  registerTypes();
  addOperations<
#define GET_OP_LIST
#include "lora-mlir/Dialect/LoRA/IR/LoRAOps.cpp.inc"
      >();
}

void LoRADialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "lora-mlir/Dialect/LoRA/IR/LoRAAttributes.cpp.inc"
      >();
}

RankedTensorType MergeAttr::getValueType() const {
  return cast<WeightExprAttrInterface>(getBase()).getValueType();
}

SmallVector<Attribute> MergeAttr::getOperandExprs() const {
  return {getBase(), getB(), getA()};
}

bool MergeAttr::isInvertible() const { return false; }

LogicalResult MergeAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                Attribute base, Attribute b, Attribute a,
                                DenseFPElementsAttr scale) {
  SmallVector<RankedTensorType, 3> types;
  for (Attribute expr : {base, b, a}) {
    auto weight = dyn_cast<WeightExprAttrInterface>(expr);
    if (!weight || weight.getValueType().getRank() != 2 ||
        weight.getValueType().getEncoding())
      return emitError() << "expected a plain matrix expression, but got "
                         << expr;
    types.push_back(weight.getValueType());
  }
  int64_t out = types[0].getDimSize(0), in = types[0].getDimSize(1);
  int64_t rank = types[1].getDimSize(1);
  if (types[1].getDimSize(0) != out || types[2].getDimSize(0) != rank ||
      types[2].getDimSize(1) != in || scale.getType().getRank() != 1 ||
      scale.getType().getDimSize(0) != rank) // (C1)
    return emitError()
           << "expected base [out, in], b [out, rank], a [rank, in] "
              "and scale [rank], but got "
           << types[0] << ", " << types[1] << ", " << types[2] << " and "
           << scale.getType();
  return success();
}
