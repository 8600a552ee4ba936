//===- Positions.cpp - Decompositions of rotary angles and the cache ------===//
//
// The operations that read positions and cache rows from the sequence table.
//
//===----------------------------------------------------------------------===//

#include "Decomposition.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace lora;
using namespace lora::transformer;

/// Angles are computed in f32, as in transformers, for every type of the
/// result.
static SmallVector<Value> buildRotaryTable(RotaryTableOp op, Decomposition &b) {
  Value positions = b.getSequenceRow(op.getSequence(), 0);
  int64_t count = op.getCos().getType().getDimSize(1);
  Value frequencies = op.getFrequencies();
  if (!frequencies)
    frequencies = arith::ConstantOp::create(
        b,
        DenseElementsAttr::get(RankedTensorType::get({count}, b.getF32Type()),
                               *op.getInverseFrequencies()));
  std::optional<double> factor;
  if (op.getFactor())
    factor = op.getFactor()->convertToDouble();
  auto build = [&](bool sine) {
    Value empty =
        b.createEmpty({b.getSize(positions, 0), b.getIndexAttr(count)},
                      op.getCos().getType().getElementType());
    Type compute = b.getComputeType(empty);
    return b.createGeneric(
        "ti", "t,i->ti", {positions, frequencies}, empty,
        [&](ArrayRef<Expr> x) {
          Value position = arith::SIToFPOp::create(b, b.getF32Type(), x[0]);
          Value frequency = b.convert(x[1], b.getF32Type());
          Value angle =
              b.convert(b.getExpr(position) * b.getExpr(frequency), compute);
          Expr value = sine ? b.getExpr(math::SinOp::create(b, angle))
                            : b.getExpr(math::CosOp::create(b, angle));
          return factor ? value * *factor : value;
        });
  };
  Value cos = build(/*sine=*/false);
  Value sin = build(/*sine=*/true);
  return {cos, sin};
}

/// Positions are integers, so nothing is converted or rounded.
static SmallVector<Value> buildPositions(PositionsOp op, Decomposition &b) {
  Value positions = b.getSequenceRow(op.getSequence(), 0);
  Value empty = b.createEmpty(b.getSize(positions, 0), b.getI32Type());
  AffineMap map = b.getMultiDimIdentityMap(1);
  auto generic = linalg::GenericOp::create(
      b, empty.getType(), positions, empty, ArrayRef<AffineMap>{map, map},
      utils::IteratorType::parallel,
      [&](OpBuilder &nested, Location loc, ValueRange args) {
        Value offset = arith::ConstantIntOp::create(
            nested, loc, nested.getI32Type(), int64_t(op.getOffset()));
        Value row = arith::AddIOp::create(nested, loc, args[0], offset);
        linalg::YieldOp::create(nested, loc, row);
      });
  return {generic.getResult(0)};
}

/// For each half of the rotated features, one generic for all heads writes its
/// slice of the result. The other features are copied.
static SmallVector<Value> buildRotary(RotaryOp op, Decomposition &b) {
  int64_t headDim = op.getHeadDim();
  int64_t pairs = op.getCos().getType().getDimSize(1);
  int64_t heads = op.getType().getDimSize(1) / headDim;
  Value x = b.splitFeatures(op.getX(), {heads, headDim});
  Value result = b.createEmptyLike(x, op.getType().getElementType());
  OpFoldResult zero = b.getIndexAttr(0);
  SmallVector<OpFoldResult> strides(3, b.getIndexAttr(1));
  auto slice = [&](Value tensor, int64_t offset, int64_t width) -> Value {
    SmallVector<OpFoldResult> offsets{zero, zero, b.getIndexAttr(offset)};
    SmallVector<OpFoldResult> sizes{b.getSize(x, 0), b.getIndexAttr(heads),
                                    b.getIndexAttr(width)};
    return tensor::ExtractSliceOp::create(b, tensor, offsets, sizes, strides);
  };
  auto insert = [&](Value part, int64_t offset) {
    SmallVector<OpFoldResult> offsets{zero, zero, b.getIndexAttr(offset)};
    result = tensor::InsertSliceOp::create(
        b, part, result, offsets, tensor::getMixedSizes(b, b.getLoc(), part),
        strides);
  };
  Value first = slice(x, 0, pairs), second = slice(x, pairs, pairs);
  // y[i] = x[i] cos - x[i+n] sin; y[i+n] = x[i+n] cos + x[i] sin. The inverse
  // negates the sines.
  auto rotate = [&](Value a, Value other, int64_t offset, bool subtract) {
    insert(b.createGeneric("thi", "thi,thi,ti,ti->thi",
                           {a, other, op.getCos(), op.getSin()},
                           slice(result, offset, pairs),
                           [&](ArrayRef<Expr> x) {
                             Expr cosine = x[0] * x[2], sine = x[1] * x[3];
                             return subtract ? cosine - sine : cosine + sine;
                           }),
           offset);
  };
  rotate(first, second, 0, !op.getInverse());
  rotate(second, first, pairs, op.getInverse());
  if (int64_t rest = headDim - 2 * pairs)
    insert(slice(x, 2 * pairs, rest), 2 * pairs);
  return {b.joinFeatures(result)};
}

/// A loop over the tokens writes each row, in the order of the tokens.
static SmallVector<Value> buildCacheWrite(CacheWriteOp op, Decomposition &b) {
  OpFoldResult one = b.getIndexAttr(1), zero = b.getIndexAttr(0);
  SmallVector<OpFoldResult> sizes{one,
                                  b.getIndexAttr(op.getType().getDimSize(1))};
  SmallVector<OpFoldResult> strides{one, one};
  auto loop = scf::ForOp::create(b, b.getIndex(0), b.getSizeValue(op.getX(), 0),
                                 b.getIndex(1), op.getCache());
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(loop.getBody());
  Value token = loop.getInductionVar();
  Value target = b.getIndexFrom(op.getSequence(), {b.getIndex(3), token});
  Value row = tensor::ExtractSliceOp::create(
      b, op.getX(), SmallVector<OpFoldResult>{token, zero}, sizes, strides);
  Value cache = tensor::InsertSliceOp::create(
      b, row, loop.getRegionIterArg(0), SmallVector<OpFoldResult>{target, zero},
      sizes, strides);
  scf::YieldOp::create(b, cache);
  return {loop.getResult(0)};
}

void lora::populatePositionDecompositions(RewritePatternSet &patterns) {
  addDecomposition(patterns, buildPositions);
  addDecomposition(patterns, buildRotaryTable);
  addDecomposition(patterns, buildRotary);
  addDecomposition(patterns, buildCacheWrite);
}
