//===- AttentionSplit.cpp - Attention of one token ------------------------===//
//
// Decoding reads the cache once, so it is fastest if all threads read it, each
// one tile after the other. The keys are split into parts. Each part is
// computed for all heads and gives a sum, a largest score and a total (flash
// decoding, Dao et al. 2023). These are joined for each head at the end.
//
//===----------------------------------------------------------------------===//

#include "AttentionRows.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <limits>

using namespace mlir;
using namespace lora;
using namespace lora::transformer;

/// The most parts that the keys are split into. Each part has at least one
/// tile.
static constexpr int64_t kParts = 32;

namespace {

class SplitAttention {
public:
  SplitAttention(AttentionOp op, Decomposition &b)
      : op(op), b(b), tiles(op, b), rows(op, tiles), heads(op.getHeads()) {
    // All rows of a step share one head of keys.
    while (tiles.group % rows.step != 0)
      --rows.step;
  }

  SmallVector<Value> build();

private:
  SmallVector<Value> visitPart(IndexRange keys, ValueRange state);
  SmallVector<Value> join(ValueRange partial, Value used);

  OpFoldResult index(int64_t value) { return b.getIndexAttr(value); }
  Value rowTensor(Value tensor, RankedTensorType type,
                  ArrayRef<OpFoldResult> at, ArrayRef<OpFoldResult> sizes) {
    SmallVector<OpFoldResult> ones(at.size(), index(1));
    return tensor::ExtractSliceOp::create(b, type, tensor, at, sizes, ones);
  }

  AttentionOp op;
  Decomposition &b;
  AttentionTiles tiles;
  AttentionRows rows;
  int64_t heads;
};

} // namespace

/// Computes all heads over some of the keys. `state` is the sums, largest
/// scores and totals.
SmallVector<Value> SplitAttention::visitPart(IndexRange keys,
                                             ValueRange state) {
  Value zero = b.getIndex(0);
  IndexRange all = {zero, b.getIndex(heads)};
  Value queries = tiles.createLoop(
      all, 1, rows.createQueries(heads),
      [&](Value head, ValueRange so) -> SmallVector<Value> {
        return {rows.writeQuery(zero, tiles.multiply(head, tiles.headDim),
                                so[0], head)};
      })[0];
  Value last = arith::SubIOp::create(b, keys.end, b.getIndex(1));
  SmallVector<Value> next = tiles.createLoop(
      keys, kTileKeys,
      {state[0], state[1], tiles.createFilledBuffer({heads, kTileKeys}, 0),
       rows.createWeightBuffer()},
      [&](Value firstKey, ValueRange outer) {
        Value mask = tiles.getTileMask(firstKey, zero);
        return tiles.createLoop(
            {zero, b.getIndex(tiles.kvHeads)}, 1, outer,
            [&](Value kvHead, ValueRange some) {
              Value column = tiles.multiply(kvHead, tiles.headDim);
              Value k = rows.stageKeys(op.getK(), firstKey, last, column),
                    v = rows.stageValues(op.getV(), firstKey, last, column);
              Value first = tiles.multiply(kvHead, tiles.group);
              return tiles.createLoop(
                  {first, tiles.add(first, b.getIndex(tiles.group))}, rows.step,
                  some, [&](Value head, ValueRange inner) {
                    return rows.update(
                        k, v, head, queries, [&](Value) { return mask; },
                        inner);
                  });
            });
      });
  Value totals = tiles.createLoop(
      all, 1, state[2], [&](Value head, ValueRange so) -> SmallVector<Value> {
        return {tiles.store(
            sumOf(tiles.readScores(next[AttentionRows::Totals], head)), so[0],
            head)};
      })[0];
  return {next[AttentionRows::Sums], next[AttentionRows::Largest], totals};
}

/// Computes the results from the first `used` parts.
SmallVector<Value> SplitAttention::join(ValueRange partial, Value used) {
  double infinity = std::numeric_limits<double>::infinity();
  Value zero = b.getIndex(0);
  Value result =
      b.createEmptyLike(op.getQ(), op.getResult().getType().getElementType());
  Value lse = b.createEmpty({index(1), index(heads)},
                            op.getLse().getType().getElementType());
  auto at = [&](Value tensor, Value part, Value head) {
    return b.getExpr(
        tensor::ExtractOp::create(b, tensor, ValueRange{part, head}));
  };
  return tiles.createLoop(
      {zero, b.getIndex(heads)}, 1, {result, lse},
      [&](Value head, ValueRange results) {
        Expr largest = b.getExpr(tiles.createLoop(
            {zero, used}, 1, Value(b.getConstant(tiles.compute, -infinity)),
            [&](Value part, ValueRange so) -> SmallVector<Value> {
              return {max(b.getExpr(so[0]), at(partial[1], part, head))};
            })[0]);
        Expr shift = finiteShift(largest);
        SmallVector<Value> begin;
        for (const Expr &chunk : tiles.getZeroRow())
          begin.push_back(chunk);
        begin.push_back(b.getConstant(tiles.compute, 0));
        SmallVector<Value> sums = tiles.createLoop(
            {zero, used}, 1, begin, [&](Value part, ValueRange so) {
              Expr factor = exp(at(partial[1], part, head) - shift);
              Value row = tiles.add(tiles.multiply(part, heads), head);
              HeadRow values = tiles.readRow(partial[0], row, zero);
              SmallVector<Value> next;
              for (auto [chunk, sum] : llvm::zip(values, so))
                next.push_back(b.getExpr(sum) +
                               splat(factor, tiles.chunkType) * chunk);
              next.push_back(b.getExpr(so.back()) +
                             factor * at(partial[2], part, head));
              return next;
            });
        HeadRow sum;
        for (Value chunk : ArrayRef<Value>(sums).drop_back())
          sum.push_back(b.getExpr(chunk));
        return tiles.writeResult(sum, largest, b.getExpr(sums.back()), results,
                                 zero, head);
      });
}

SmallVector<Value> SplitAttention::build() {
  double infinity = std::numeric_limits<double>::infinity();
  auto [first, end] =
      b.getKeyRange(op.getSequence(), b.getIndex(0), tiles.window);
  Value zero = b.getIndex(0);
  Value count =
      arith::MaxSIOp::create(b, arith::SubIOp::create(b, end, first), zero);
  // Each part has the same number of whole tiles.
  auto divide = [&](Value value, int64_t by) -> Value {
    return arith::CeilDivUIOp::create(b, value, b.getIndex(by));
  };
  Value keys = arith::MaxSIOp::create(
      b, tiles.multiply(divide(divide(count, kParts), kTileKeys), kTileKeys),
      b.getIndex(kTileKeys));
  Value used = arith::CeilDivUIOp::create(b, count, keys);

  Type compute = tiles.compute;
  SmallVector<Value> partial = {
      b.createEmpty({index(kParts * heads), index(tiles.headDim)}, compute),
      b.createEmpty({index(kParts), index(heads)}, compute),
      b.createEmpty({index(kParts), index(heads)}, compute)};
  auto loop = scf::ForallOp::create(
      b, ArrayRef<OpFoldResult>{OpFoldResult(used)}, partial,
      /*mapping=*/std::nullopt);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(loop.getTerminator());
    Value part = loop.getInductionVar(0);
    ValueRange outputs = loop.getRegionIterArgs();
    auto sumType = RankedTensorType::get({heads, tiles.headDim}, compute);
    auto rowType = RankedTensorType::get({heads}, compute);
    SmallVector<OpFoldResult> sumAt = {tiles.multiply(part, heads), index(0)},
                              sumSizes = {index(heads), index(tiles.headDim)},
                              rowAt = {part, index(0)},
                              rowSizes = {index(1), index(heads)},
                              ones = {index(1), index(1)};
    auto fill = [&](Value tensor, double number) {
      return linalg::FillOp::create(
                 b, ValueRange(b.getConstant(compute, number)), tensor)
          .getResult(0);
    };
    Value low = arith::MinSIOp::create(
        b,
        arith::AddIOp::create(b, first, arith::MulIOp::create(b, part, keys)),
        end);
    Value high =
        arith::MinSIOp::create(b, arith::AddIOp::create(b, low, keys), end);
    SmallVector<Value> state = visitPart(
        {low, high},
        {fill(rowTensor(outputs[0], sumType, sumAt, sumSizes), 0),
         fill(rowTensor(outputs[1], rowType, rowAt, rowSizes), -infinity),
         fill(rowTensor(outputs[2], rowType, rowAt, rowSizes), 0)});
    b.setInsertionPointToEnd(loop.getTerminator().getBody());
    tensor::ParallelInsertSliceOp::create(b, state[0], outputs[0], sumAt,
                                          sumSizes, ones);
    for (unsigned i : {1, 2})
      tensor::ParallelInsertSliceOp::create(b, state[i], outputs[i], rowAt,
                                            rowSizes, ones);
  }
  return join(loop.getResults(), used);
}

SmallVector<Value> lora::buildSplitAttention(AttentionOp op, Decomposition &b) {
  return SplitAttention(op, b).build();
}
