//===- MergeExpressions.cpp - Making and undoing #lora.merge --------------===//
//
// Implements MergeExpressions.h: where casts are placed so that a merge is
// computed in f32 from the stored numbers and rounded once.
//
//===----------------------------------------------------------------------===//

#include "MergeExpressions.h"
#include "lora-mlir/Dialect/LoRA/Transforms/SlotValues.h"

using namespace mlir;
using namespace lora;
using namespace lora::transformer;

/// Whether a conversion from one type to the other is exact.
static bool isWidening(Type from, Type to) {
  return from.getIntOrFloatBitWidth() < to.getIntOrFloatBitWidth();
}

static void appendFloats(DenseFPElementsAttr scale,
                         SmallVectorImpl<float> &values) {
  for (APFloat value : scale.getValues<APFloat>())
    values.push_back(float(value.convertToDouble()));
}

static DenseFPElementsAttr getScale(MLIRContext *context,
                                    ArrayRef<float> values) {
  auto type = RankedTensorType::get({int64_t(values.size())},
                                    Float32Type::get(context));
  return cast<DenseFPElementsAttr>(DenseElementsAttr::get(type, values));
}

DenseFPElementsAttr lora::sliceScale(DenseFPElementsAttr scale, int64_t offset,
                                     int64_t rank) {
  SmallVector<float> values;
  appendFloats(scale, values);
  return getScale(scale.getContext(),
                  ArrayRef<float>(values).slice(offset, rank));
}

DenseFPElementsAttr lora::concatScales(DenseFPElementsAttr first,
                                       DenseFPElementsAttr second) {
  SmallVector<float> values;
  appendFloats(first, values);
  appendFloats(second, values);
  return getScale(first.getContext(), values);
}

Attribute lora::rowsOf(Attribute expr, int64_t offset, int64_t rank) {
  expr = stripCast(expr);
  if (offset == 0 && exprType(expr).getDimSize(0) == rank)
    return expr;
  auto concat = dyn_cast<ConcatAttr>(expr);
  if (!concat || concat.getDim() != 0)
    return {};
  int64_t begin = 0;
  Attribute rows;
  for (Attribute operand : concat.getOperands()) {
    int64_t size = exprType(operand).getDimSize(0);
    if (begin >= offset && begin + size <= offset + rank)
      rows = rows ? concatExprs(rows, operand, 0) : operand;
    begin += size;
  }
  return rows && exprType(rows).getDimSize(0) == rank ? rows : Attribute();
}

MergeAttr lora::findMerge(Attribute expr) {
  if (auto merge = dyn_cast<MergeAttr>(expr))
    return merge;
  if (auto cast = dyn_cast<CastAttr>(expr))
    return dyn_cast<MergeAttr>(cast.getOperand());
  return {};
}

Attribute lora::unmergedExpr(Attribute expr) {
  MergeAttr merge = findMerge(expr);
  if (!merge)
    return expr;
  if (merge == expr)
    return merge.getBase();
  // cast<merge<cast<w to f32>> to t> and cast<merge<w> to t> are cast<w to t>.
  Attribute base = merge.getBase();
  if (auto widened = dyn_cast<CastAttr>(base);
      widened && isWidening(exprType(widened.getOperand()).getElementType(),
                            widened.getType().getElementType()))
    base = widened.getOperand();
  return castExpr(base, exprType(expr).getElementType());
}

Attribute lora::mergeExpr(Attribute weight, Attribute b, Attribute a,
                          DenseFPElementsAttr scale) {
  if (!weight || !b || !a)
    return {};
  MLIRContext *context = weight.getContext();
  // Leaves are converted to f32 for the computation, whatever their type.
  a = stripCast(a);
  b = stripCast(b);
  Type result = exprType(weight).getElementType();
  if (MergeAttr merged = findMerge(weight)) {
    return castExpr(MergeAttr::get(context, merged.getBase(),
                                   concatExprs(merged.getB(), b, 1),
                                   concatExprs(merged.getA(), a, 0),
                                   concatScales(merged.getScale(), scale)),
                    result);
  }
  // If the weight was narrowed or changed before, the cast moves after the
  // merge, so that nothing is rounded twice.
  Attribute base = weight;
  if (auto cast = dyn_cast<CastAttr>(weight);
      cast &&
      !isWidening(exprType(cast.getOperand()).getElementType(), result)) {
    Type inner = exprType(cast.getOperand()).getElementType();
    base = inner.getIntOrFloatBitWidth() >= 32
               ? cast.getOperand()
               : castExpr(cast.getOperand(), Float32Type::get(context));
  }
  return castExpr(MergeAttr::get(context, base, b, a, scale), result);
}
