//===- Loss.cpp - Decompositions of the loss and its gradient -------------===//
//
// The maximum of the row is subtracted before exp, so that no exponential
// overflows in log(sum of exp).
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

/// Whether an i32 label is counted: labels below 0 are not.
static Value isCounted(Decomposition &b, Value label) {
  Value zero = arith::ConstantIntOp::create(b, label.getType(), 0);
  return arith::CmpIOp::create(b, arith::CmpIPredicate::sge, label, zero);
}

/// The number of counted labels, as a float of rank 0.
static Value countLabels(Decomposition &b, Value labels, Type compute) {
  Value zero = b.createFilled({}, compute, 0);
  return b.createGeneric("t", "t->", labels, zero, [&](ArrayRef<Expr> x) {
    Value counted = isCounted(b, x[0]);
    return accumulate(x[1],
                      select(counted, x[1].constant(1), x[1].constant(0)));
  });
}

static SmallVector<Value> buildCrossEntropy(CrossEntropyOp op,
                                            Decomposition &b) {
  Type compute = b.getComputeType({op.getLogits(), op.getLoss()});
  OpFoldResult tokens = b.getSize(op.getLogits(), 0);
  double infinity = std::numeric_limits<double>::infinity();
  Value largest = b.createGeneric(
      "tv", "tv->t", op.getLogits(), b.createFilled(tokens, compute, -infinity),
      [](ArrayRef<Expr> x) { return max(x[1], x[0]); });
  Value sum =
      b.createGeneric("tv", "tv,t->t", {op.getLogits(), largest},
                      b.createFilled(tokens, compute, 0), [](ArrayRef<Expr> x) {
                        return accumulate(x[2], exp(x[0] - x[1]));
                      });
  Value lse =
      b.createElementwise({largest, sum}, compute,
                          [](ArrayRef<Expr> x) { return x[0] + log(x[1]); });
  // Every label is read; a label below 0 is read as 0, and its term is then
  // left out.
  Value total = b.createGeneric(
      "t", "t,t->", {lse, op.getLabels()}, b.createFilled({}, compute, 0),
      [&](ArrayRef<Expr> x) {
        Value token = linalg::IndexOp::create(b, 0);
        Value label = arith::IndexCastOp::create(b, b.getIndexType(), x[1]);
        label = arith::MaxSIOp::create(b, label, b.getIndex(0));
        Value logit = tensor::ExtractOp::create(b, op.getLogits(),
                                                ValueRange{token, label});
        Expr loss = x[0] - b.convert(logit, compute);
        return accumulate(x[2],
                          select(isCounted(b, x[1]), loss, loss.constant(0)));
      });
  Value count = countLabels(b, op.getLabels(), compute);
  Value loss = b.createElementwise(
      {total, count}, op.getLoss().getType().getElementType(),
      [](ArrayRef<Expr> x) { return x[0] / x[1]; });
  return {loss, b.round(lse, op.getLse().getType().getElementType())};
}

static SmallVector<Value> buildCrossEntropyGradient(CrossEntropyGradientOp op,
                                                    Decomposition &b) {
  Type compute = b.getComputeType({op.getLogits(), op.getDloss()});
  Value count = countLabels(b, op.getLabels(), compute);
  Value factor =
      b.createElementwise({op.getDloss(), count}, compute,
                          [](ArrayRef<Expr> x) { return x[0] / x[1]; });
  // The logits are the largest value of a training step, and they are not used
  // later. As the initial value of the result, their buffer can become the
  // result in place.
  return {b.createGeneric(
      "tv", "t,t,->tv", {op.getLse(), op.getLabels(), factor}, op.getLogits(),
      [&](ArrayRef<Expr> x) {
        Value column = linalg::IndexOp::create(b, 1);
        column = arith::IndexCastOp::create(b, b.getI32Type(), column);
        Value hit =
            arith::CmpIOp::create(b, arith::CmpIPredicate::eq, column, x[1]);
        Expr p = exp(x[3] - x[0]);
        Expr gradient = x[2] * select(hit, p - 1.0, p);
        return select(isCounted(b, x[1]), gradient, gradient.constant(0));
      })};
}

void lora::populateLossDecompositions(RewritePatternSet &patterns) {
  addDecomposition(patterns, buildCrossEntropy);
  addDecomposition(patterns, buildCrossEntropyGradient);
}
