//===- AttentionRows.cpp - Rows of attention and a tile of keys -----------===//
//
// Implements AttentionRows.h. If AttentionPairs applies, products are of pairs
// of bf16; otherwise they are in the compute type.
//
//===----------------------------------------------------------------------===//

#include "AttentionRows.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <algorithm>
#include <numeric>

using namespace mlir;
using namespace lora;
using namespace lora::transformer;

/// The number of vectors of sums that a loop over keys keeps in registers.
static constexpr int64_t kSumVectors = 16;

AttentionRows::AttentionRows(AttentionOp op, AttentionTiles &tiles)
    : tiles(tiles), b(tiles.b), q(op.getQ()),
      scale(op.getScale().convertToDouble()) {
  int64_t chunks = tiles.headDim / tiles.chunkType.getDimSize(0);
  step = std::clamp<int64_t>(kSumVectors / chunks, 1, 4);
  if (AttentionPairs::areApplicable(op))
    pairs.emplace(tiles);
}

Value AttentionRows::createQueries(int64_t rows) {
  return pairs ? pairs->createBuffer({rows, tiles.headDim / 2})
               : tiles.createBuffer({rows, tiles.headDim});
}

/// The scale is applied to the queries once, not to all scores.
Value AttentionRows::writeQuery(Value token, Value column, Value queries,
                                Value row) {
  if (pairs)
    return pairs->copyRow(q, token, column, queries, row);
  HeadRow scaled = tiles.scale(tiles.readRow(q, token, column),
                               b.getConstant(tiles.chunkType, scale));
  return tiles.writeRow(scaled, queries, row, b.getIndex(0));
}

Value AttentionRows::createWeightBuffer() {
  return pairs ? pairs->createBuffer({step, kTileKeys / 2})
               : tiles.createBuffer({step, kTileKeys});
}

Value AttentionRows::stageKeys(Value keys, Value first, Value last,
                               Value column) {
  return pairs ? pairs->stageKeys(keys, first, last, column)
               : tiles.stageTransposed(keys, first, last, column);
}

Value AttentionRows::stageValues(Value values, Value first, Value last,
                                 Value column) {
  return pairs ? pairs->stageValues(values, first, last, column)
               : tiles.stageRows(values, first, last, column);
}

/// The scores of `step` rows. A score is a sum over the features: a number of
/// the row times a vector of the keys' features.
SmallVector<Value> AttentionRows::getScores(Value keys, Value row,
                                            Value queries) {
  if (pairs)
    return pairs->getScores(keys, queries, row, step, scale);
  // The loop is unrolled only partly, so that the code fits the first-level
  // cache.
  int64_t unrolled = std::gcd(tiles.headDim, int64_t(8));
  SmallVector<Value> zeros(step, b.getConstant(tiles.scoreType, 0));
  return tiles.createLoop(
      {b.getIndex(0), b.getIndex(tiles.headDim)}, unrolled, zeros,
      [&](Value first, ValueRange sums) {
        SmallVector<Value> next(sums);
        for (int64_t i = 0; i < unrolled; ++i) {
          Value feature = tiles.add(first, b.getIndex(i));
          Expr key = tiles.readScores(keys, feature);
          for (int64_t r = 0; r < step; ++r) {
            Expr q = b.getExpr(tensor::ExtractOp::create(
                b, queries,
                ValueRange{tiles.add(row, b.getIndex(r)), feature}));
            next[r] = b.getExpr(next[r]) + splat(q, tiles.scoreType) * key;
          }
        }
        return next;
      });
}

/// Adds to the sums of `step` rows the values of a tile times the weights in
/// `buffer`.
SmallVector<Value> AttentionRows::addValues(Value values, Value buffer,
                                            ArrayRef<Value> sums) {
  if (pairs)
    return pairs->addValues(values, buffer, sums, step);
  constexpr int64_t unrolled = 4;
  int64_t chunks = int64_t(sums.size()) / step;
  Value zero = b.getIndex(0);
  return tiles.createLoop({zero, b.getIndex(kTileKeys)}, unrolled, sums,
                          [&](Value first, ValueRange so) {
                            SmallVector<Value> next(so);
                            for (int64_t i = 0; i < unrolled; ++i) {
                              Value key = tiles.add(first, b.getIndex(i));
                              HeadRow value = tiles.readRow(values, key, zero);
                              for (int64_t r = 0; r < step; ++r) {
                                Expr p = b.getExpr(tensor::ExtractOp::create(
                                    b, buffer, ValueRange{b.getIndex(r), key}));
                                Expr weight = splat(p, tiles.chunkType);
                                for (auto [c, chunk] : llvm::enumerate(value))
                                  next[r * chunks + c] =
                                      b.getExpr(next[r * chunks + c]) +
                                      weight * chunk;
                              }
                            }
                            return next;
                          });
}

SmallVector<Value>
AttentionRows::update(Value keys, Value values, Value row, Value queries,
                      llvm::function_ref<Value(Value)> getMask,
                      ValueRange state) {
  Value zero = b.getIndex(0);
  SmallVector<Value> scores = getScores(keys, row, queries);
  SmallVector<Value> next(state);
  SmallVector<Value> carried;
  for (int64_t r = 0; r < step; ++r) {
    Value at = tiles.add(row, b.getIndex(r));
    Expr score = b.getExpr(scores[r]);
    if (tiles.cap)
      score = softcap(score, *tiles.cap);
    auto softmax =
        tiles.addScores(score, getMask(at), tiles.load(next[Largest], at));
    Expr total = tiles.readScores(next[Totals], at) *
                     splat(softmax.factor, tiles.scoreType) +
                 softmax.weights;
    next[Buffer] =
        pairs
            ? pairs->writeWeights(softmax.weights, next[Buffer], b.getIndex(r))
            : tiles.writeScores(softmax.weights, next[Buffer], b.getIndex(r));
    next[Largest] = tiles.store(softmax.largest, next[Largest], at);
    next[Totals] = tiles.writeScores(total, next[Totals], at);
    for (const Expr &chunk :
         tiles.scale(tiles.readRow(next[Sums], at, zero),
                     splat(softmax.factor, tiles.chunkType)))
      carried.push_back(chunk);
  }
  int64_t chunks = int64_t(carried.size()) / step;
  carried = addValues(values, next[Buffer], carried);
  for (int64_t r = 0; r < step; ++r) {
    HeadRow sum;
    for (Value chunk : ArrayRef<Value>(carried).slice(r * chunks, chunks))
      sum.push_back(b.getExpr(chunk));
    next[Sums] =
        tiles.writeRow(sum, next[Sums], tiles.add(row, b.getIndex(r)), zero);
  }
  return next;
}
