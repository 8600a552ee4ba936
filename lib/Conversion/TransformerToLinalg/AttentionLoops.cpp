//===- AttentionLoops.cpp - Attention as loops over the keys --------------===//
//
// FlashAttention's online softmax (Dao et al. 2022, algorithm 1) on the tiles
// of AttentionTiles.h: the work is that of the block's own keys, the workspace
// is a static buffer per thread, and nothing is [tokens, keys].
//
//===----------------------------------------------------------------------===//

#include "AttentionPairs.h"
#include "AttentionTiles.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <limits>
#include <numeric>

using namespace mlir;
using namespace lora;
using namespace lora::transformer;

namespace {

/// Rows that a block has about: many, since the keys of a tile are transposed
/// for each block.
constexpr int64_t kManyRows = 32;
/// Vectors of sums that a loop over keys keeps in registers.
constexpr int64_t kSumVectors = 16;

/// The rows of a block while its keys are visited: the scaled queries, the sums
/// of exp(score - largest) v, the largest score so far, and the sums of
/// exp(score - largest) by a key's place in its tile. Rows that fill up a last
/// step are there but mean nothing.
struct BlockState {
  Value queries, sums, largest, totals;
};

/// The loops of one attention.
struct AttentionLoops {
  AttentionOp op;
  Decomposition &b;
  AttentionTiles tiles;
  AttentionTiles::BlockLoop block;
  /// The first column of the block's queries, of its keys, and its first head.
  Value column, keyColumn, head;

  /// Products are made of pairs of bf16, where that is possible.
  std::optional<AttentionPairs> pairs;

  /// Rows that are taken at once, so that what is read of a tile is used for
  /// all of them while their sums are in registers.
  int64_t step;

  AttentionLoops(AttentionOp op, Decomposition &b)
      : op(op), b(b), tiles(op, b, kManyRows) {
    int64_t chunks = tiles.headDim / tiles.chunkType.getDimSize(0);
    step = std::clamp<int64_t>(kSumVectors / chunks, 1, 4);
    step = std::min(step, tiles.blockTokens * tiles.group);
    if (AttentionPairs::apply(op))
      pairs.emplace(tiles);
  }

  SmallVector<Value> build();

private:
  BlockState createState();
  SmallVector<Value> getScores(Value keys, Value row, Value queries);
  SmallVector<Value> getPairScores(Value keys, Value row, Value queries);
  Value writeWeights(Expr weights, Value room, Value row);
  SmallVector<Value> addValues(Value values, Value room, ArrayRef<Value> sums);
  SmallVector<Value> updateRows(Value keys, Value values, Value firstKey,
                                Value row, Value queries, ValueRange state);
  void writeResults(const BlockState &state);
};

} // namespace

/// Scales the queries once, where scores are not scaled, and clears the sums.
BlockState AttentionLoops::createState() {
  int64_t rows = llvm::alignTo(tiles.blockTokens * tiles.group, step);
  Value queries = pairs ? pairs->createBuffer({rows, tiles.headDim / 2})
                        : tiles.createBuffer({rows, tiles.headDim});
  Expr scale = b.getConstant(tiles.chunkType, op.getScale().convertToDouble());
  Value zero = b.getIndex(0);
  queries = tiles.createLoop(
      tiles.getRows(block.count), 1, queries,
      [&](Value row, ValueRange state) -> SmallVector<Value> {
        auto [token, local] = tiles.splitRow(row);
        Value at = tiles.add(column, tiles.multiply(local, tiles.headDim));
        Value from = tiles.add(block.firstToken, token);
        if (pairs)
          return {pairs->copyRow(op.getQ(), from, at, state[0], row)};
        HeadRow q = tiles.readRow(op.getQ(), from, at);
        return {tiles.writeRow(tiles.scale(q, scale), state[0], row, zero)};
      })[0];
  double infinity = std::numeric_limits<double>::infinity();
  return {queries, tiles.createFilledBuffer({rows, tiles.headDim}, 0),
          tiles.createFilledBuffer(rows, -infinity),
          tiles.createFilledBuffer({rows, kTileKeys}, 0)};
}

/// The scores of `step` rows: sums over the features of a row's number times a
/// vector of the keys'.
SmallVector<Value> AttentionLoops::getScores(Value keys, Value row,
                                             Value queries) {
  if (pairs)
    return getPairScores(keys, row, queries);
  // Not all at once: code that fits the first-level cache.
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

/// The same by pairs of features, and scaled.
SmallVector<Value> AttentionLoops::getPairScores(Value keys, Value row,
                                                 Value queries) {
  constexpr int64_t parts = kTileKeys / AttentionPairs::kLanes;
  int64_t unrolled = std::gcd(tiles.headDim / 2, int64_t(8));
  SmallVector<Value> sums(step * parts, pairs->getZeroSums());
  sums = tiles.createLoop(
      {b.getIndex(0), b.getIndex(tiles.headDim / 2)}, unrolled, sums,
      [&](Value first, ValueRange so) {
        SmallVector<Value> next(so);
        for (int64_t i = 0; i < unrolled; ++i) {
          Value pair = tiles.add(first, b.getIndex(i));
          SmallVector<Value> some;
          for (int64_t part = 0; part < parts; ++part)
            some.push_back(pairs->read(
                keys, pair, b.getIndex(part * AttentionPairs::kLanes)));
          for (int64_t r = 0; r < step; ++r) {
            Value q =
                pairs->extract(queries, tiles.add(row, b.getIndex(r)), pair);
            for (int64_t part = 0; part < parts; ++part) {
              Value &sum = next[r * parts + part];
              sum = pairs->multiplyAdd(sum, q, some[part]);
            }
          }
        }
        return next;
      });
  Expr scale = b.getConstant(tiles.scoreType, op.getScale().convertToDouble());
  SmallVector<Value> scores;
  for (int64_t r = 0; r < step; ++r)
    scores.push_back(pairs->join(ValueRange(sums).slice(r * parts, parts)) *
                     scale);
  return scores;
}

Value AttentionLoops::writeWeights(Expr weights, Value room, Value row) {
  return pairs ? pairs->writeWeights(weights, room, row)
               : tiles.writeScores(weights, room, row);
}

/// The sums of `step` rows with a tile's values times the weights in `room`.
SmallVector<Value> AttentionLoops::addValues(Value values, Value room,
                                             ArrayRef<Value> sums) {
  constexpr int64_t unrolled = 4;
  int64_t chunks = int64_t(sums.size()) / step;
  // Keys, or pairs of them.
  int64_t count = pairs ? kTileKeys / 2 : kTileKeys;
  Value zero = b.getIndex(0);
  return tiles.createLoop(
      {zero, b.getIndex(count)}, unrolled, sums,
      [&](Value first, ValueRange so) {
        SmallVector<Value> next(so);
        for (int64_t i = 0; i < unrolled; ++i) {
          Value key = tiles.add(first, b.getIndex(i));
          if (pairs) {
            SmallVector<Value> some;
            for (int64_t c = 0; c < chunks; ++c)
              some.push_back(pairs->read(
                  values, key, b.getIndex(c * AttentionPairs::kLanes)));
            for (int64_t r = 0; r < step; ++r) {
              Value weight = pairs->extract(room, b.getIndex(r), key);
              for (int64_t c = 0; c < chunks; ++c) {
                Value &sum = next[r * chunks + c];
                sum = pairs->multiplyAdd(sum, weight, some[c]);
              }
            }
            continue;
          }
          HeadRow value = tiles.readRow(values, key, zero);
          for (int64_t r = 0; r < step; ++r) {
            Expr p = b.getExpr(tensor::ExtractOp::create(
                b, room, ValueRange{b.getIndex(r), key}));
            Expr weight = splat(p, tiles.chunkType);
            for (auto [c, chunk] : llvm::enumerate(value))
              next[r * chunks + c] =
                  b.getExpr(next[r * chunks + c]) + weight * chunk;
          }
        }
        return next;
      });
}

/// FlashAttention's update of the rows from `row` on by one tile: `state` is
/// the sums, the largest scores, the totals, and room for the tile's weights.
SmallVector<Value> AttentionLoops::updateRows(Value keys, Value values,
                                              Value firstKey, Value row,
                                              Value queries, ValueRange state) {
  Value zero = b.getIndex(0);
  Value lastToken = arith::SubIOp::create(b, block.count, b.getIndex(1));
  SmallVector<Value> scores = getScores(keys, row, queries);
  Value sums = state[0], largest = state[1], totals = state[2], room = state[3];
  SmallVector<Value> carried;
  for (int64_t r = 0; r < step; ++r) {
    Value at = tiles.add(row, b.getIndex(r));
    Value local =
        arith::MinSIOp::create(b, tiles.splitRow(at).first, lastToken);
    Value mask =
        tiles.getTileMask(firstKey, tiles.add(block.firstToken, local));
    Expr score = b.getExpr(scores[r]);
    if (tiles.cap)
      score = softcap(score, *tiles.cap);
    auto next = tiles.addScores(score, mask, tiles.load(largest, at));
    Expr total =
        tiles.readScores(totals, at) * splat(next.factor, tiles.scoreType) +
        next.weights;
    room = writeWeights(next.weights, room, b.getIndex(r));
    largest = tiles.store(next.largest, largest, at);
    totals = tiles.writeScores(total, totals, at);
    for (const Expr &chunk : tiles.scale(tiles.readRow(sums, at, zero),
                                         splat(next.factor, tiles.chunkType)))
      carried.push_back(chunk);
  }
  int64_t chunks = int64_t(carried.size()) / step;
  carried = addValues(values, room, carried);
  for (int64_t r = 0; r < step; ++r) {
    HeadRow sum;
    for (Value chunk : ArrayRef<Value>(carried).slice(r * chunks, chunks))
      sum.push_back(b.getExpr(chunk));
    sums = tiles.writeRow(sum, sums, tiles.add(row, b.getIndex(r)), zero);
  }
  return {sums, largest, totals, room};
}

void AttentionLoops::writeResults(const BlockState &state) {
  ValueRange outputs = block.loop.getRegionIterArgs();
  auto rowPart = tiles.getPart(block.firstToken, column, block.count,
                               tiles.group * tiles.headDim);
  auto lsePart =
      tiles.getPart(block.firstToken, head, block.count, tiles.group);
  SmallVector<Value> parts = tiles.createLoop(
      tiles.getRows(block.count), 1,
      {tiles.extract(outputs[0], rowPart), tiles.extract(outputs[1], lsePart)},
      [&](Value row, ValueRange parts) -> SmallVector<Value> {
        auto [token, local] = tiles.splitRow(row);
        return tiles.writeResult(tiles.readRow(state.sums, row, b.getIndex(0)),
                                 tiles.load(state.largest, row),
                                 sumOf(tiles.readScores(state.totals, row)),
                                 parts, token, local);
      });
  tiles.insert(block.loop, 0, parts[0], rowPart);
  tiles.insert(block.loop, 1, parts[1], lsePart);
}

SmallVector<Value> AttentionLoops::build() {
  Value result =
      b.createEmptyLike(op.getQ(), op.getResult().getType().getElementType());
  Value lse =
      b.createEmpty({b.getSize(op.getQ(), 0), b.getIndexAttr(op.getHeads())},
                    op.getLse().getType().getElementType());
  OpBuilder::InsertionGuard guard(b);
  block = tiles.createBlockLoop(op.getQ(), {result, lse});
  head = tiles.multiply(block.kvHead, tiles.group);
  column = tiles.multiply(head, tiles.headDim);
  keyColumn = tiles.multiply(block.kvHead, tiles.headDim);
  IndexRange keys = tiles.getBlockKeys(block.firstToken, block.count);
  Value last = arith::SubIOp::create(b, keys.end, b.getIndex(1));
  BlockState state = createState();
  SmallVector<Value> next = tiles.createLoop(
      keys, kTileKeys,
      {state.sums, state.largest, state.totals,
       pairs ? pairs->createBuffer({step, kTileKeys / 2})
             : tiles.createBuffer({step, kTileKeys})},
      [&](Value firstKey, ValueRange outer) {
        Value keyTile =
            pairs ? pairs->stageKeys(op.getK(), firstKey, last, keyColumn)
                  : tiles.stageTransposed(op.getK(), firstKey, last, keyColumn);
        Value valueTile =
            pairs ? pairs->stageValues(op.getV(), firstKey, last, keyColumn)
                  : tiles.stageRows(op.getV(), firstKey, last, keyColumn);
        return tiles.createLoop(tiles.getRows(block.count), step, outer,
                                [&](Value row, ValueRange inner) {
                                  return updateRows(keyTile, valueTile,
                                                    firstKey, row,
                                                    state.queries, inner);
                                });
      });
  writeResults({state.queries, next[0], next[1], next[2]});
  return SmallVector<Value>(block.loop.getResults());
}

/// Rewrites attention into loops over blocks of tokens and heads in parallel,
/// because the range of keys is only known when the program runs.
static SmallVector<Value> buildAttention(AttentionOp op, Decomposition &b) {
  // One token is too few blocks for the threads.
  if (op.getQ().getType().getDimSize(0) == 1)
    return buildSplitAttention(op, b);
  return AttentionLoops(op, b).build();
}

void lora::populateAttentionLoopDecompositions(RewritePatternSet &patterns) {
  addDecomposition(patterns, buildAttention);
}
