//===- Elementwise.cpp - Decompositions of elementwise operations ---------===//
//
// Each operation becomes one linalg.generic, which the fusion of elementwise
// loops merges with its neighbours. Slices and paddings of features become
// tensor slices.
//
// ==----------------------------------------------------------------------===//

#include "Decomposition.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace lora;
using namespace lora::transformer;

/// sqrt(2/pi) and the cubic coefficient of gelu's tanh form (Hendrycks and
/// Gimpel 2016, section 2).
static constexpr double kGeluScale = 0.79788456080286535588;
static constexpr double kGeluCubic = 0.044715;
static constexpr double kSqrtHalf = 0.70710678118654752440;
/// 1 / sqrt(2 pi), the normal density at 0.
static constexpr double kNormalDensity = 0.39894228040143267794;

static SmallVector<Value> buildAdd(AddOp op, Decomposition &b) {
  return {b.createElementwise({op.getLhs(), op.getRhs()},
                              getElementTypeOrSelf(op.getType()),
                              [](ArrayRef<Expr> x) { return x[0] + x[1]; })};
}

static SmallVector<Value> buildMul(MulOp op, Decomposition &b) {
  return {b.createElementwise({op.getLhs(), op.getRhs()},
                              getElementTypeOrSelf(op.getType()),
                              [](ArrayRef<Expr> x) { return x[0] * x[1]; })};
}

static SmallVector<Value> buildCast(transformer::CastOp op, Decomposition &b) {
  return {b.createElementwise(op.getX(), getElementTypeOrSelf(op.getType()),
                              [](ArrayRef<Expr> x) { return x[0]; })};
}

static Expr activate(ActivationKind kind, Expr x) {
  switch (kind) {
  case ActivationKind::Silu:
    return x / (1.0 + exp(-x));
  case ActivationKind::GeluErf:
    return 0.5 * x * (1.0 + erf(x * kSqrtHalf));
  case ActivationKind::GeluTanh:
    return 0.5 * x * (1.0 + tanh(kGeluScale * (x + kGeluCubic * (x * x * x))));
  case ActivationKind::Relu:
    return max(x, x.constant(0));
  case ActivationKind::Tanh:
    return tanh(x);
  }
  llvm_unreachable("every kind is handled");
}

/// The derivative of `activate` at x.
static Expr differentiate(ActivationKind kind, Expr x) {
  switch (kind) {
  case ActivationKind::Silu: {
    Expr sigmoid = 1.0 / (1.0 + exp(-x));
    return sigmoid * (1.0 + x * (1.0 - sigmoid));
  }
  case ActivationKind::GeluErf:
    return 0.5 * (1.0 + erf(x * kSqrtHalf)) +
           x * (kNormalDensity * exp(-0.5 * (x * x)));
  case ActivationKind::GeluTanh: {
    Expr t = tanh(kGeluScale * (x + kGeluCubic * (x * x * x)));
    Expr inner = kGeluScale * (1.0 + 3.0 * kGeluCubic * (x * x));
    return 0.5 * (1.0 + t) + 0.5 * x * ((1.0 - t * t) * inner);
  }
  case ActivationKind::Relu:
    return select(greater(x, 0), x.constant(1), x.constant(0));
  case ActivationKind::Tanh: {
    Expr t = tanh(x);
    return 1.0 - t * t;
  }
  }
  llvm_unreachable("every kind is handled");
}

static SmallVector<Value> buildActivation(ActivationOp op, Decomposition &b) {
  return {b.createElementwise(
      op.getX(), op.getType().getElementType(),
      [&](ArrayRef<Expr> x) { return activate(op.getKind(), x[0]); })};
}

static SmallVector<Value> buildActivationGradient(ActivationGradientOp op,
                                                  Decomposition &b) {
  return {b.createElementwise({op.getDy(), op.getX()},
                              op.getType().getElementType(),
                              [&](ArrayRef<Expr> x) {
                                return x[0] * differentiate(op.getKind(), x[1]);
                              })};
}

static SmallVector<Value> buildScale(ScaleOp op, Decomposition &b) {
  double factor = op.getFactor().convertToDouble();
  return {b.createElementwise(op.getX(), op.getType().getElementType(),
                              [&](ArrayRef<Expr> x) { return x[0] * factor; })};
}

static SmallVector<Value> buildSoftcap(SoftcapOp op, Decomposition &b) {
  double cap = op.getCap().convertToDouble();
  return {b.createElementwise(
      op.getX(), op.getType().getElementType(),
      [&](ArrayRef<Expr> x) { return softcap(x[0], cap); })};
}

static SmallVector<Value> buildSoftcapGradient(SoftcapGradientOp op,
                                               Decomposition &b) {
  double cap = op.getCap().convertToDouble();
  return {b.createElementwise(
      {op.getDy(), op.getY()}, op.getType().getElementType(),
      [&](ArrayRef<Expr> x) { return x[0] * softcapSlope(x[1], cap); })};
}

static SmallVector<Value> buildScaleFeatures(ScaleFeaturesOp op,
                                             Decomposition &b) {
  return {b.createGeneric(
      "ti", "ti,i->ti", {op.getX(), op.getScale()},
      b.createEmptyLike(op.getX(), op.getType().getElementType()),
      [](ArrayRef<Expr> x) { return x[0] * x[1]; })};
}

/// The features [offset, offset + width) of `tensor`: offsets, sizes, strides.
static std::array<SmallVector<OpFoldResult>, 3>
getFeatureRange(Decomposition &b, Value tensor, int64_t offset, int64_t width) {
  return {
      SmallVector<OpFoldResult>{b.getIndexAttr(0), b.getIndexAttr(offset)},
      SmallVector<OpFoldResult>{b.getSize(tensor, 0), b.getIndexAttr(width)},
      SmallVector<OpFoldResult>{b.getIndexAttr(1), b.getIndexAttr(1)}};
}

static SmallVector<Value> buildSliceFeatures(SliceFeaturesOp op,
                                             Decomposition &b) {
  auto [offsets, sizes, strides] =
      getFeatureRange(b, op.getX(), op.getOffset(), op.getType().getDimSize(1));
  return {
      tensor::ExtractSliceOp::create(b, op.getX(), offsets, sizes, strides)};
}

static SmallVector<Value> buildPadFeatures(PadFeaturesOp op, Decomposition &b) {
  Value zeros = b.createFilled(
      {b.getSize(op.getX(), 0), b.getIndexAttr(op.getType().getDimSize(1))},
      op.getType().getElementType(), 0);
  auto [offsets, sizes, strides] = getFeatureRange(
      b, op.getX(), op.getOffset(), op.getX().getType().getDimSize(1));
  return {tensor::InsertSliceOp::create(b, op.getX(), zeros, offsets, sizes,
                                        strides)};
}

void lora::populateElementwiseDecompositions(RewritePatternSet &patterns) {
  addDecomposition(patterns, buildAdd);
  addDecomposition(patterns, buildMul);
  addDecomposition(patterns, buildCast);
  addDecomposition(patterns, buildActivation);
  addDecomposition(patterns, buildActivationGradient);
  addDecomposition(patterns, buildScale);
  addDecomposition(patterns, buildSoftcap);
  addDecomposition(patterns, buildSoftcapGradient);
  addDecomposition(patterns, buildScaleFeatures);
  addDecomposition(patterns, buildSliceFeatures);
  addDecomposition(patterns, buildPadFeatures);
}
