//===- AttentionLoops.cpp - Attention as loops over the keys --------------===//
//
// FlashAttention's online softmax (Dao et al. 2022, algorithm 1) on the tiles
// of AttentionTiles.h. A block visits only the keys that its tokens see. The
// workspace is a static buffer for each thread, and no tensor is [tokens,
// keys].
//
//===----------------------------------------------------------------------===//

#include "AttentionRows.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <limits>

using namespace mlir;
using namespace lora;
using namespace lora::transformer;

namespace {

/// The number of rows of a block is about this. It is large, because the keys
/// of a tile are transposed once for each block.
constexpr int64_t kManyRows = 32;

/// The loops of one attention. The last step may contain rows that do not
/// exist; their values have no meaning.
struct AttentionLoops {
  AttentionOp op;
  Decomposition &b;
  AttentionTiles tiles;
  AttentionRows rows;
  AttentionTiles::BlockLoop block;
  /// The first column of the block's queries, the first column of its keys, and
  /// its first query head.
  Value column, keyColumn, head;

  AttentionLoops(AttentionOp op, Decomposition &b)
      : op(op), b(b), tiles(op, b, kManyRows), rows(op, tiles) {
    rows.step = std::min(rows.step, tiles.blockTokens * tiles.group);
  }

  SmallVector<Value> build();

private:
  Value readQueries(int64_t count);
  SmallVector<Value> createState(int64_t count);
  Value getMask(Value row, Value firstKey);
  void writeResults(ValueRange state);
};

} // namespace

Value AttentionLoops::readQueries(int64_t count) {
  return tiles.createLoop(
      tiles.getRows(block.count), 1, rows.createQueries(count),
      [&](Value row, ValueRange queries) -> SmallVector<Value> {
        auto [token, local] = tiles.splitRow(row);
        Value at = tiles.add(column, tiles.multiply(local, tiles.headDim));
        return {rows.writeQuery(tiles.add(block.firstToken, token), at,
                                queries[0], row)};
      })[0];
}

SmallVector<Value> AttentionLoops::createState(int64_t count) {
  double infinity = std::numeric_limits<double>::infinity();
  return {tiles.createFilledBuffer({count, tiles.headDim}, 0),
          tiles.createFilledBuffer(count, -infinity),
          tiles.createFilledBuffer({count, kTileKeys}, 0),
          rows.createWeightBuffer()};
}

Value AttentionLoops::getMask(Value row, Value firstKey) {
  Value lastToken = arith::SubIOp::create(b, block.count, b.getIndex(1));
  Value local = arith::MinSIOp::create(b, tiles.splitRow(row).first, lastToken);
  return tiles.getTileMask(firstKey, tiles.add(block.firstToken, local));
}

void AttentionLoops::writeResults(ValueRange state) {
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
        return tiles.writeResult(
            tiles.readRow(state[AttentionRows::Sums], row, b.getIndex(0)),
            tiles.load(state[AttentionRows::Largest], row),
            sumOf(tiles.readScores(state[AttentionRows::Totals], row)), parts,
            token, local);
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
  int64_t count = llvm::alignTo(tiles.blockTokens * tiles.group, rows.step);
  Value queries = readQueries(count);
  writeResults(tiles.createLoop(
      keys, kTileKeys, createState(count),
      [&](Value firstKey, ValueRange outer) {
        Value keyTile = rows.stageKeys(op.getK(), firstKey, last, keyColumn);
        Value valueTile =
            rows.stageValues(op.getV(), firstKey, last, keyColumn);
        return tiles.createLoop(
            tiles.getRows(block.count), rows.step, outer,
            [&](Value first, ValueRange inner) {
              return rows.update(
                  keyTile, valueTile, first, queries,
                  [&](Value row) { return getMask(row, firstKey); }, inner);
            });
      }));
  return SmallVector<Value>(block.loop.getResults());
}

/// Rewrites attention into loops over blocks of tokens and heads in parallel,
/// because the range of keys is only known when the program runs.
static SmallVector<Value> buildAttention(AttentionOp op, Decomposition &b) {
  // One token gives too few blocks for the threads.
  if (op.getQ().getType().getDimSize(0) == 1)
    return buildSplitAttention(op, b);
  return AttentionLoops(op, b).build();
}

void lora::populateAttentionLoopDecompositions(RewritePatternSet &patterns) {
  addDecomposition(patterns, buildAttention);
}
