//===- LoRAGradients.cpp - Reverse-mode rules -----------------------------===//
//
// With t = s * (x Aᵀ) and y = x Wᵀ + t Bᵀ: dB = dyᵀ t, dt = dy B, du = s * dt,
// dA = duᵀ x, dx = dy W + du A (Hu et al. 2021, eq. 3, differentiated). No
// value has the shape of W, except its own gradient.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Dialect/LoRA/IR/LoRAOps.h"
#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace lora;
using namespace lora::transformer;

namespace {

/// Builds the products that the rules share, at one location.
struct GradientBuilder {
  OpBuilder &builder;
  Location loc;

  /// `dy` with the element type of `like`. A result may have a wider type.
  Value castLike(Value dy, Value like) {
    auto type = cast<RankedTensorType>(dy.getType());
    Type elementType = getElementTypeOrSelf(like.getType());
    if (type.getElementType() == elementType)
      return dy;
    return CastOp::create(builder, loc, type.clone(elementType), dy);
  }
  /// The gradient of parameter `parameter` as lhsᵀ rhs, in the accumulation
  /// type.
  Value parameter(Value parameter, Value lhs, Value rhs) {
    auto type = cast<RankedTensorType>(parameter.getType());
    type = type.clone(getAccumulationType(type.getElementType()));
    return MatmulOp::create(builder, loc, type, lhs, rhs, /*transpose_a=*/true,
                            /*transpose_b=*/false);
  }
  /// The product lhs rhs, [tokens, columns of rhs], in the element type of lhs.
  Value product(Value lhs, Value rhs) {
    auto left = cast<RankedTensorType>(lhs.getType());
    auto right = cast<RankedTensorType>(rhs.getType());
    auto type = RankedTensorType::get({left.getDimSize(0), right.getDimSize(1)},
                                      left.getElementType());
    return MatmulOp::create(builder, loc, type, lhs, rhs, false, false);
  }
  Value bias(Value bias, Value dy) {
    auto type = cast<RankedTensorType>(bias.getType());
    return SumTokensOp::create(
        builder, loc, type.clone(getAccumulationType(type.getElementType())),
        dy);
  }
};

} // namespace

LogicalResult lora::LinearOp::buildGradients(OpBuilder &builder,
                                             ArrayRef<Value> resultGradients,
                                             ArrayRef<bool> needed,
                                             MutableArrayRef<Value> gradients) {
  Value dy = resultGradients[0];
  if (!dy)
    return success();
  if (needed[4])
    return emitOpError() << "expected the scale to be a constant, but its "
                            "gradient is asked for";
  GradientBuilder build{builder, getLoc()};
  dy = build.castLike(dy, getX());
  if (needed[0] || needed[2]) {
    Value du = ScaleFeaturesOp::create(builder, getLoc(),
                                       build.product(dy, getB()), getScale());
    if (needed[2])
      gradients[2] = build.parameter(getA(), du, getX());
    if (needed[0])
      gradients[0] =
          AddOp::create(builder, getLoc(), build.product(dy, getWeight()),
                        build.product(du, getA()));
  }
  if (needed[1])
    gradients[1] = build.parameter(getWeight(), dy, getX());
  if (needed[3]) {
    auto type = cast<RankedTensorType>(getX().getType());
    auto tType = RankedTensorType::get(
        {type.getDimSize(0), getA().getType().getDimSize(0)},
        type.getElementType());
    Value t =
        DownOp::create(builder, getLoc(), tType, getX(), getA(), getScale());
    gradients[3] = build.parameter(getB(), dy, t);
  }
  if (getBias() && needed[5])
    gradients[5] = build.bias(getBias(), dy);
  return success();
}

/// With t = s * a[ids] and y = table[ids] + t Bᵀ: dB = dyᵀ t. The rows of da
/// sum up s * (dy B), the rows of dtable sum up dy.
LogicalResult lora::EmbeddingOp::buildGradients(
    OpBuilder &builder, ArrayRef<Value> resultGradients, ArrayRef<bool> needed,
    MutableArrayRef<Value> gradients) {
  Value dy = resultGradients[0];
  if (!dy)
    return success();
  if (needed[4])
    return emitOpError() << "expected the scale to be a constant, but its "
                            "gradient is asked for";
  GradientBuilder build{builder, getLoc()};
  dy = build.castLike(dy, getTable());
  auto collect = [&](Value parameter, Value rows) -> Value {
    auto type = cast<RankedTensorType>(parameter.getType());
    type = type.clone(getAccumulationType(type.getElementType()));
    return EmbeddingGradientOp::create(builder, getLoc(), type, rows, getIds());
  };
  if (needed[1])
    gradients[1] = collect(getTable(), dy);
  if (needed[2])
    gradients[2] = collect(
        getA(), ScaleFeaturesOp::create(builder, getLoc(),
                                        build.product(dy, getB()), getScale()));
  if (needed[3]) {
    auto type = RankedTensorType::get(
        {getIds().getType().getDimSize(0), getA().getType().getDimSize(1)},
        getA().getType().getElementType());
    Value rows = transformer::EmbeddingOp::create(builder, getLoc(), type,
                                                  getIds(), getA());
    Value t = ScaleFeaturesOp::create(builder, getLoc(), rows, getScale());
    gradients[3] = build.parameter(getB(), dy, t);
  }
  return success();
}

LogicalResult DownOp::buildGradients(OpBuilder &builder,
                                     ArrayRef<Value> resultGradients,
                                     ArrayRef<bool> needed,
                                     MutableArrayRef<Value> gradients) {
  if (!resultGradients[0])
    return success();
  if (needed[2])
    return emitOpError() << "expected the scale to be a constant, but its "
                            "gradient is asked for";
  GradientBuilder build{builder, getLoc()};
  Value du = ScaleFeaturesOp::create(builder, getLoc(),
                                     build.castLike(resultGradients[0], getX()),
                                     getScale());
  if (needed[0])
    gradients[0] = build.product(du, getA());
  if (needed[1])
    gradients[1] = build.parameter(getA(), du, getX());
  return success();
}

LogicalResult UpOp::buildGradients(OpBuilder &builder,
                                   ArrayRef<Value> resultGradients,
                                   ArrayRef<bool> needed,
                                   MutableArrayRef<Value> gradients) {
  Value dy = resultGradients[0];
  if (!dy)
    return success();
  GradientBuilder build{builder, getLoc()};
  dy = build.castLike(dy, getX());
  bool wholeT =
      getT().getType().getDimSize(1) == getB().getType().getDimSize(1);
  if (needed[0])
    gradients[0] = build.product(dy, getWeight());
  if (needed[1])
    gradients[1] = build.parameter(getWeight(), dy, getX());
  if (needed[2]) {
    gradients[2] = build.product(dy, getB());
    if (!wholeT)
      gradients[2] = PadFeaturesOp::create(builder, getLoc(), getT().getType(),
                                           gradients[2], getOffset());
  }
  if (needed[3]) {
    Value t = getT();
    if (!wholeT) {
      auto type = getT().getType();
      t = SliceFeaturesOp::create(
          builder, getLoc(),
          RankedTensorType::get(
              {type.getDimSize(0), getB().getType().getDimSize(1)},
              type.getElementType()),
          t, getOffset());
    }
    gradients[3] = build.parameter(getB(), dy, t);
  }
  if (getBias() && needed[4])
    gradients[4] = build.bias(getBias(), dy);
  return success();
}
