//===- AttentionTiles.h - What the attention loops are made of ------------===//
//
// A block of the attention loops is a few tokens with the query heads that
// share one head of keys: its rows. Keys are taken kTileKeys at a time, so that
// a tile is read once from memory and used by all rows of the block.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_CONVERSION_TRANSFORMERTOLINALG_ATTENTIONTILES_H
#define LIB_CONVERSION_TRANSFORMERTOLINALG_ATTENTIONTILES_H

#include "Decomposition.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace lora {

namespace transformer {
class AttentionOp;
} // namespace transformer

/// Keys of a tile; the scores of a row and a tile are one vector.
inline constexpr int64_t kTileKeys = 32;
/// Rows that a block has about, where there are as many.
inline constexpr int64_t kBlockRows = 16;

/// A range of indices, [first, end).
struct IndexRange {
  mlir::Value first, end;
};

/// The features of a head, in vectors of one width.
using HeadRow = llvm::SmallVector<Expr>;

/// Builds the parts of attention loops for heads of one width.
class AttentionTiles {
public:
  Decomposition &b;
  int64_t headDim;
  /// Query heads per head of keys.
  int64_t group;
  int64_t kvHeads;
  /// Tokens of a block.
  int64_t blockTokens;
  std::optional<int64_t> window;
  /// Bound of the scores.
  std::optional<double> cap;
  mlir::Value sequence;
  mlir::Type compute;
  /// A part of a row, and the scores of a tile.
  mlir::VectorType chunkType, scoreType;

  template <typename OpT>
  AttentionTiles(OpT op, Decomposition &b, int64_t blockRows = kBlockRows)
      : AttentionTiles(b, op.getQ(), op.getSequence(), op.getHeads(),
                       op.getKvHeads(), op.getWindow(), blockRows) {
    if (op.getSoftcap())
      cap = op.getSoftcap()->convertToDouble();
  }
  AttentionTiles(Decomposition &b, mlir::Value q, mlir::Value sequence,
                 int64_t heads, int64_t kvHeads, std::optional<int64_t> window,
                 int64_t blockRows);

  /// A buffer of the block, of the compute type, with undefined contents. It is
  /// no `tensor.empty`: buffers of one size must not become one value, because
  /// they are written in turn.
  mlir::Value createBuffer(llvm::ArrayRef<int64_t> shape);
  mlir::Value createBuffer(llvm::ArrayRef<int64_t> shape,
                           mlir::Type elementType);
  mlir::Value createFilledBuffer(llvm::ArrayRef<int64_t> shape, double number);

  mlir::Value multiply(mlir::Value value, int64_t factor);
  mlir::Value add(mlir::Value a, mlir::Value b);

  /// Elements of a row of `tensor` from `column` on, as they are; `tensor` with
  /// them replaced.
  mlir::Value read(mlir::Value tensor, mlir::Value row, mlir::Value column,
                   int64_t elements);
  mlir::Value write(mlir::Value elements, mlir::Value tensor, mlir::Value row,
                    mlir::Value column);
  /// The features of a head in a row of `tensor` from `column` on, in the
  /// compute type; `tensor` with them replaced, rounded to its type.
  HeadRow readRow(mlir::Value tensor, mlir::Value row, mlir::Value column);
  mlir::Value writeRow(const HeadRow &features, mlir::Value tensor,
                       mlir::Value row, mlir::Value column);
  /// A vector of scores in a row of a tensor of the compute type.
  Expr readScores(mlir::Value tensor, mlir::Value row);
  mlir::Value writeScores(Expr scores, mlir::Value tensor, mlir::Value row);
  HeadRow getZeroRow();

  /// The range of keys of any token of a block: tokens [first, first + count).
  IndexRange getBlockKeys(mlir::Value first, mlir::Value count);
  /// The tile from key `first` on: the row of one of its keys, none past
  /// `last`, and all rows.
  mlir::Value getTileRow(mlir::Value first, mlir::Value key, mlir::Value last);
  llvm::SmallVector<mlir::Value> getTileRows(mlir::Value first,
                                             mlir::Value last);
  /// Which keys of the tile from `first` on a token attends to.
  mlir::Value getTileMask(mlir::Value first, mlir::Value token);
  /// The products of a row with the rows of a tile: one vector of scores.
  Expr dotRows(const HeadRow &row, llvm::ArrayRef<HeadRow> rows);
  /// The scores of a row, which is scaled, and the rows of a tile: their
  /// products, bounded where there is a cap.
  Expr getScores(const HeadRow &query, llvm::ArrayRef<HeadRow> keys);
  /// The sum of the products of two rows.
  Expr dot(const HeadRow &x, const HeadRow &y);
  /// row + weight * other.
  HeadRow multiplyAdd(const HeadRow &row, Expr weight, const HeadRow &other);
  /// Element `index` of the scores, in every element of a chunk.
  Expr spread(Expr scores, int64_t index);
  HeadRow scale(const HeadRow &row, Expr factor);

  /// The keys or values of a tile where rows are read from for every row of a
  /// block: a copy in the compute type, dense and converted once, or `tensor`
  /// itself where a block has too few rows to gain from it.
  struct TileSource {
    mlir::Value tensor;
    llvm::SmallVector<mlir::Value> rows;
    mlir::Value column;
  };
  /// A tile with its dimensions exchanged, [headDim, kTileKeys], in the compute
  /// type: the scores of a row are then sums of its columns.
  mlir::Value stageTransposed(mlir::Value tensor, mlir::Value first,
                              mlir::Value last, mlir::Value column);

  /// As many vectors as each has elements, as the rows of a square: its
  /// columns.
  void transpose(llvm::SmallVectorImpl<Expr> &square);

  /// An element of a vector, and the vector with another one.
  Expr load(mlir::Value vector, mlir::Value row);
  mlir::Value store(Expr value, mlir::Value vector, mlir::Value row);

  /// FlashAttention's step of a row by the scores of one tile.
  struct SoftmaxStep {
    /// exp(score - largest), 0 where the mask is false.
    Expr weights;
    /// The largest score, with this tile.
    Expr largest;
    /// What all sums so far are to be multiplied by.
    Expr factor;
  };
  SoftmaxStep addScores(Expr scores, mlir::Value mask, Expr largest);

  /// Writes what a row ends with to the results of the operation, or to parts
  /// of them: the sum divided by the total, and the log of the denominator. A
  /// total of 0 is that of no keys: both are 0.
  llvm::SmallVector<mlir::Value> writeResult(const HeadRow &sum, Expr largest,
                                             Expr total, mlir::ValueRange parts,
                                             mlir::Value token,
                                             mlir::Value head);

  TileSource stageTile(mlir::Value tensor, mlir::Value first, mlir::Value last,
                       mlir::Value column);
  llvm::SmallVector<HeadRow> readTile(const TileSource &source);
  /// A tile of keys, none past `last`: [kTileKeys, headDim] in the compute
  /// type.
  mlir::Value stageRows(mlir::Value tensor, mlir::Value first, mlir::Value last,
                        mlir::Value column);
  /// Keys or values as memory, and asking for what lies a tile behind a place
  /// there. Tiles are visited one after the other, and read in strides that
  /// hardware does not foresee.
  mlir::Value getMemory(mlir::Value tensor);
  void prefetchNext(mlir::Value memory, mlir::Value row, mlir::Value column);

  /// A loop that carries `arguments`; `body` gives their next values. Returns
  /// the last ones.
  using LoopBody = llvm::function_ref<llvm::SmallVector<mlir::Value>(
      mlir::Value, mlir::ValueRange)>;
  llvm::SmallVector<mlir::Value> createLoop(IndexRange range, int64_t step,
                                            mlir::ValueRange arguments,
                                            LoopBody body);

  /// A loop over the heads of keys and the blocks of tokens, all in parallel.
  struct BlockLoop {
    mlir::scf::ForallOp loop;
    mlir::Value kvHead;
    /// The tokens [firstToken, firstToken + count).
    mlir::Value firstToken, count;
  };
  BlockLoop createBlockLoop(mlir::Value q, mlir::ValueRange outputs);
  /// The number of tokens of the block that begins at a token.
  mlir::Value getBlockCount(mlir::Value q, mlir::Value firstToken);
  /// The number of rows of a block of `count` tokens, and a row's token and
  /// head, counted from those of the block.
  IndexRange getRows(mlir::Value count);
  std::pair<mlir::Value, mlir::Value> splitRow(mlir::Value row);

  /// A part of a tensor, [rows, columns] at [row, column].
  struct Part {
    llvm::SmallVector<mlir::OpFoldResult> offsets, sizes, strides;
  };
  Part getPart(mlir::OpFoldResult row, mlir::OpFoldResult column,
               mlir::OpFoldResult rows, int64_t columns);
  mlir::Value extract(mlir::Value tensor, const Part &part);
  /// In the terminator of `loop`: `value` becomes `part` of output `index`.
  void insert(mlir::scf::ForallOp loop, unsigned index, mlir::Value value,
              const Part &part);

private:
  /// The sums of the elements of kTileKeys vectors, in their order.
  Expr sumEach(llvm::SmallVector<Expr> vectors);
  Expr shuffle(Expr a, Expr b, llvm::ArrayRef<int64_t> mask);
};

/// The largest score of a row, or 0 where no key of the row has come yet: any
/// finite number will do there.
Expr finiteShift(Expr largest);

/// Attention of a single token: its keys are split among the threads.
llvm::SmallVector<mlir::Value> buildSplitAttention(transformer::AttentionOp op,
                                                   Decomposition &b);

} // namespace lora

#endif // LIB_CONVERSION_TRANSFORMERTOLINALG_ATTENTIONTILES_H
