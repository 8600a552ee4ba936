//===- TransformerAttributes.cpp - Weight expressions ---------------------===//
//
// Types, operands and verification of the weight expressions.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Dialect/Transformer/IR/FieldAttributes.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace lora::transformer;

#include "lora-mlir/Dialect/Transformer/IR/TransformerEnums.cpp.inc"
#include "lora-mlir/Dialect/Transformer/IR/WeightExprAttrInterface.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "lora-mlir/Dialect/Transformer/IR/TransformerAttributes.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "lora-mlir/Dialect/Transformer/IR/TransformerTypes.cpp.inc"

void TransformerDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "lora-mlir/Dialect/Transformer/IR/TransformerAttributes.cpp.inc"
      >();
}

void TransformerDialect::registerTypes() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "lora-mlir/Dialect/Transformer/IR/TransformerTypes.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// Model
//===----------------------------------------------------------------------===//

lora_rt::Error ModelFacts::verify(const std::string &what) const {
  // (C1)
  if (lora_rt::Error error = lora_rt::Manifest::Model::verify(what))
    return error;
  // (C2)
  if ((isTied || isParted) && (embeddingLayer.empty() || outputLayer.empty()))
    return makeError(lora_rt::ErrorCode::InvalidFile, what, ": expected '",
                     isTied ? "tied" : "parted",
                     "' beside 'embedding_layer' and 'output_layer'");
  // (C3)
  if (!outputLayer.empty() && embeddingLayer == outputLayer)
    return makeError(lora_rt::ErrorCode::InvalidFile, what,
                     ": expected 'embedding_layer' and 'output_layer' to "
                     "differ, but both are '",
                     outputLayer, "'");
  return lora_rt::Error::success();
}

LogicalResult ModelAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                DictionaryAttr fields) {
  FailureOr<ModelFacts> facts =
      lora::FieldsFromAttributes::convert<ModelFacts>(fields, emitError);
  if (failed(facts))
    return failure();
  if (lora_rt::Error error = facts->verify("model"))
    return emitError() << error.message();
  return success();
}

ModelAttr ModelAttr::get(MLIRContext *context, const ModelFacts &facts) {
  return get(context, lora::FieldsToAttributes::convertChanged(context, facts));
}

ModelFacts ModelAttr::getFacts() const {
  // The verifier has read them before.
  return *lora::FieldsFromAttributes::convert<ModelFacts>(
      getFields(), [&] { return emitError(UnknownLoc::get(getContext())); });
}

//===----------------------------------------------------------------------===//
// Weight expressions
//===----------------------------------------------------------------------===//

/// The type of a sub-expression, or null after an error.
static RankedTensorType
getExprType(function_ref<InFlightDiagnostic()> emitError, Attribute expr) {
  auto weight = dyn_cast_or_null<WeightExprAttrInterface>(expr);
  if (!weight) {
    emitError() << "expected a weight expression, but got " << expr;
    return {};
  }
  return weight.getValueType();
}

//===----------------------------------------------------------------------===//
// Leaves
//===----------------------------------------------------------------------===//

RankedTensorType BaseAttr::getValueType() const { return getType(); }
SmallVector<Attribute> BaseAttr::getOperandExprs() const { return {}; }

RankedTensorType AdapterAttr::getValueType() const { return getType(); }
SmallVector<Attribute> AdapterAttr::getOperandExprs() const { return {}; }

RankedTensorType InitAttr::getValueType() const { return getType(); }
SmallVector<Attribute> InitAttr::getOperandExprs() const { return {}; }

RankedTensorType NamedAttr::getValueType() const {
  return cast<WeightExprAttrInterface>(getOperand()).getValueType();
}
SmallVector<Attribute> NamedAttr::getOperandExprs() const {
  return {getOperand()};
}
LogicalResult NamedAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                StringAttr name, Attribute operand) {
  if (name.empty())
    return emitError() << "expected a name";
  return success(bool(getExprType(emitError, operand)));
}

//===----------------------------------------------------------------------===//
// Cast, concat, transpose
//===----------------------------------------------------------------------===//

RankedTensorType CastAttr::getValueType() const { return getType(); }
SmallVector<Attribute> CastAttr::getOperandExprs() const {
  return {getOperand()};
}
LogicalResult CastAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                               Attribute operand, RankedTensorType type) {
  RankedTensorType from = getExprType(emitError, operand);
  if (!from)
    return failure();
  if (from.getShape() != type.getShape() ||
      from.getEncoding() != type.getEncoding())
    return emitError() << "expected a cast to keep shape and layout, but got "
                       << from << " to " << type;
  return success();
}

RankedTensorType ConcatAttr::getValueType() const { return getType(); }
SmallVector<Attribute> ConcatAttr::getOperandExprs() const {
  return llvm::to_vector(getOperands());
}
LogicalResult ConcatAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 ArrayAttr operands, int64_t dim,
                                 RankedTensorType type) {
  if (dim < 0 || dim >= type.getRank())
    return emitError() << "expected dim to be in [0, " << type.getRank()
                       << "), but got " << dim;
  int64_t sum = 0;
  for (Attribute operand : operands) {
    RankedTensorType part = getExprType(emitError, operand);
    if (!part)
      return failure();
    bool fits = part.getRank() == type.getRank() &&
                part.getElementType() == type.getElementType() &&
                part.getEncoding() == type.getEncoding();
    for (int64_t i = 0; fits && i < type.getRank(); ++i)
      fits = i == dim || part.getDimSize(i) == type.getDimSize(i);
    if (!fits)
      return emitError() << "expected " << part << " to fit into " << type
                         << " along dim " << dim;
    sum += part.getDimSize(dim);
  }
  if (sum != type.getDimSize(dim))
    return emitError() << "expected dim " << dim
                       << " of the operands to add up to "
                       << type.getDimSize(dim) << ", but got " << sum;
  return success();
}

RankedTensorType TransposeAttr::getValueType() const {
  auto from = cast<WeightExprAttrInterface>(getOperand()).getValueType();
  return RankedTensorType::get({from.getDimSize(1), from.getDimSize(0)},
                               from.getElementType());
}
SmallVector<Attribute> TransposeAttr::getOperandExprs() const {
  return {getOperand()};
}
LogicalResult
TransposeAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                      Attribute operand) {
  RankedTensorType from = getExprType(emitError, operand);
  if (!from)
    return failure();
  if (from.getRank() != 2)
    return emitError() << "expected a matrix, but got " << from;
  return success();
}

//===----------------------------------------------------------------------===//
// Offset
//===----------------------------------------------------------------------===//

RankedTensorType OffsetAttr::getValueType() const {
  return cast<WeightExprAttrInterface>(getOperand()).getValueType();
}
SmallVector<Attribute> OffsetAttr::getOperandExprs() const {
  return {getOperand()};
}
LogicalResult OffsetAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 Attribute operand, FloatAttr number) {
  if (!getExprType(emitError, operand))
    return failure();
  if (!number.getValue().isFinite())
    return emitError() << "expected a finite number to add";
  return success();
}
