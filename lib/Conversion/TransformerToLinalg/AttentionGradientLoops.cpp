//===- AttentionGradientLoops.cpp - The gradient as loops over the keys ---===//
//
// FlashAttention's backward pass (Dao et al. 2022, algorithm 4) on the tiles of
// AttentionTiles.h. Probabilities are recomputed from lse, one tile after the
// other, so no tensor is [tokens, keys].
//
// The heads of keys run in parallel. The blocks of tokens of one head do not,
// because they add to the same rows of dk and dv. These sums are in the compute
// type and are rounded at the end.
//
// A result without a use is not computed: below the first adapted projection
// often only dq or dv is needed. Later passes would not remove it completely:
// its sums would remain as a buffer for a head's rows in every thread.
//
//===----------------------------------------------------------------------===//

#include "AttentionTiles.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace lora;
using namespace lora::transformer;

namespace {

/// The rows of a block: scaled queries, dy, lse, and d = rowsum(dy * o).
struct BlockRows {
  Value queries, dy, lse, d;
};

/// The gradients; null for those that are not needed.
struct Gradients {
  Value dq, dk, dv;

  SmallVector<Value> getNeeded() const {
    SmallVector<Value> needed;
    for (Value value : {dq, dk, dv})
      if (value)
        needed.push_back(value);
    return needed;
  }
  /// The same gradients, from values in the order of getNeeded.
  Gradients with(ValueRange values) const {
    Gradients result;
    if (dq)
      result.dq = values.front();
    if (dk)
      result.dk = values[dq ? 1 : 0];
    if (dv)
      result.dv = values.back();
    return result;
  }
};

/// The loops of one gradient.
struct AttentionGradientLoops {
  AttentionGradientOp op;
  Decomposition &b;
  AttentionTiles tiles;
  double scale;
  int64_t rowCount;
  Value zero;
  /// The first column of the head's queries, the first column of its keys, and
  /// its first query head.
  Value column, keyColumn, head;

  AttentionGradientLoops(AttentionGradientOp op, Decomposition &b)
      : op(op), b(b), tiles(op, b), scale(op.getScale().convertToDouble()),
        rowCount(tiles.blockTokens * tiles.group), zero(b.getIndex(0)) {}

  SmallVector<Value> build();

private:
  Expr load(Value tensor, ValueRange position) {
    return b.getExpr(tensor::ExtractOp::create(b, tensor, position));
  }

  BlockRows createRows(Value firstToken, Value count);
  Gradients buildBlock(Value firstToken, Gradients state);
  SmallVector<Value> buildQueries(const BlockRows &rows, Value firstToken,
                                  Value count, Value firstKey,
                                  const AttentionTiles::TileSource &keys,
                                  const AttentionTiles::TileSource &values,
                                  ValueRange state);
  Gradients buildKeys(const BlockRows &rows, Value count, Value firstKey,
                      Value last, Value p, Value ds, Gradients state);
};

} // namespace

BlockRows AttentionGradientLoops::createRows(Value firstToken, Value count) {
  Expr factor = b.getConstant(tiles.chunkType, scale);
  SmallVector<Value> rows = tiles.createLoop(
      tiles.getRows(count), 1,
      {tiles.createBuffer({rowCount, tiles.headDim}),
       tiles.createBuffer({rowCount, tiles.headDim}),
       tiles.createBuffer(rowCount), tiles.createBuffer(rowCount)},
      [&](Value row, ValueRange rows) -> SmallVector<Value> {
        auto [local, localHead] = tiles.splitRow(row);
        Value token = tiles.add(firstToken, local);
        Value at = tiles.add(column, tiles.multiply(localHead, tiles.headDim));
        HeadRow q = tiles.scale(tiles.readRow(op.getQ(), token, at), factor);
        HeadRow dy = tiles.readRow(op.getDy(), token, at);
        Expr d = tiles.dot(dy, tiles.readRow(op.getO(), token, at));
        Expr lse =
            b.convert(load(op.getLse(), {token, tiles.add(head, localHead)}),
                      tiles.compute);
        return {tiles.writeRow(q, rows[0], row, zero),
                tiles.writeRow(dy, rows[1], row, zero),
                tensor::InsertOp::create(b, Value(lse), rows[2], row),
                tensor::InsertOp::create(b, Value(d), rows[3], row)};
      });
  return {rows[0], rows[1], rows[2], rows[3]};
}

/// Computes the queries' part of one tile for the rows of a block: stores p and
/// ds = p * (dy vᵀ - d), and adds dq += ds k. `state` is p, ds and, if needed,
/// dq.
SmallVector<Value> AttentionGradientLoops::buildQueries(
    const BlockRows &rows, Value firstToken, Value count, Value firstKey,
    const AttentionTiles::TileSource &keys,
    const AttentionTiles::TileSource &values, ValueRange state) {
  return tiles.createLoop(
      tiles.getRows(count), 1, state,
      [&](Value row, ValueRange state) -> SmallVector<Value> {
        Value token = tiles.add(firstToken, tiles.splitRow(row).first);
        Value mask = tiles.getTileMask(firstKey, token);
        SmallVector<HeadRow> keyRows = tiles.readTile(keys);
        Expr scores =
            tiles.getScores(tiles.readRow(rows.queries, row, zero), keyRows);
        Expr p = exp(scores - splat(load(rows.lse, row), tiles.scoreType));
        p = select(mask, p, p.constant(0));
        Expr dp = tiles.dotRows(tiles.readRow(rows.dy, row, zero),
                                tiles.readTile(values));
        Expr ds = p * (dp - splat(load(rows.d, row), tiles.scoreType));
        if (tiles.cap)
          ds = ds * softcapSlope(scores, *tiles.cap);
        SmallVector<Value> next = {tiles.writeScores(p, state[0], row),
                                   tiles.writeScores(ds, state[1], row)};
        if (state.size() == 2)
          return next;
        HeadRow dq = tiles.readRow(state[2], row, zero);
        for (auto [i, key] : llvm::enumerate(keyRows))
          dq = tiles.multiplyAdd(dq, tiles.spread(ds, i), key);
        next.push_back(tiles.writeRow(dq, state[2], row, zero));
        return next;
      });
}

/// Computes the keys' part of one tile: dk += dsᵀ q and dv += pᵀ dy over the
/// rows of a block. q contains the scale already. Keys past the last one have
/// weight 0, so they add nothing to the last one.
Gradients AttentionGradientLoops::buildKeys(const BlockRows &rows, Value count,
                                            Value firstKey, Value last, Value p,
                                            Value ds, Gradients state) {
  // A sum, the weights of the block's rows, and these rows.
  struct Sum {
    Value state, weights, rows;
  };
  SmallVector<Sum> needed;
  if (state.dk)
    needed.push_back({state.dk, ds, rows.queries});
  if (state.dv)
    needed.push_back({state.dv, p, rows.dy});
  if (needed.empty())
    return state;
  SmallVector<Value> states;
  for (Sum &sum : needed)
    states.push_back(sum.state);

  SmallVector<Value> results = tiles.createLoop(
      {zero, b.getIndex(kTileKeys)}, 1, states,
      [&](Value index, ValueRange states) -> SmallVector<Value> {
        Value key = arith::MinSIOp::create(b, tiles.add(firstKey, index), last);
        SmallVector<Value> sums;
        for (Value state : states)
          llvm::append_range(sums, tiles.readRow(state, key, zero));
        size_t chunks = sums.size() / needed.size();
        auto getRow = [&](ValueRange sums, size_t i) {
          HeadRow row;
          for (Value chunk : sums.slice(i * chunks, chunks))
            row.push_back(b.getExpr(chunk));
          return row;
        };
        sums = tiles.createLoop(
            tiles.getRows(count), 1, sums, [&](Value row, ValueRange sums) {
              SmallVector<Value> next;
              for (auto [i, sum] : llvm::enumerate(needed)) {
                Expr weight =
                    splat(load(sum.weights, {row, index}), tiles.chunkType);
                llvm::append_range(
                    next,
                    tiles.multiplyAdd(getRow(sums, i), weight,
                                      tiles.readRow(sum.rows, row, zero)));
              }
              return next;
            });
        SmallVector<Value> next;
        for (auto [i, state] : llvm::enumerate(states))
          next.push_back(tiles.writeRow(getRow(sums, i), state, key, zero));
        return next;
      });
  if (state.dk)
    state.dk = results.front();
  if (state.dv)
    state.dv = results.back();
  return state;
}

/// Computes one block of tokens. `state` has the parts of the results for this
/// head.
Gradients AttentionGradientLoops::buildBlock(Value firstToken,
                                             Gradients state) {
  Value count = tiles.getBlockCount(op.getQ(), firstToken);
  IndexRange keys = tiles.getBlockKeys(firstToken, count);
  Value last = arith::SubIOp::create(b, keys.end, b.getIndex(1));
  BlockRows rows = createRows(firstToken, count);
  Value p = tiles.createBuffer({rowCount, kTileKeys});
  Value ds = tiles.createBuffer({rowCount, kTileKeys});
  // The tiles add to these sums. dq belongs to this block alone.
  Gradients sums = state;
  if (state.dq)
    sums.dq = tiles.createFilledBuffer({rowCount, tiles.headDim}, 0);
  SmallVector<Value> carried = sums.getNeeded();
  carried.append({p, ds});
  SmallVector<Value> results = tiles.createLoop(
      keys, kTileKeys, carried,
      [&](Value firstKey, ValueRange carried) -> SmallVector<Value> {
        Gradients current = sums.with(carried.drop_back(2));
        auto keyTile = tiles.stageTile(op.getK(), firstKey, last, keyColumn);
        auto valueTile = tiles.stageTile(op.getV(), firstKey, last, keyColumn);
        SmallVector<Value> scores(carried.take_back(2));
        if (current.dq)
          scores.push_back(current.dq);
        scores = buildQueries(rows, firstToken, count, firstKey, keyTile,
                              valueTile, scores);
        if (current.dq)
          current.dq = scores[2];
        current = buildKeys(rows, count, firstKey, last, scores[0], scores[1],
                            current);
        SmallVector<Value> next = current.getNeeded();
        next.append({scores[0], scores[1]});
        return next;
      });
  sums = sums.with(ValueRange(results).drop_back(2));
  if (!state.dq)
    return sums;
  Expr factor = b.getConstant(tiles.chunkType, scale);
  Value blockSums = sums.dq;
  sums.dq = tiles.createLoop(
      tiles.getRows(count), 1, state.dq,
      [&](Value row, ValueRange state) -> SmallVector<Value> {
        auto [local, localHead] = tiles.splitRow(row);
        HeadRow sum = tiles.scale(tiles.readRow(blockSums, row, zero), factor);
        return {tiles.writeRow(sum, state[0], tiles.add(firstToken, local),
                               tiles.multiply(localHead, tiles.headDim))};
      })[0];
  return sums;
}

SmallVector<Value> AttentionGradientLoops::build() {
  OpFoldResult tokens = b.getSize(op.getQ(), 0), keys = b.getSize(op.getK(), 0);
  OpFoldResult keyWidth = b.getIndexAttr(op.getK().getType().getDimSize(1));
  Type queryType = op.getQ().getType().getElementType();
  Type keyType = op.getK().getType().getElementType();
  Gradients outputs;
  if (!op.getDq().use_empty())
    outputs.dq = b.createEmptyLike(op.getQ(), queryType);
  if (!op.getDk().use_empty())
    outputs.dk = b.createFilled({keys, keyWidth}, tiles.compute, 0);
  if (!op.getDv().use_empty())
    outputs.dv = b.createFilled({keys, keyWidth}, tiles.compute, 0);
  auto loop = scf::ForallOp::create(
      b, ArrayRef<OpFoldResult>{b.getIndexAttr(tiles.kvHeads)},
      outputs.getNeeded(), /*mapping=*/std::nullopt);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(loop.getTerminator());
    Value kvHead = loop.getInductionVar(0);
    head = tiles.multiply(kvHead, tiles.group);
    column = tiles.multiply(head, tiles.headDim);
    keyColumn = tiles.multiply(kvHead, tiles.headDim);
    auto queryPart = tiles.getPart(b.getIndexAttr(0), column, tokens,
                                   tiles.group * tiles.headDim);
    auto keyPart =
        tiles.getPart(b.getIndexAttr(0), keyColumn, keys, tiles.headDim);
    SmallVector<Value> parts;
    for (Value output : loop.getRegionIterArgs())
      parts.push_back(tiles.extract(
          output, outputs.dq && parts.empty() ? queryPart : keyPart));
    parts = tiles.createLoop(
        {zero, b.getSizeValue(op.getQ(), 0)}, tiles.blockTokens, parts,
        [&](Value firstToken, ValueRange state) {
          return buildBlock(firstToken, outputs.with(state)).getNeeded();
        });
    for (auto [i, part] : llvm::enumerate(parts))
      tiles.insert(loop, i, part, outputs.dq && i == 0 ? queryPart : keyPart);
  }
  Gradients results = outputs.with(loop.getResults());
  auto rounded = [&](Value result) {
    return result ? b.round(result, keyType)
                  : b.createEmptyLike(op.getK(), keyType);
  };
  return {results.dq ? results.dq : b.createEmptyLike(op.getQ(), queryType),
          rounded(results.dk), rounded(results.dv)};
}

/// Rewrites the gradient of attention into loops over the heads of keys in
/// parallel, because the range of keys is only known when the program runs.
static SmallVector<Value> buildAttentionGradient(AttentionGradientOp op,
                                                 Decomposition &b) {
  return AttentionGradientLoops(op, b).build();
}

void lora::populateAttentionGradientLoopDecompositions(
    RewritePatternSet &patterns) {
  addDecomposition(patterns, buildAttentionGradient);
}
