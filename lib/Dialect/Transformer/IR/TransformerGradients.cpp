//===- TransformerGradients.cpp - Reverse-mode rules ----------------------===//
//
// The vector-Jacobian product of each differentiable operation. Gradients of
// activations have the activation's type, gradients of parameters the
// accumulation type.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace lora::transformer;

/// The type of the gradient of a parameter with the shape of `value`: the
/// accumulation type.
static RankedTensorType getParameterGradientType(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  return RankedTensorType::get(type.getShape(),
                               getAccumulationType(type.getElementType()));
}

/// `value` with the element type of `like`.
static Value castLike(OpBuilder &builder, Location loc, Value value,
                      Value like) {
  auto type = cast<RankedTensorType>(value.getType());
  Type elementType = getElementTypeOrSelf(like.getType());
  if (type.getElementType() == elementType)
    return value;
  return CastOp::create(
      builder, loc, RankedTensorType::get(type.getShape(), elementType), value);
}

/// dtable[v] is the sum of dy[t] over the tokens t with ids[t] = v.
LogicalResult EmbeddingOp::buildGradients(OpBuilder &builder,
                                          ArrayRef<Value> resultGradients,
                                          ArrayRef<bool> needed,
                                          MutableArrayRef<Value> gradients) {
  if (needed[1] && resultGradients[0])
    gradients[1] = EmbeddingGradientOp::create(
        builder, getLoc(), getParameterGradientType(getTable()),
        resultGradients[0], getIds());
  return success();
}

/// dx = dy W, dW = dyᵀ x, db = sum of dy over the tokens.
LogicalResult LinearOp::buildGradients(OpBuilder &builder,
                                       ArrayRef<Value> resultGradients,
                                       ArrayRef<bool> needed,
                                       MutableArrayRef<Value> gradients) {
  if (!resultGradients[0])
    return success();
  Value dy = castLike(builder, getLoc(), resultGradients[0], getX());
  if (needed[0])
    gradients[0] = MatmulOp::create(builder, getLoc(), getX().getType(), dy,
                                    getWeight(), /*transpose_a=*/false,
                                    /*transpose_b=*/false);
  if (needed[1])
    gradients[1] = MatmulOp::create(
        builder, getLoc(), getParameterGradientType(getWeight()), dy, getX(),
        /*transpose_a=*/true, /*transpose_b=*/false);
  if (getBias() && needed[2])
    gradients[2] = SumTokensOp::create(builder, getLoc(),
                                       getParameterGradientType(getBias()), dy);
  return success();
}

/// With C = op(a) op(b): d op(a) = dC op(b)ᵀ, d op(b) = op(a)ᵀ dC.
LogicalResult MatmulOp::buildGradients(OpBuilder &builder,
                                       ArrayRef<Value> resultGradients,
                                       ArrayRef<bool> needed,
                                       MutableArrayRef<Value> gradients) {
  if (!resultGradients[0])
    return success();
  Value dc = castLike(builder, getLoc(), resultGradients[0], getA());
  bool ta = getTransposeA(), tb = getTransposeB();
  auto matmul = [&](Value like, Value lhs, Value rhs, bool tl, bool tr) {
    return MatmulOp::create(builder, getLoc(), like.getType(), lhs, rhs, tl,
                            tr);
  };
  if (needed[0])
    gradients[0] = ta ? matmul(getA(), getB(), dc, tb, true)
                      : matmul(getA(), dc, getB(), false, !tb);
  if (needed[1])
    gradients[1] = tb ? matmul(getB(), dc, getA(), true, ta)
                      : matmul(getB(), getA(), dc, !ta, false);
  return success();
}

/// Both operands receive dy.
LogicalResult AddOp::buildGradients(OpBuilder &,
                                    ArrayRef<Value> resultGradients,
                                    ArrayRef<bool> needed,
                                    MutableArrayRef<Value> gradients) {
  for (unsigned i : {0, 1})
    if (needed[i])
      gradients[i] = resultGradients[0];
  return success();
}

/// Each operand receives dy times the other.
LogicalResult MulOp::buildGradients(OpBuilder &builder,
                                    ArrayRef<Value> resultGradients,
                                    ArrayRef<bool> needed,
                                    MutableArrayRef<Value> gradients) {
  for (unsigned i : {0, 1})
    if (needed[i] && resultGradients[0])
      gradients[i] = MulOp::create(builder, getLoc(), resultGradients[0],
                                   getOperation()->getOperand(1 - i));
  return success();
}

/// dx = dy f'(x).
LogicalResult ActivationOp::buildGradients(OpBuilder &builder,
                                           ArrayRef<Value> resultGradients,
                                           ArrayRef<bool> needed,
                                           MutableArrayRef<Value> gradients) {
  if (needed[0] && resultGradients[0])
    gradients[0] =
        ActivationGradientOp::create(builder, getLoc(), getX().getType(),
                                     resultGradients[0], getX(), getKindAttr());
  return success();
}

/// A cast passes the gradient on. The gradient of a parameter has a wider type
/// than the result of the cast already.
LogicalResult CastOp::buildGradients(OpBuilder &builder,
                                     ArrayRef<Value> resultGradients,
                                     ArrayRef<bool> needed,
                                     MutableArrayRef<Value> gradients) {
  if (needed[0] && resultGradients[0])
    gradients[0] = castLike(builder, getLoc(), resultGradients[0], getX());
  return success();
}

/// dx = dy factor.
LogicalResult ScaleOp::buildGradients(OpBuilder &builder,
                                      ArrayRef<Value> resultGradients,
                                      ArrayRef<bool> needed,
                                      MutableArrayRef<Value> gradients) {
  if (needed[0] && resultGradients[0])
    gradients[0] = ScaleOp::create(builder, getLoc(), getX().getType(),
                                   resultGradients[0], getFactorAttr());
  return success();
}

/// dx = dy (1 - (y / cap)²).
LogicalResult SoftcapOp::buildGradients(OpBuilder &builder,
                                        ArrayRef<Value> resultGradients,
                                        ArrayRef<bool> needed,
                                        MutableArrayRef<Value> gradients) {
  if (needed[0] && resultGradients[0])
    gradients[0] = SoftcapGradientOp::create(
        builder, getLoc(), getX().getType(), resultGradients[0], getResult(),
        getCapAttr());
  return success();
}

/// dx = dy s; ds = sum of dy x over the tokens.
LogicalResult ScaleFeaturesOp::buildGradients(
    OpBuilder &builder, ArrayRef<Value> resultGradients, ArrayRef<bool> needed,
    MutableArrayRef<Value> gradients) {
  if (!resultGradients[0])
    return success();
  if (needed[0])
    gradients[0] = ScaleFeaturesOp::create(builder, getLoc(),
                                           resultGradients[0], getScale());
  if (needed[1]) {
    Value product =
        MulOp::create(builder, getLoc(), resultGradients[0], getX());
    gradients[1] = SumTokensOp::create(
        builder, getLoc(), getParameterGradientType(getScale()), product);
  }
  return success();
}

/// The transpose of a slice is a padding.
LogicalResult SliceFeaturesOp::buildGradients(
    OpBuilder &builder, ArrayRef<Value> resultGradients, ArrayRef<bool> needed,
    MutableArrayRef<Value> gradients) {
  if (needed[0] && resultGradients[0])
    gradients[0] = PadFeaturesOp::create(builder, getLoc(), getX().getType(),
                                         resultGradients[0], getOffset());
  return success();
}

/// The transpose of a padding is a slice.
LogicalResult PadFeaturesOp::buildGradients(OpBuilder &builder,
                                            ArrayRef<Value> resultGradients,
                                            ArrayRef<bool> needed,
                                            MutableArrayRef<Value> gradients) {
  if (needed[0] && resultGradients[0])
    gradients[0] = SliceFeaturesOp::create(builder, getLoc(), getX().getType(),
                                           resultGradients[0], getOffset());
  return success();
}

LogicalResult RMSNormOp::buildGradients(OpBuilder &builder,
                                        ArrayRef<Value> resultGradients,
                                        ArrayRef<bool> needed,
                                        MutableArrayRef<Value> gradients) {
  if (!resultGradients[0])
    return success();
  if (needed[0])
    gradients[0] =
        RMSNormGradientOp::create(builder, getLoc(), resultGradients[0], getX(),
                                  getWeight(), getEpsAttr());
  if (needed[1])
    gradients[1] = RMSNormWeightGradientOp::create(
        builder, getLoc(), getParameterGradientType(getWeight()),
        resultGradients[0], getX(), getEpsAttr());
  return success();
}

LogicalResult LayerNormOp::buildGradients(OpBuilder &builder,
                                          ArrayRef<Value> resultGradients,
                                          ArrayRef<bool> needed,
                                          MutableArrayRef<Value> gradients) {
  if (!resultGradients[0])
    return success();
  if (needed[0])
    gradients[0] =
        LayerNormGradientOp::create(builder, getLoc(), resultGradients[0],
                                    getX(), getWeight(), getEpsAttr());
  if (needed[1])
    gradients[1] = LayerNormWeightGradientOp::create(
        builder, getLoc(), getParameterGradientType(getWeight()),
        resultGradients[0], getX(), getEpsAttr());
  if (needed[2])
    gradients[2] = SumTokensOp::create(builder, getLoc(),
                                       getParameterGradientType(getBias()),
                                       resultGradients[0]);
  return success();
}

/// The transpose of a rotation is the inverse rotation. Angles are constants.
LogicalResult RotaryOp::buildGradients(OpBuilder &builder,
                                       ArrayRef<Value> resultGradients,
                                       ArrayRef<bool> needed,
                                       MutableArrayRef<Value> gradients) {
  if (needed[1] || needed[2])
    return emitOpError() << "expected rotary angles to be constants, but their "
                            "gradient is asked for";
  if (needed[0] && resultGradients[0])
    gradients[0] = RotaryOp::create(builder, getLoc(), getX().getType(),
                                    resultGradients[0], getCos(), getSin(),
                                    getHeadDim(), !getInverse());
  return success();
}

LogicalResult AttentionOp::buildGradients(OpBuilder &builder,
                                          ArrayRef<Value> resultGradients,
                                          ArrayRef<bool> needed,
                                          MutableArrayRef<Value> gradients) {
  if (resultGradients[1])
    return emitOpError() << "expected only the output of attention to be "
                            "differentiated, but got a gradient of lse";
  if (!resultGradients[0])
    return success();
  auto gradient = AttentionGradientOp::create(
      builder, getLoc(),
      TypeRange{getQ().getType(), getK().getType(), getV().getType()},
      resultGradients[0], getQ(), getK(), getV(), getResult(), getLse(),
      getSequence(), getHeadsAttr(), getKvHeadsAttr(), getScaleAttr(),
      getWindowAttr(), getSoftcapAttr());
  for (unsigned i : {0, 1, 2})
    if (needed[i])
      gradients[i] = gradient->getResult(i);
  return success();
}

LogicalResult CrossEntropyOp::buildGradients(OpBuilder &builder,
                                             ArrayRef<Value> resultGradients,
                                             ArrayRef<bool> needed,
                                             MutableArrayRef<Value> gradients) {
  if (resultGradients[1])
    return emitOpError() << "expected only the loss to be differentiated, but "
                            "got a gradient of lse";
  if (needed[0] && resultGradients[0])
    gradients[0] = CrossEntropyGradientOp::create(
        builder, getLoc(), getLogits().getType(), resultGradients[0],
        getLogits(), getLabels(), getLse());
  return success();
}
