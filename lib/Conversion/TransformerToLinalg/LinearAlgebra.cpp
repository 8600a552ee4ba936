//===- LinearAlgebra.cpp - Decompositions of products and gathers ---------===//
//
// A product accumulates into a tensor of the compute type, which is rounded
// once where the result is narrower. Loops are ordered so that the innermost
// one runs along the contiguous axis of the right-hand side.
//
//===----------------------------------------------------------------------===//

#include "Decomposition.h"
#include "lora-mlir/Dialect/LoRA/IR/LoRAOps.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace lora;
using namespace lora::transformer;

static Expr multiplyAccumulate(ArrayRef<Expr> x) {
  return accumulate(x[2], x[0] * x[1]);
}

/// sum + x weightᵀ.
static Value accumulateLinear(Decomposition &b, Value x, Value weight,
                              Value sum) {
  return b.createGeneric("toi", "ti,oi->to", {x, weight}, sum,
                         multiplyAccumulate);
}

/// The initial value of a linear layer's sum: the bias in every row, or zeros.
static Value createLinearInit(Decomposition &b, Value x, Value weight,
                              Value bias, Type compute) {
  SmallVector<OpFoldResult> sizes{b.getSize(x, 0), b.getSize(weight, 0)};
  if (!bias)
    return b.createFilled(sizes, compute, 0);
  return b.createGeneric("to", "o->to", bias, b.createEmpty(sizes, compute),
                         [](ArrayRef<Expr> x) { return x[0]; });
}

static SmallVector<Value> buildLinear(transformer::LinearOp op,
                                      Decomposition &b) {
  Type compute = b.getComputeType({op.getX(), op.getResult()});
  Value sum =
      createLinearInit(b, op.getX(), op.getWeight(), op.getBias(), compute);
  sum = accumulateLinear(b, op.getX(), op.getWeight(), sum);
  return {b.round(sum, op.getType().getElementType())};
}

static SmallVector<Value> buildMatmul(transformer::MatmulOp op,
                                      Decomposition &b) {
  bool ta = op.getTransposeA(), tb = op.getTransposeB();
  Value sum = b.createFilled(
      {b.getSize(op.getA(), ta ? 1 : 0), b.getSize(op.getB(), tb ? 0 : 1)},
      b.getComputeType({op.getA(), op.getResult()}), 0);
  std::string maps = ta ? "km," : "mk,";
  maps += tb ? "nk->mn" : "kn->mn";
  sum = b.createGeneric(tb ? "mnk" : "mkn", maps, {op.getA(), op.getB()}, sum,
                        multiplyAccumulate);
  return {b.round(sum, op.getType().getElementType())};
}

/// scale * (x aᵀ), in the compute type.
static Value createDown(Decomposition &b, Value x, Value a, Value scale,
                        Type compute) {
  Value sum = accumulateLinear(
      b, x, a, b.createFilled({b.getSize(x, 0), b.getSize(a, 0)}, compute, 0));
  return b.createGeneric("tr", "tr,r->tr", {sum, scale},
                         b.createEmptyLike(sum, compute),
                         [](ArrayRef<Expr> x) { return x[0] * x[1]; });
}

static SmallVector<Value> buildDown(DownOp op, Decomposition &b) {
  Type compute = b.getComputeType({op.getX(), op.getResult()});
  Value down = createDown(b, op.getX(), op.getA(), op.getScale(), compute);
  return {b.round(down, op.getType().getElementType())};
}

/// The base product and the branch accumulate into one sum.
static SmallVector<Value> buildUp(UpOp op, Decomposition &b) {
  Type compute = b.getComputeType({op.getX(), op.getResult()});
  SmallVector<OpFoldResult> offsets{b.getIndexAttr(0),
                                    b.getIndexAttr(op.getOffset())};
  SmallVector<OpFoldResult> sizes{b.getSize(op.getT(), 0),
                                  b.getSize(op.getB(), 1)};
  SmallVector<OpFoldResult> strides(2, b.getIndexAttr(1));
  Value t =
      tensor::ExtractSliceOp::create(b, op.getT(), offsets, sizes, strides);
  Value sum =
      createLinearInit(b, op.getX(), op.getWeight(), op.getBias(), compute);
  sum = accumulateLinear(b, op.getX(), op.getWeight(), sum);
  sum = accumulateLinear(b, t, op.getB(), sum);
  return {b.round(sum, op.getType().getElementType())};
}

/// Computes as `lora.down` and `lora.up` do, without rounding between them.
static SmallVector<Value> buildLoRALinear(lora::LinearOp op, Decomposition &b) {
  Type compute = b.getComputeType({op.getX(), op.getResult()});
  Value down = createDown(b, op.getX(), op.getA(), op.getScale(), compute);
  Value sum =
      createLinearInit(b, op.getX(), op.getWeight(), op.getBias(), compute);
  sum = accumulateLinear(b, op.getX(), op.getWeight(), sum);
  sum = accumulateLinear(b, down, op.getB(), sum);
  return {b.round(sum, op.getType().getElementType())};
}

static SmallVector<Value> buildSumTokens(SumTokensOp op, Decomposition &b) {
  Type compute = b.getComputeType({op.getX(), op.getResult()});
  Value sum = b.createFilled({b.getSize(op.getX(), 1)}, compute, 0);
  sum = b.createGeneric("ti", "ti->i", op.getX(), sum, [](ArrayRef<Expr> x) {
    return accumulate(x[1], x[0]);
  });
  return {b.round(sum, op.getType().getElementType())};
}

/// A gather. The index of the row is read once for each token.
static SmallVector<Value> buildEmbedding(transformer::EmbeddingOp op,
                                         Decomposition &b) {
  Value empty =
      b.createEmpty({b.getSize(op.getIds(), 0), b.getSize(op.getTable(), 1)},
                    op.getType().getElementType());
  return {
      b.createGeneric("ti", "t->ti", op.getIds(), empty, [&](ArrayRef<Expr> x) {
        Value row = arith::IndexCastOp::create(b, b.getIndexType(), x[0]);
        Value column = linalg::IndexOp::create(b, 1);
        Value element = tensor::ExtractOp::create(b, op.getTable(),
                                                  ValueRange{row, column});
        return b.getExpr(element);
      })};
}

/// Starts with rows of the table, and adds the scaled rows of A times B.
static SmallVector<Value> buildLoRAEmbedding(lora::EmbeddingOp op,
                                             Decomposition &b) {
  Type compute = b.getComputeType({op.getTable(), op.getResult()});
  OpFoldResult tokens = b.getSize(op.getIds(), 0);
  auto element = [&](Value table, Expr id) {
    Value row = arith::IndexCastOp::create(b, b.getIndexType(), id);
    Value column = linalg::IndexOp::create(b, 1);
    Value value = tensor::ExtractOp::create(b, table, ValueRange{row, column});
    return b.convert(value, compute);
  };
  Value down = b.createGeneric(
      "tr", "t,r->tr", {op.getIds(), op.getScale()},
      b.createEmpty({tokens, b.getSize(op.getA(), 1)}, compute),
      [&](ArrayRef<Expr> x) { return element(op.getA(), x[0]) * x[1]; });
  Value sum = b.createGeneric(
      "ti", "t->ti", op.getIds(),
      b.createEmpty({tokens, b.getSize(op.getTable(), 1)}, compute),
      [&](ArrayRef<Expr> x) { return element(op.getTable(), x[0]); });
  sum = accumulateLinear(b, down, op.getB(), sum);
  return {b.round(sum, op.getType().getElementType())};
}

/// A loop over the tokens adds each row to the row of its id, in place. Two
/// tokens may have the same id, so the loop is not parallel.
static SmallVector<Value> buildEmbeddingGradient(EmbeddingGradientOp op,
                                                 Decomposition &b) {
  Type compute = b.getComputeType({op.getDy(), op.getResult()});
  OpFoldResult one = b.getIndexAttr(1), zero = b.getIndexAttr(0);
  OpFoldResult width = b.getIndexAttr(op.getType().getDimSize(1));
  Value table = b.createFilled(
      {b.getIndexAttr(op.getType().getDimSize(0)), width}, compute, 0);
  SmallVector<OpFoldResult> sizes{one, width}, strides{one, one};
  auto loop = scf::ForOp::create(
      b, b.getIndex(0), b.getSizeValue(op.getIds(), 0), b.getIndex(1), table);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(loop.getBody());
    Value token = loop.getInductionVar(), target = loop.getRegionIterArg(0);
    Value row = b.getIndexFrom(op.getIds(), token);
    Value dy = tensor::ExtractSliceOp::create(
        b, op.getDy(), SmallVector<OpFoldResult>{token, zero}, sizes, strides);
    SmallVector<OpFoldResult> offsets{row, zero};
    Value sum =
        tensor::ExtractSliceOp::create(b, target, offsets, sizes, strides);
    sum = b.createGeneric("ti", "ti->ti", dy, sum,
                          [](ArrayRef<Expr> x) { return x[1] + x[0]; });
    target =
        tensor::InsertSliceOp::create(b, sum, target, offsets, sizes, strides);
    scf::YieldOp::create(b, target);
  }
  return {b.round(loop.getResult(0), op.getType().getElementType())};
}

void lora::populateLinearAlgebraDecompositions(RewritePatternSet &patterns) {
  addDecomposition(patterns, buildLinear);
  addDecomposition(patterns, buildMatmul);
  addDecomposition(patterns, buildDown);
  addDecomposition(patterns, buildUp);
  addDecomposition(patterns, buildLoRALinear);
  addDecomposition(patterns, buildSumTokens);
  addDecomposition(patterns, buildEmbedding);
  addDecomposition(patterns, buildLoRAEmbedding);
  addDecomposition(patterns, buildEmbeddingGradient);
}
