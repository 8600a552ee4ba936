//===- AttentionGradientLoops.cpp - The gradient as loops over the keys ---===//
//
// FlashAttention's backward pass (Dao et al. 2022, algorithm 4) on the tiles of
// AttentionTiles.h. Probabilities are recomputed from lse, tile by tile, so
// that nothing is [tokens, keys].
//
// The heads of keys are parallel, the blocks of tokens of one are not: they add
// to the same rows of dk and dv, in the compute type, rounded at the end.
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

/// The loops of one gradient.
struct AttentionGradientLoops {
  AttentionGradientOp op;
  Decomposition &b;
  AttentionTiles tiles;
  double scale;
  int64_t rowCount;
  Value zero;
  /// The first column of the head's queries, of its keys, and its first head.
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
  SmallVector<Value> buildBlock(Value firstToken, ValueRange state);
  SmallVector<Value> buildQueries(const BlockRows &rows, Value firstToken,
                                  Value count, Value firstKey,
                                  const AttentionTiles::TileSource &keys,
                                  const AttentionTiles::TileSource &values,
                                  ValueRange state);
  SmallVector<Value> buildKeys(const BlockRows &rows, Value count,
                               Value firstKey, Value last, Value p, Value ds,
                               ValueRange state);
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

/// The rows of a block and one tile: p and ds = p * (dy vᵀ - d) are stored,
/// dq += ds k. `state` is p, ds and dq.
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
            tiles.dotRows(tiles.readRow(rows.queries, row, zero), keyRows);
        Expr p = exp(scores - splat(load(rows.lse, row), tiles.scoreType));
        p = select(mask, p, p.constant(0));
        Expr dp = tiles.dotRows(tiles.readRow(rows.dy, row, zero),
                                tiles.readTile(values));
        Expr ds = p * (dp - splat(load(rows.d, row), tiles.scoreType));
        HeadRow dq = tiles.readRow(state[2], row, zero);
        for (auto [i, key] : llvm::enumerate(keyRows))
          dq = tiles.multiplyAdd(dq, tiles.spread(ds, i), key);
        return {tiles.writeScores(p, state[0], row),
                tiles.writeScores(ds, state[1], row),
                tiles.writeRow(dq, state[2], row, zero)};
      });
}

/// The keys of one tile: dk += dsᵀ q and dv += pᵀ dy over the rows of a block.
/// The scale is in q already. Keys past the last one have weight 0 and add
/// nothing to the last one. `state` is dk and dv.
SmallVector<Value> AttentionGradientLoops::buildKeys(const BlockRows &rows,
                                                     Value count,
                                                     Value firstKey, Value last,
                                                     Value p, Value ds,
                                                     ValueRange state) {
  return tiles.createLoop(
      {zero, b.getIndex(kTileKeys)}, 1, state,
      [&](Value index, ValueRange state) -> SmallVector<Value> {
        Value key = arith::MinSIOp::create(b, tiles.add(firstKey, index), last);
        HeadRow dk = tiles.readRow(state[0], key, zero);
        HeadRow dv = tiles.readRow(state[1], key, zero);
        size_t chunks = dk.size();
        SmallVector<Value> sums(dk.begin(), dk.end());
        sums.append(dv.begin(), dv.end());
        sums = tiles.createLoop(
            tiles.getRows(count), 1, sums, [&](Value row, ValueRange sums) {
              HeadRow dk, dv;
              for (Value sum : sums.take_front(chunks))
                dk.push_back(b.getExpr(sum));
              for (Value sum : sums.drop_front(chunks))
                dv.push_back(b.getExpr(sum));
              Expr dsElement = splat(load(ds, {row, index}), tiles.chunkType);
              Expr pElement = splat(load(p, {row, index}), tiles.chunkType);
              dk = tiles.multiplyAdd(dk, dsElement,
                                     tiles.readRow(rows.queries, row, zero));
              dv = tiles.multiplyAdd(dv, pElement,
                                     tiles.readRow(rows.dy, row, zero));
              SmallVector<Value> next(dk.begin(), dk.end());
              next.append(dv.begin(), dv.end());
              return next;
            });
        for (size_t i = 0; i < chunks; ++i) {
          dk[i] = b.getExpr(sums[i]);
          dv[i] = b.getExpr(sums[chunks + i]);
        }
        return {tiles.writeRow(dk, state[0], key, zero),
                tiles.writeRow(dv, state[1], key, zero)};
      });
}

/// One block of tokens. `state` is the head's parts of dq, dk and dv.
SmallVector<Value> AttentionGradientLoops::buildBlock(Value firstToken,
                                                      ValueRange state) {
  Value count = tiles.getBlockCount(op.getQ(), firstToken);
  IndexRange keys = tiles.getBlockKeys(firstToken, count);
  Value last = arith::SubIOp::create(b, keys.end, b.getIndex(1));
  BlockRows rows = createRows(firstToken, count);
  Value zeros = tiles.createFilledBuffer({rowCount, tiles.headDim}, 0);
  Value p = tiles.createBuffer({rowCount, kTileKeys});
  Value ds = tiles.createBuffer({rowCount, kTileKeys});
  SmallVector<Value> sums = tiles.createLoop(
      keys, kTileKeys, {zeros, p, ds, state[1], state[2]},
      [&](Value firstKey, ValueRange sums) -> SmallVector<Value> {
        SmallVector<Value> tileRows = tiles.getTileRows(firstKey, last);
        auto keyTile = tiles.stageTile(op.getK(), tileRows, keyColumn);
        auto valueTile = tiles.stageTile(op.getV(), tileRows, keyColumn);
        SmallVector<Value> queries =
            buildQueries(rows, firstToken, count, firstKey, keyTile, valueTile,
                         {sums[1], sums[2], sums[0]});
        SmallVector<Value> keys =
            buildKeys(rows, count, firstKey, last, queries[0], queries[1],
                      {sums[3], sums[4]});
        return {queries[2], queries[0], queries[1], keys[0], keys[1]};
      });
  Expr factor = b.getConstant(tiles.chunkType, scale);
  Value dq = tiles.createLoop(
      tiles.getRows(count), 1, state[0],
      [&](Value row, ValueRange state) -> SmallVector<Value> {
        auto [local, localHead] = tiles.splitRow(row);
        HeadRow sum = tiles.scale(tiles.readRow(sums[0], row, zero), factor);
        return {tiles.writeRow(sum, state[0], tiles.add(firstToken, local),
                               tiles.multiply(localHead, tiles.headDim))};
      })[0];
  return {dq, sums[3], sums[4]};
}

SmallVector<Value> AttentionGradientLoops::build() {
  OpFoldResult tokens = b.getSize(op.getQ(), 0), keys = b.getSize(op.getK(), 0);
  OpFoldResult keyWidth = b.getIndexAttr(op.getK().getType().getDimSize(1));
  Value dq = b.createEmptyLike(op.getQ(), op.getQ().getType().getElementType());
  Value dk = b.createFilled({keys, keyWidth}, tiles.compute, 0);
  Value dv = b.createFilled({keys, keyWidth}, tiles.compute, 0);
  auto loop = scf::ForallOp::create(
      b, ArrayRef<OpFoldResult>{b.getIndexAttr(tiles.kvHeads)},
      ValueRange{dq, dk, dv}, /*mapping=*/std::nullopt);
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
    ValueRange outputs = loop.getRegionIterArgs();
    SmallVector<Value> parts = tiles.createLoop(
        {zero, b.getSizeValue(op.getQ(), 0)}, tiles.blockTokens,
        {tiles.extract(outputs[0], queryPart),
         tiles.extract(outputs[1], keyPart),
         tiles.extract(outputs[2], keyPart)},
        [&](Value firstToken, ValueRange state) {
          return buildBlock(firstToken, state);
        });
    tiles.insert(loop, 0, parts[0], queryPart);
    tiles.insert(loop, 1, parts[1], keyPart);
    tiles.insert(loop, 2, parts[2], keyPart);
  }
  Type keyType = op.getK().getType().getElementType();
  return {loop.getResult(0), b.round(loop.getResult(1), keyType),
          b.round(loop.getResult(2), keyType)};
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
