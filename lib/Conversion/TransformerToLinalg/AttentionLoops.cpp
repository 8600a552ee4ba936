//===- AttentionLoops.cpp - Attention as loops over the keys --------------===//
//
// FlashAttention's online softmax (Dao et al. 2022, algorithm 1) on the tiles
// of AttentionTiles.h: the work is that of the block's own keys, the workspace
// is a static buffer per thread, and nothing is [tokens, keys].
//
//===----------------------------------------------------------------------===//

#include "AttentionTiles.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <limits>

using namespace mlir;
using namespace lora;
using namespace lora::transformer;

namespace {

/// The rows of a block while its keys are visited: the scaled queries, the sums
/// of exp(score - largest) v, and the largest score and the sum of
/// exp(score - largest) so far.
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

  AttentionLoops(AttentionOp op, Decomposition &b)
      : op(op), b(b), tiles(op, b) {}

  SmallVector<Value> build();

private:
  BlockState createState();
  void writeResults(const BlockState &state);
};

} // namespace

/// Scales the queries once and clears the sums.
BlockState AttentionLoops::createState() {
  int64_t rows = tiles.blockTokens * tiles.group;
  Value queries = tiles.createBuffer({rows, tiles.headDim});
  Expr scale = b.getConstant(tiles.chunkType, op.getScale().convertToDouble());
  Value zero = b.getIndex(0);
  queries = tiles.createLoop(
      tiles.getRows(block.count), 1, queries,
      [&](Value row, ValueRange state) -> SmallVector<Value> {
        auto [token, local] = tiles.splitRow(row);
        Value at = tiles.add(column, tiles.multiply(local, tiles.headDim));
        HeadRow q =
            tiles.readRow(op.getQ(), tiles.add(block.firstToken, token), at);
        return {tiles.writeRow(tiles.scale(q, scale), state[0], row, zero)};
      })[0];
  double infinity = std::numeric_limits<double>::infinity();
  return {queries, tiles.createFilledBuffer({rows, tiles.headDim}, 0),
          tiles.createFilledBuffer(rows, -infinity),
          tiles.createFilledBuffer(rows, 0)};
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
                                 tiles.load(state.totals, row), parts, token,
                                 local);
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
      keys, kTileKeys, {state.sums, state.largest, state.totals},
      [&](Value firstKey, ValueRange outer) {
        SmallVector<Value> rows = tiles.getTileRows(firstKey, last);
        auto keyTile = tiles.stageTile(op.getK(), rows, keyColumn);
        auto valueTile = tiles.stageTile(op.getV(), rows, keyColumn);
        return tiles.createLoop(
            tiles.getRows(block.count), 1, outer,
            [&](Value row, ValueRange inner) {
              Value token =
                  tiles.add(block.firstToken, tiles.splitRow(row).first);
              return tiles.updateRow(keyTile, valueTile, firstKey, token, row,
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
