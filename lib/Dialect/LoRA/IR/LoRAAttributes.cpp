//===- LoRAAttributes.cpp - Weight expressions of adapters ----------------===//
//
// Types, operands and verification of the weight expressions. The labels (C1),
// (C2) are those of the constraints in LoRAAttributes.td.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Dialect/LoRA/IR/LoRAOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/SmallSet.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace lora;
using transformer::WeightExprAttrInterface;
using EmitError = function_ref<InFlightDiagnostic()>;

#include "lora-mlir/Dialect/LoRA/IR/LoRAEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "lora-mlir/Dialect/LoRA/IR/LoRAAttributes.cpp.inc"

void LoRADialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "lora-mlir/Dialect/LoRA/IR/LoRAAttributes.cpp.inc"
      >();
}

/// The type of a sub-expression, or null.
static RankedTensorType typeOf(Attribute expr) {
  auto weight = dyn_cast_or_null<WeightExprAttrInterface>(expr);
  return weight ? weight.getValueType() : RankedTensorType();
}

/// The type of an expression with its elements as f32.
static RankedTensorType inFloat(Attribute expr) {
  return RankedTensorType::get(typeOf(expr).getShape(),
                               Float32Type::get(expr.getContext()));
}

static FailureOr<RankedTensorType> getMatrix(EmitError emitError,
                                             Attribute expr) {
  RankedTensorType type = typeOf(expr);
  if (!type || type.getRank() != 2 || type.getEncoding()) {
    emitError() << "expected a plain matrix expression, but got " << expr;
    return failure();
  }
  return type;
}

/// Fails unless `vector` has an element for each index of dimension `dim`.
static LogicalResult verifyVector(EmitError emitError, StringRef name,
                                  Attribute vector, RankedTensorType matrix,
                                  int64_t dim) {
  if (dim != 0 && dim != 1)
    return emitError() << "expected dim to be 0 or 1, but got " << dim;
  RankedTensorType type = typeOf(vector);
  if (!type || type.getRank() != 1 ||
      type.getDimSize(0) != matrix.getDimSize(dim))
    return emitError() << "expected " << name << " to be a vector of "
                       << matrix.getDimSize(dim) << ", but got " << vector;
  return success();
}

static LogicalResult verifyMerge(EmitError emitError, Attribute base,
                                 Attribute b, Attribute a,
                                 DenseFPElementsAttr scale) {
  SmallVector<RankedTensorType, 3> types;
  for (Attribute expr : {base, b, a}) {
    FailureOr<RankedTensorType> type = getMatrix(emitError, expr);
    if (failed(type))
      return failure();
    types.push_back(*type);
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

/// Fails unless a matrix, in any stored layout, can be factorized to this rank.
static LogicalResult verifyRank(EmitError emitError, Attribute operand,
                                int64_t rank) {
  RankedTensorType type = typeOf(operand);
  if (!type || type.getRank() != 2)
    return emitError() << "expected a matrix expression, but got " << operand;
  int64_t most = std::min(type.getDimSize(0), type.getDimSize(1));
  if (rank < 1 || rank > most)
    return emitError() << "expected rank to be in [1, " << most << "], but got "
                       << rank;
  return success();
}

//===----------------------------------------------------------------------===//
// Merge
//===----------------------------------------------------------------------===//

RankedTensorType MergeAttr::getValueType() const {
  return cast<WeightExprAttrInterface>(getBase()).getValueType();
}

SmallVector<Attribute> MergeAttr::getOperandExprs() const {
  return {getBase(), getB(), getA()};
}

LogicalResult MergeAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                Attribute base, Attribute b, Attribute a,
                                DenseFPElementsAttr scale) {
  return verifyMerge(emitError, base, b, a, scale); // (C1)
}

//===----------------------------------------------------------------------===//
// DoRA
//===----------------------------------------------------------------------===//

RankedTensorType DoraFactorAttr::getValueType() const {
  return inFloat(getMagnitude());
}

SmallVector<Attribute> DoraFactorAttr::getOperandExprs() const {
  return {getBase(), getB(), getA(), getMagnitude()};
}

LogicalResult DoraFactorAttr::verify(EmitError emitError, Attribute base,
                                     Attribute b, Attribute a,
                                     DenseFPElementsAttr scale,
                                     Attribute magnitude, int64_t dim) {
  if (failed(verifyMerge(emitError, base, b, a, scale))) // (C1)
    return failure();
  return verifyVector(emitError, "magnitude", magnitude, typeOf(base),
                      dim); // (C2)
}

RankedTensorType NormsAttr::getValueType() const {
  return RankedTensorType::get({typeOf(getOperand()).getDimSize(getDim())},
                               Float32Type::get(getContext()));
}

SmallVector<Attribute> NormsAttr::getOperandExprs() const {
  return {getOperand()};
}

LogicalResult NormsAttr::verify(EmitError emitError, Attribute operand,
                                int64_t dim) {
  if (failed(getMatrix(emitError, operand))) // (C1)
    return failure();
  if (dim != 0 && dim != 1) // (C1)
    return emitError() << "expected dim to be 0 or 1, but got " << dim;
  return success();
}

RankedTensorType ScaleAttr::getValueType() const {
  return inFloat(getOperand());
}

SmallVector<Attribute> ScaleAttr::getOperandExprs() const {
  return {getOperand(), getFactors()};
}

LogicalResult ScaleAttr::verify(EmitError emitError, Attribute operand,
                                Attribute factors, int64_t dim) {
  FailureOr<RankedTensorType> type = getMatrix(emitError, operand);
  if (failed(type))
    return failure();
  return verifyVector(emitError, "factors", factors, *type, dim); // (C1)
}

//===----------------------------------------------------------------------===//
// Initializers
//===----------------------------------------------------------------------===//

RankedTensorType InitializerAttr::getValueType() const {
  RankedTensorType type = typeOf(getOperand());
  SmallVector<int64_t, 2> shape = {getRank(), type.getDimSize(1)};
  if (getMatrix() == BranchMatrix::B)
    shape = {type.getDimSize(0), getRank()};
  return RankedTensorType::get(shape, Float32Type::get(getContext()));
}

SmallVector<Attribute> InitializerAttr::getOperandExprs() const {
  return {getOperand()};
}

LogicalResult InitializerAttr::verify(EmitError emitError, InitializerKind,
                                      BranchMatrix, Attribute operand,
                                      int64_t rank, FloatAttr scale) {
  if (failed(verifyRank(emitError, operand, rank))) // (C1)
    return failure();
  if (!(scale.getValueAsDouble() > 0)) // (C2)
    return emitError() << "expected a positive scale, but got " << scale;
  return success();
}

RankedTensorType OrthogonalAttr::getValueType() const {
  return RankedTensorType::get({typeOf(getSquare()).getDimSize(0),
                                typeOf(getCoordinates()).getDimSize(1)},
                               Float32Type::get(getContext()));
}

SmallVector<Attribute> OrthogonalAttr::getOperandExprs() const {
  return {getSquare(), getCoordinates()};
}

LogicalResult OrthogonalAttr::verify(EmitError emitError, Attribute square,
                                     Attribute coordinates, int64_t first) {
  FailureOr<RankedTensorType> basis = getMatrix(emitError, square),
                              given = getMatrix(emitError, coordinates);
  if (failed(basis) || failed(given))
    return failure();
  int64_t rank = basis->getDimSize(0);
  if (basis->getDimSize(1) != rank || rank % 2 ||
      given->getDimSize(0) * 2 != rank) // (C1)
    return emitError() << "expected square [rank, rank] of an even rank and "
                          "coordinates [rank / 2, any], but got "
                       << *basis << " and " << *given;
  if (first != 0 && first != 1) // (C2)
    return emitError() << "expected first to be 0 or 1, but got " << first;
  return success();
}

//===----------------------------------------------------------------------===//
// Sums, residuals, rows
//===----------------------------------------------------------------------===//

RankedTensorType SumAttr::getValueType() const {
  return inFloat(getOperands()[0]);
}

SmallVector<Attribute> SumAttr::getOperandExprs() const {
  return llvm::to_vector(getOperands());
}

LogicalResult SumAttr::verify(EmitError emitError, ArrayAttr operands,
                              DenseFPElementsAttr weights) {
  if (operands.empty() || weights.getType().getRank() != 1 ||
      weights.getNumElements() != int64_t(operands.size())) // (C1)
    return emitError() << "expected a weight for each operand, but got "
                       << operands.size() << " operands and "
                       << weights.getType();
  RankedTensorType first = typeOf(operands[0]);
  for (Attribute operand : operands) {
    RankedTensorType type = typeOf(operand);
    if (!type || !first || type.getShape() != first.getShape()) // (C1)
      return emitError() << "expected expressions of one shape, but got "
                         << operand;
  }
  return success();
}

RankedTensorType ResidualAttr::getValueType() const {
  // A stored layout is kept, because PEFT factorizes OLoRA's matrix as it is
  // stored.
  RankedTensorType type = typeOf(getOperand());
  return RankedTensorType::get(type.getShape(), Float32Type::get(getContext()),
                               type.getEncoding());
}

SmallVector<Attribute> ResidualAttr::getOperandExprs() const {
  return {getOperand()};
}

LogicalResult ResidualAttr::verify(EmitError emitError, InitializerKind,
                                   Attribute operand, int64_t rank, FloatAttr) {
  return verifyRank(emitError, operand, rank); // (C1)
}

RankedTensorType ReplaceRowsAttr::getValueType() const {
  return inFloat(getOperand());
}

SmallVector<Attribute> ReplaceRowsAttr::getOperandExprs() const {
  return {getOperand(), getRows()};
}

LogicalResult ReplaceRowsAttr::verify(EmitError emitError, Attribute operand,
                                      Attribute rows,
                                      ArrayRef<int64_t> indices) {
  FailureOr<RankedTensorType> type = getMatrix(emitError, operand),
                              given = getMatrix(emitError, rows);
  if (failed(type) || failed(given))
    return failure();
  if (given->getDimSize(0) != int64_t(indices.size()) ||
      given->getDimSize(1) != type->getDimSize(1)) // (C1)
    return emitError() << "expected rows to be [" << indices.size() << ", "
                       << type->getDimSize(1) << "], but got " << *given;
  llvm::SmallSet<int64_t, 16> seen;
  for (int64_t index : indices)
    if (index < 0 || index >= type->getDimSize(0) ||
        !seen.insert(index).second) // (C2)
      return emitError() << "expected each index once and in [0, "
                         << type->getDimSize(0) << "), but got " << index;
  return success();
}

//===----------------------------------------------------------------------===//
// ResizeRows
//===----------------------------------------------------------------------===//

RankedTensorType ResizeRowsAttr::getValueType() const {
  RankedTensorType type = typeOf(getOperand());
  SmallVector<int64_t> shape(type.getShape());
  shape[0] = getRows();
  return RankedTensorType::get(shape, type.getElementType());
}

SmallVector<Attribute> ResizeRowsAttr::getOperandExprs() const {
  return {getOperand()};
}

LogicalResult ResizeRowsAttr::verify(EmitError emitError, Attribute operand,
                                     int64_t rows) {
  RankedTensorType type = typeOf(operand);
  if (!type || type.getRank() < 1 || type.getRank() > 2 ||
      type.getEncoding()) // (C1)
    return emitError() << "expected a plain vector or matrix expression, but "
                          "got "
                       << operand;
  if (rows <= 0) // (C2)
    return emitError() << "expected a positive number of rows, but got "
                       << rows;
  return success();
}
