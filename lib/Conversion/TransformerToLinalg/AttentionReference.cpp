//===- AttentionReference.cpp - Attention as plain tensors ----------------===//
//
// Defines the meaning of attention and its gradient. The scores of all tokens
// and keys are computed, and those outside the range of a token are masked.
// Tensors are [tokens, keys] per head. The loops in AttentionLoops.cpp compute
// the same without such tensors.
//
// Loop names: t token, k kv head, g query head of the kv head, j key, d
// feature.
//
//===----------------------------------------------------------------------===//

#include "Decomposition.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <limits>

using namespace mlir;
using namespace lora;
using namespace lora::transformer;

namespace {

/// What attention and its gradient share: the operands viewed by head, the
/// scores, and the mask.
struct Reference {
  Decomposition &b;
  Value sequence;
  int64_t kvHeads, group, headDim;
  std::optional<int64_t> window;
  std::optional<double> cap;
  Type compute;
  Value q, k, v;

  template <typename OpT>
  Reference(OpT op, Decomposition &b)
      : b(b), sequence(op.getSequence()), kvHeads(op.getKvHeads()),
        group(op.getHeads() / kvHeads),
        headDim(op.getQ().getType().getDimSize(1) / op.getHeads()),
        window(op.getWindow()), compute(b.getComputeType(op.getQ())),
        q(splitQuery(op.getQ())), k(splitKey(op.getK())),
        v(splitKey(op.getV())) {
    if (op.getSoftcap())
      cap = op.getSoftcap()->convertToDouble();
  }

  Value splitQuery(Value x) {
    return b.splitFeatures(x, {kvHeads, group, headDim});
  }
  Value splitKey(Value x) { return b.splitFeatures(x, {kvHeads, headDim}); }

  SmallVector<OpFoldResult> getHeadSizes() {
    return {b.getSize(q, 0), b.getIndexAttr(kvHeads), b.getIndexAttr(group)};
  }
  SmallVector<OpFoldResult> getScoreSizes() {
    SmallVector<OpFoldResult> sizes = getHeadSizes();
    sizes.push_back(b.getSize(k, 0));
    return sizes;
  }

  static Expr multiplyAccumulate(ArrayRef<Expr> x) {
    return accumulate(x[2], x[0] * x[1]);
  }

  /// Products over the features, such as q kᵀ: [t, k, g, j].
  Value dot(Value query, Value key) {
    return b.createGeneric("tkgjd", "tkgd,jkd->tkgj", {query, key},
                           b.createFilled(getScoreSizes(), compute, 0),
                           multiplyAccumulate);
  }

  /// In the body of a generic whose loops are t, k, g, j: whether token t
  /// attends to key j.
  Value isAttended() {
    Value token = linalg::IndexOp::create(b, 0);
    Value key = linalg::IndexOp::create(b, 3);
    auto [first, end] = b.getKeyRange(sequence, token, window);
    return arith::AndIOp::create(
        b, arith::CmpIOp::create(b, arith::CmpIPredicate::sge, key, first),
        arith::CmpIOp::create(b, arith::CmpIPredicate::slt, key, end));
  }

  /// scale q kᵀ for all tokens and keys, bounded if there is a cap.
  Value getScores(double scale) {
    return b.createElementwise(dot(q, k), compute, [&](ArrayRef<Expr> x) {
      Expr score = x[0] * scale;
      return cap ? softcap(score, *cap) : score;
    });
  }

  /// Scores with minus infinity outside the range of keys.
  Value mask(Value scores) {
    double infinity = std::numeric_limits<double>::infinity();
    return b.createElementwise(scores, compute, [&](ArrayRef<Expr> x) {
      return select(isAttended(), x[0], x[0].constant(-infinity));
    });
  }

  /// The probabilities exp(score - shift[t, k, g]), 0 outside the range.
  Value getWeights(Value scores, Value shift) {
    return b.createGeneric(
        "tkgj", "tkgj,tkg->tkgj", {scores, shift},
        b.createEmptyLike(scores, compute), [&](ArrayRef<Expr> x) {
          return select(isAttended(), exp(x[0] - x[1]), x[0].constant(0));
        });
  }
};

} // namespace

static SmallVector<Value> buildAttention(AttentionOp op, Decomposition &b) {
  Reference r(op, b);
  double infinity = std::numeric_limits<double>::infinity();
  Value scores = r.mask(r.getScores(op.getScale().convertToDouble()));
  Value largest =
      b.createGeneric("tkgj", "tkgj->tkg", scores,
                      b.createFilled(r.getHeadSizes(), r.compute, -infinity),
                      [](ArrayRef<Expr> x) { return max(x[1], x[0]); });
  Value weights = r.getWeights(scores, largest);
  Value sum =
      b.createGeneric("tkgj", "tkgj->tkg", weights,
                      b.createFilled(r.getHeadSizes(), r.compute, 0),
                      [](ArrayRef<Expr> x) { return accumulate(x[1], x[0]); });
  Value product = b.createGeneric(
      "tkgjd", "tkgj,jkd->tkgd", {weights, r.v},
      b.createFilled(tensor::getMixedSizes(b, b.getLoc(), r.q), r.compute, 0),
      Reference::multiplyAccumulate);
  // A sum of 0 means that the token sees no key. Both results are then 0.
  Value result = b.createGeneric(
      "tkgd", "tkgd,tkg->tkgd", {product, sum},
      b.createEmptyLike(r.q, op.getResult().getType().getElementType()),
      [](ArrayRef<Expr> x) {
        return select(equal(x[1], 0), x[1].constant(0), x[0] / x[1]);
      });
  Value lse = b.createElementwise(
      {largest, sum}, op.getLse().getType().getElementType(),
      [](ArrayRef<Expr> x) {
        return select(equal(x[1], 0), x[1].constant(0), x[0] + log(x[1]));
      });
  return {b.joinFeatures(result), b.joinFeatures(lse)};
}

static SmallVector<Value> buildAttentionGradient(AttentionGradientOp op,
                                                 Decomposition &b) {
  Reference r(op, b);
  double scale = op.getScale().convertToDouble();
  Value dy = r.splitQuery(op.getDy()), o = r.splitQuery(op.getO());
  Value lse = b.splitFeatures(op.getLse(), {r.kvHeads, r.group});
  Value scores = r.getScores(scale);
  Value p = r.getWeights(scores, lse);
  Value d = b.createGeneric("tkgd", "tkgd,tkgd->tkg", {dy, o},
                            b.createFilled(r.getHeadSizes(), r.compute, 0),
                            Reference::multiplyAccumulate);
  // ds = scale p (dy vᵀ - d), times the slope of the bound.
  Value ds = b.createGeneric(
      "tkgj", "tkgj,tkgj,tkg,tkgj->tkgj", {p, r.dot(dy, r.v), d, scores},
      b.createEmptyLike(p, r.compute), [&](ArrayRef<Expr> x) {
        Expr value = scale * (x[0] * (x[1] - x[2]));
        return r.cap ? value * softcapSlope(x[3], *r.cap) : value;
      });
  Value dq = b.createGeneric(
      "tkgjd", "tkgj,jkd->tkgd", {ds, r.k},
      b.createFilled(tensor::getMixedSizes(b, b.getLoc(), r.q), r.compute, 0),
      Reference::multiplyAccumulate);
  auto sumOverTokens = [&](Value weights, Value rows) {
    return b.createGeneric(
        "jktgd", "tkgj,tkgd->jkd", {weights, rows},
        b.createFilled(tensor::getMixedSizes(b, b.getLoc(), r.k), r.compute, 0),
        Reference::multiplyAccumulate);
  };
  Value dk = sumOverTokens(ds, r.q), dv = sumOverTokens(p, dy);
  Type type = op.getQ().getType().getElementType();
  Type keyType = op.getK().getType().getElementType();
  return {b.joinFeatures(b.round(dq, type)),
          b.joinFeatures(b.round(dk, keyType)),
          b.joinFeatures(b.round(dv, keyType))};
}

void lora::populateAttentionReferenceDecompositions(
    RewritePatternSet &patterns) {
  addDecomposition(patterns, buildAttention);
  addDecomposition(patterns, buildAttentionGradient);
}
