//===- AttentionLoops.cpp - Attention as loops over the keys ---------------===//
//
// FlashAttention's recurrences (Dao et al. 2022, algorithms 1 and 4) with one
// query row at a time: the work is that of the token's own keys, the workspace
// is registers, and nothing is [tokens, keys]. Rows of a head are vectors.
//
// Keys are taken kTileKeys at a time. In the last tile the keys past the end
// read the last key instead, and count with weight 0.
//
//===----------------------------------------------------------------------===//

#include "Decomposition.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <limits>

using namespace mlir;
using namespace lora;
using namespace lora::transformer;

static constexpr int64_t kTileKeys = 16;

namespace {

/// A tile of the keys of one token.
struct Tile {
  /// The rows of keys and values, never past the last key.
  SmallVector<Value> rows;
  /// Which of them are not past the end, vector<16xi1>.
  Value isKey;
};

/// What attention and its gradient share: types, rows of heads, tiles.
struct HeadLoops {
  Decomposition &b;
  int64_t headDim, group;
  std::optional<int64_t> window;
  Value sequence;
  /// A head's row and the scores of a tile, in the compute type.
  VectorType rowType, tileType;

  template <typename OpT>
  HeadLoops(OpT op, Decomposition &b)
      : b(b),
        headDim(op.getQ().getType().getDimSize(1) / op.getHeads()),
        group(op.getHeads() / op.getKvHeads()), window(op.getWindow()),
        sequence(op.getSequence()) {
    Type compute = b.getComputeType(op.getQ());
    rowType = VectorType::get(headDim, compute);
    tileType = VectorType::get(kTileKeys, compute);
  }

  Type getComputeType() { return rowType.getElementType(); }

  Value multiply(Value value, int64_t factor) {
    return arith::MulIOp::create(b, value, b.getIndex(factor));
  }

  /// `headDim` elements of a row, in the compute type.
  Expr readRow(Value tensor, Value row, Value column) {
    Type elementType = getElementTypeOrSelf(tensor.getType());
    Value padding = b.getConstant(elementType, 0);
    Value vector = vector::TransferReadOp::create(
        b, VectorType::get(headDim, elementType), tensor,
        ValueRange{row, column}, padding, ArrayRef<bool>{true});
    return b.convert(vector, getComputeType());
  }

  Value writeRow(Expr vector, Value tensor, Value row, Value column) {
    Value rounded =
        b.convert(vector, getElementTypeOrSelf(tensor.getType()));
    return vector::TransferWriteOp::create(b, rounded, tensor,
                                           ValueRange{row, column},
                                           ArrayRef<bool>{true})
        .getResult();
  }

  Tile getTile(Value first, Value end) {
    Tile tile;
    Value last = arith::SubIOp::create(b, end, b.getIndex(1));
    for (int64_t i = 0; i < kTileKeys; ++i) {
      Value row = arith::AddIOp::create(b, first, b.getIndex(i));
      tile.rows.push_back(arith::MinSIOp::create(b, row, last));
    }
    Value left = arith::SubIOp::create(b, end, first);
    auto indices = VectorType::get(kTileKeys, b.getIndexType());
    tile.isKey = arith::CmpIOp::create(
        b, arith::CmpIPredicate::slt, vector::StepOp::create(b, indices),
        vector::BroadcastOp::create(b, indices, left));
    return tile;
  }

  Expr dot(Expr x, Expr y) { return sumOf(x * y); }

  /// The products of `x` with the rows of a tile.
  Expr dotRows(Expr x, ArrayRef<Expr> rows) {
    SmallVector<Value> products;
    for (Expr row : rows)
      products.push_back(dot(x, row));
    return b.getExpr(vector::FromElementsOp::create(b, tileType, products));
  }

  SmallVector<Expr> readRows(Value tensor, const Tile &tile, Value column) {
    SmallVector<Expr> rows;
    for (Value row : tile.rows)
      rows.push_back(readRow(tensor, row, column));
    return rows;
  }

  /// Element `index` of a vector over the tile, in all elements of a row.
  Expr spread(Expr tile, int64_t index) {
    Value element = vector::ExtractOp::create(b, Value(tile), index);
    return splat(b.getExpr(element), rowType);
  }

  /// A loop with `arguments` carried; `body` gives their next values. Returns
  /// the last ones.
  SmallVector<Value>
  createLoop(Value first, Value end, int64_t step, ValueRange arguments,
             llvm::function_ref<SmallVector<Value>(Value, ValueRange)> body) {
    auto loop =
        scf::ForOp::create(b, first, end, b.getIndex(step), arguments);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(loop.getBody());
    SmallVector<Value> next =
        body(loop.getInductionVar(), loop.getRegionIterArgs());
    scf::YieldOp::create(b, next);
    return SmallVector<Value>(loop.getResults());
  }

  /// A block of a tensor: offsets, sizes, strides.
  struct Block {
    SmallVector<OpFoldResult> offsets, sizes, strides;
  };
  Block getBlock(OpFoldResult row, OpFoldResult column, OpFoldResult rows,
                 int64_t columns) {
    OpFoldResult one = b.getIndexAttr(1);
    return {{row, column}, {rows, b.getIndexAttr(columns)}, {one, one}};
  }
  Value extract(Value tensor, const Block &block) {
    return tensor::ExtractSliceOp::create(b, tensor, block.offsets, block.sizes,
                                          block.strides);
  }
  /// In the terminator of `forall`: `part` becomes `block` of output `index`.
  void insert(scf::ForallOp forall, unsigned index, Value part,
              const Block &block) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(forall.getTerminator().getBody());
    tensor::ParallelInsertSliceOp::create(
        b, part, forall.getRegionIterArgs()[index], block.offsets, block.sizes,
        block.strides);
  }
};

} // namespace

/// Rewrites attention into loops over all tokens and heads in parallel, each
/// with an online softmax over the tiles of its keys, because the length of the
/// range of keys is only known when the program runs.
static SmallVector<Value> buildAttention(AttentionOp op, Decomposition &b) {
  HeadLoops h(op, b);
  Type compute = h.getComputeType();
  Value result =
      b.createEmptyLike(op.getQ(), op.getResult().getType().getElementType());
  OpFoldResult tokens = b.getSize(op.getQ(), 0);
  OpFoldResult heads = b.getIndexAttr(op.getHeads());
  Value lse = b.createEmpty({tokens, heads},
                            op.getLse().getType().getElementType());
  auto forall =
      scf::ForallOp::create(b, ArrayRef<OpFoldResult>{tokens, heads},
                            ValueRange{result, lse}, /*mapping=*/std::nullopt);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(forall.getTerminator());
  Value token = forall.getInductionVar(0), head = forall.getInductionVar(1);
  Value column = h.multiply(head, h.headDim);
  Value keyColumn = h.multiply(
      arith::DivUIOp::create(b, head, b.getIndex(h.group)), h.headDim);
  auto [first, end] = b.getKeyRange(h.sequence, token, h.window);
  Expr q = h.readRow(op.getQ(), token, column) * op.getScale().convertToDouble();

  // largest score, sum of exp(score - largest), sum of exp(...) v so far
  double infinity = std::numeric_limits<double>::infinity();
  SmallVector<Value> state = h.createLoop(
      first, end, kTileKeys,
      {b.getConstant(compute, -infinity), b.getConstant(compute, 0),
       b.getConstant(h.rowType, 0)},
      [&](Value key, ValueRange state) -> SmallVector<Value> {
        Expr largest = b.getExpr(state[0]), sum = b.getExpr(state[1]),
             row = b.getExpr(state[2]);
        Tile tile = h.getTile(key, end);
        Expr scores = h.dotRows(q, h.readRows(op.getK(), tile, keyColumn));
        scores = select(tile.isKey, scores, scores.constant(-infinity));
        Expr next = max(largest, maxOf(scores));
        Expr factor = exp(largest - next);
        Expr p = exp(scores - splat(next, h.tileType));
        p = select(tile.isKey, p, p.constant(0));
        row = row * splat(factor, h.rowType);
        SmallVector<Expr> values = h.readRows(op.getV(), tile, keyColumn);
        for (auto [i, value] : llvm::enumerate(values))
          row = row + h.spread(p, i) * value;
        return {next, sum * factor + sumOf(p), row};
      });

  Expr largest = b.getExpr(state[0]), sum = b.getExpr(state[1]),
       row = b.getExpr(state[2]);
  // A sum of 0 is that of no keys: both results are 0 then.
  Value isEmpty = equal(sum, 0);
  row = row / splat(select(isEmpty, sum.constant(1), sum), h.rowType);
  Expr logSum = select(isEmpty, sum, largest + log(sum));
  OpFoldResult one = b.getIndexAttr(1);
  auto rowBlock = h.getBlock(token, column, one, h.headDim);
  auto lseBlock = h.getBlock(token, head, one, 1);
  Value zero = b.getIndex(0);
  h.insert(forall, 0,
           h.writeRow(row, h.extract(forall.getRegionIterArgs()[0], rowBlock),
                      zero, zero),
           rowBlock);
  Value lseElement = tensor::InsertOp::create(
      b, b.convert(logSum, op.getLse().getType().getElementType()),
      h.extract(forall.getRegionIterArgs()[1], lseBlock),
      ValueRange{zero, zero});
  h.insert(forall, 1, lseElement, lseBlock);
  return SmallVector<Value>(forall.getResults());
}

/// Rewrites the gradient into loops over the heads of keys in parallel, because
/// tokens and query heads that share a key add to the same rows of dk and dv.
/// The scores are recomputed from lse, tile by tile.
static SmallVector<Value> buildAttentionGradient(AttentionGradientOp op,
                                                 Decomposition &b) {
  HeadLoops h(op, b);
  Type compute = h.getComputeType();
  double scale = op.getScale().convertToDouble();
  OpFoldResult tokens = b.getSize(op.getQ(), 0), keys = b.getSize(op.getK(), 0);
  OpFoldResult keyWidth = b.getIndexAttr(op.getK().getType().getDimSize(1));
  Value dq = b.createEmptyLike(op.getQ(), op.getQ().getType().getElementType());
  Value dk = b.createFilled({keys, keyWidth}, compute, 0);
  Value dv = b.createFilled({keys, keyWidth}, compute, 0);
  OpFoldResult kvHeads = b.getIndexAttr(op.getKvHeads());
  auto forall = scf::ForallOp::create(b, ArrayRef<OpFoldResult>{kvHeads},
                                      ValueRange{dq, dk, dv},
                                      /*mapping=*/std::nullopt);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(forall.getTerminator());
  Value kvHead = forall.getInductionVar(0), zero = b.getIndex(0);
  Value column = h.multiply(kvHead, h.group * h.headDim);
  Value keyColumn = h.multiply(kvHead, h.headDim);
  Value firstHead = h.multiply(kvHead, h.group);
  auto queryBlock = h.getBlock(b.getIndexAttr(0), column, tokens,
                               h.group * h.headDim);
  auto keyBlock = h.getBlock(b.getIndexAttr(0), keyColumn, keys, h.headDim);

  // One tile of the keys of one token and head: the next dq row, dk and dv.
  auto buildTile = [&](const Tile &tile, Expr q, Expr dy, Expr lse, Expr d,
                       ValueRange state) -> SmallVector<Value> {
    Expr row = b.getExpr(state[0]);
    Value dk = state[1], dv = state[2];
    SmallVector<Expr> keyRows = h.readRows(op.getK(), tile, keyColumn);
    Expr scores = h.dotRows(q, keyRows);
    Expr dp = h.dotRows(dy, h.readRows(op.getV(), tile, keyColumn));
    Expr p = exp(scores - splat(lse, h.tileType));
    p = select(tile.isKey, p, p.constant(0));
    Expr ds = p * (dp - splat(d, h.tileType));
    ds = select(tile.isKey, ds, ds.constant(0));
    for (auto [i, target] : llvm::enumerate(tile.rows)) {
      Expr weight = h.spread(ds, i);
      row = row + weight * keyRows[i];
      // q carries the scale already.
      dk = h.writeRow(h.readRow(dk, target, zero) + weight * q, dk, target,
                      zero);
      dv = h.writeRow(h.readRow(dv, target, zero) + h.spread(p, i) * dy, dv,
                      target, zero);
    }
    return {row, dk, dv};
  };

  auto buildHead = [&](Value token, Value head, ValueRange state) {
    auto [first, end] = b.getKeyRange(h.sequence, token, h.window);
    Value local = h.multiply(head, h.headDim);
    Value at = arith::AddIOp::create(b, column, local);
    Expr q = h.readRow(op.getQ(), token, at) * scale;
    Expr dy = h.readRow(op.getDy(), token, at);
    Expr d = h.dot(dy, h.readRow(op.getO(), token, at));
    Value lseColumn = arith::AddIOp::create(b, firstHead, head);
    Expr lse = b.convert(tensor::ExtractOp::create(b, op.getLse(),
                                                   ValueRange{token, lseColumn}),
                         compute);
    SmallVector<Value> next = h.createLoop(
        first, end, kTileKeys,
        {b.getConstant(h.rowType, 0), state[1], state[2]},
        [&](Value key, ValueRange state) {
          return buildTile(h.getTile(key, end), q, dy, lse, d, state);
        });
    Value dq =
        h.writeRow(b.getExpr(next[0]) * scale, state[0], token, local);
    return SmallVector<Value>{dq, next[1], next[2]};
  };

  ValueRange outputs = forall.getRegionIterArgs();
  SmallVector<Value> parts = h.createLoop(
      zero, b.getSizeValue(op.getQ(), 0), 1,
      {h.extract(outputs[0], queryBlock), h.extract(outputs[1], keyBlock),
       h.extract(outputs[2], keyBlock)},
      [&](Value token, ValueRange state) {
        return h.createLoop(zero, b.getIndex(h.group), 1, state,
                            [&](Value head, ValueRange state) {
                              return buildHead(token, head, state);
                            });
      });
  h.insert(forall, 0, parts[0], queryBlock);
  h.insert(forall, 1, parts[1], keyBlock);
  h.insert(forall, 2, parts[2], keyBlock);
  b.setInsertionPointAfter(forall);
  Type keyType = op.getK().getType().getElementType();
  return {forall.getResult(0), b.round(forall.getResult(1), keyType),
          b.round(forall.getResult(2), keyType)};
}

void lora::populateAttentionLoopDecompositions(RewritePatternSet &patterns) {
  addDecomposition(patterns, buildAttention);
  addDecomposition(patterns, buildAttentionGradient);
}
