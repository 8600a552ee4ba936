//===- Norms.cpp - Decompositions of normalizations -----------------------===//
//
// A row of x is viewed as [groups, width of a group]. A reduction computes one
// value for each group; an elementwise pass then reads it. If a row is one
// group, there is no view, so the result needs no reshape.
//
//===----------------------------------------------------------------------===//

#include "Decomposition.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace lora;
using namespace lora::transformer;

namespace {

/// The group view of rows. Its dimensions are named t, g, i, or t, i where a
/// row is one group.
struct Groups {
  Decomposition &b;
  int64_t count, width;
  std::string element, group;

  Groups(Decomposition &b, Value x, int64_t width)
      : b(b), count(cast<RankedTensorType>(x.getType()).getDimSize(1) / width),
        width(width), element(count == 1 ? "ti" : "tgi"),
        group(count == 1 ? "t" : "tg") {}

  Value view(Value x) {
    return count == 1 ? x : b.splitFeatures(x, {count, width});
  }
  Value unview(Value x) { return count == 1 ? x : b.joinFeatures(x); }

  SmallVector<OpFoldResult> getGroupSizes(Value x) {
    SmallVector<OpFoldResult> sizes{b.getSize(x, 0)};
    if (count != 1)
      sizes.push_back(b.getIndexAttr(count));
    return sizes;
  }

  /// The sum, over each group, of what `term` computes from `inputs`, which are
  /// views.
  Value sum(ValueRange inputs, StringRef maps, Type compute,
            Decomposition::Body term) {
    Value zeros = b.createFilled(getGroupSizes(inputs[0]), compute, 0);
    return b.createGeneric(element, maps.str() + "->" + group, inputs, zeros,
                           [&](ArrayRef<Expr> x) {
                             return accumulate(x.back(), term(x.drop_back()));
                           });
  }

  /// 1 / sqrt(mean(x²) + eps) of each group of the view `x`.
  Value inverseRoot(Value x, double eps, Type compute) {
    Value squares =
        sum(x, element, compute, [](ArrayRef<Expr> x) { return x[0] * x[0]; });
    return b.createElementwise(squares, compute, [&](ArrayRef<Expr> x) {
      return 1.0 / sqrt(x[0] / double(width) + eps);
    });
  }
};

} // namespace

static SmallVector<Value> buildRMSNorm(RMSNormOp op, Decomposition &b) {
  Type compute = b.getComputeType({op.getX(), op.getWeight()});
  Groups groups(b, op.getX(), op.getWeight().getType().getDimSize(0));
  Value x = groups.view(op.getX());
  Value root = groups.inverseRoot(x, op.getEps().convertToDouble(), compute);
  Value y = b.createGeneric(
      groups.element,
      groups.element + "," + groups.group + ",i->" + groups.element,
      {x, root, op.getWeight()},
      b.createEmptyLike(x, op.getType().getElementType()),
      [](ArrayRef<Expr> x) { return x[0] * x[1] * x[2]; });
  return {groups.unview(y)};
}

/// With g = dy * weight: dx = r g - x r³ (sum of g x) / n.
static SmallVector<Value> buildRMSNormGradient(RMSNormGradientOp op,
                                               Decomposition &b) {
  Type compute = b.getComputeType({op.getX(), op.getWeight()});
  Groups groups(b, op.getX(), op.getWeight().getType().getDimSize(0));
  const std::string &e = groups.element, &g = groups.group;
  Value x = groups.view(op.getX()), dy = groups.view(op.getDy());
  Value root = groups.inverseRoot(x, op.getEps().convertToDouble(), compute);
  Value dot = groups.sum({dy, x, op.getWeight()}, e + "," + e + ",i", compute,
                         [](ArrayRef<Expr> x) { return x[0] * x[2] * x[1]; });
  // The factor of x, r³ (sum of g x) / n.
  Value factor =
      b.createElementwise({root, dot}, compute, [&](ArrayRef<Expr> x) {
        return x[0] * x[0] * x[0] * x[1] / double(groups.width);
      });
  Value dx = b.createGeneric(
      e, e + "," + e + ",i," + g + "," + g + "->" + e,
      {dy, x, op.getWeight(), root, factor},
      b.createEmptyLike(x, op.getType().getElementType()),
      [](ArrayRef<Expr> x) { return x[3] * (x[0] * x[2]) - x[1] * x[4]; });
  return {groups.unview(dx)};
}

/// The sum over tokens and groups of dy * x * r.
static SmallVector<Value> buildRMSNormWeightGradient(RMSNormWeightGradientOp op,
                                                     Decomposition &b) {
  Type compute = b.getComputeType({op.getX(), op.getResult()});
  Groups groups(b, op.getX(), op.getType().getDimSize(0));
  const std::string &e = groups.element;
  Value x = groups.view(op.getX()), dy = groups.view(op.getDy());
  Value root = groups.inverseRoot(x, op.getEps().convertToDouble(), compute);
  Value zeros = b.createFilled({b.getIndexAttr(groups.width)}, compute, 0);
  Value sum = b.createGeneric(
      e, e + "," + e + "," + groups.group + "->i", {dy, x, root}, zeros,
      [](ArrayRef<Expr> x) { return accumulate(x[3], x[0] * x[1] * x[2]); });
  return {b.round(sum, op.getType().getElementType())};
}

namespace {

/// The statistics of the rows of x: their means, and 1 / sqrt(variance + eps).
struct RowMoments {
  Value mean, root;

  RowMoments(Groups &rows, Value x, double eps, Type compute) {
    auto width = double(rows.width);
    Decomposition &b = rows.b;
    Value sum =
        rows.sum(x, "ti", compute, [](ArrayRef<Expr> x) { return x[0]; });
    mean = b.createElementwise(sum, compute,
                               [&](ArrayRef<Expr> x) { return x[0] / width; });
    Value squares = rows.sum({x, mean}, "ti,t", compute, [](ArrayRef<Expr> x) {
      Expr centred = x[0] - x[1];
      return centred * centred;
    });
    root = b.createElementwise(squares, compute, [&](ArrayRef<Expr> x) {
      return 1.0 / sqrt(x[0] / width + eps);
    });
  }
};

} // namespace

static SmallVector<Value> buildLayerNorm(LayerNormOp op, Decomposition &b) {
  Type compute = b.getComputeType({op.getX(), op.getWeight(), op.getBias()});
  Groups rows(b, op.getX(), op.getX().getType().getDimSize(1));
  RowMoments moments(rows, op.getX(), op.getEps().convertToDouble(), compute);
  return {b.createGeneric(
      "ti", "ti,t,t,i,i->ti",
      {op.getX(), moments.mean, moments.root, op.getWeight(), op.getBias()},
      b.createEmptyLike(op.getX(), op.getType().getElementType()),
      [](ArrayRef<Expr> x) { return (x[0] - x[1]) * x[2] * x[3] + x[4]; })};
}

/// With h = (x - mean) r and g = dy * weight: dx = r (g - mean(g) - h mean(g
/// h)).
static SmallVector<Value> buildLayerNormGradient(LayerNormGradientOp op,
                                                 Decomposition &b) {
  Type compute = b.getComputeType({op.getX(), op.getWeight()});
  Groups rows(b, op.getX(), op.getX().getType().getDimSize(1));
  auto width = double(rows.width);
  Value x = op.getX(), dy = op.getDy(), w = op.getWeight();
  RowMoments moments(rows, x, op.getEps().convertToDouble(), compute);
  Value sum = rows.sum({dy, w}, "ti,i", compute,
                       [](ArrayRef<Expr> x) { return x[0] * x[1]; });
  Value dot = rows.sum(
      {dy, w, x, moments.mean, moments.root}, "ti,i,ti,t,t", compute,
      [](ArrayRef<Expr> x) { return x[0] * x[1] * ((x[2] - x[3]) * x[4]); });
  return {b.createGeneric("ti", "ti,i,ti,t,t,t,t->ti",
                          {dy, w, x, moments.mean, moments.root, sum, dot},
                          b.createEmptyLike(x, op.getType().getElementType()),
                          [&](ArrayRef<Expr> x) {
                            Expr h = (x[2] - x[3]) * x[4];
                            return x[4] * (x[0] * x[1] - x[5] / width -
                                           h * (x[6] / width));
                          })};
}

/// The sum over the tokens of dy * h.
static SmallVector<Value>
buildLayerNormWeightGradient(LayerNormWeightGradientOp op, Decomposition &b) {
  Type compute = b.getComputeType({op.getX(), op.getResult()});
  Groups rows(b, op.getX(), op.getX().getType().getDimSize(1));
  RowMoments moments(rows, op.getX(), op.getEps().convertToDouble(), compute);
  Value zeros = b.createFilled({b.getIndexAttr(rows.width)}, compute, 0);
  Value sum = b.createGeneric(
      "ti", "ti,ti,t,t->i", {op.getDy(), op.getX(), moments.mean, moments.root},
      zeros, [](ArrayRef<Expr> x) {
        return accumulate(x[4], x[0] * ((x[1] - x[2]) * x[3]));
      });
  return {b.round(sum, op.getType().getElementType())};
}

void lora::populateNormDecompositions(RewritePatternSet &patterns) {
  addDecomposition(patterns, buildRMSNorm);
  addDecomposition(patterns, buildRMSNormGradient);
  addDecomposition(patterns, buildRMSNormWeightGradient);
  addDecomposition(patterns, buildLayerNorm);
  addDecomposition(patterns, buildLayerNormGradient);
  addDecomposition(patterns, buildLayerNormWeightGradient);
}
