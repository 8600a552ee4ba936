//===- AttentionTiles.h - What the attention loops are made of ------------===//
//
// The rows of a block are the pairs of a token and a query head, for a few
// tokens and all query heads that share one head of keys. The keys are divided
// into tiles of kTileKeys. A tile is read from memory once and used by all rows
// of the block.
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

/// The keys of a tile. The scores of one row and one tile are one vector.
inline constexpr int64_t kTileKeys = 32;
/// The number of rows that a block should have, if there are as many.
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
  /// The query heads for each head of keys.
  int64_t group;
  int64_t kvHeads;
  /// The tokens of a block.
  int64_t blockTokens;
  std::optional<int64_t> window;
  /// The bound of the scores (soft capping).
  std::optional<double> cap;
  mlir::Value sequence;
  mlir::Type compute;
  /// The types of a part of a row, and of the scores of a tile.
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

  /// A buffer of the block in the compute type, with undefined contents. It is
  /// not made by `tensor.empty`: CSE would merge buffers of one size, but they
  /// are written alternately.
  mlir::Value createBuffer(llvm::ArrayRef<int64_t> shape);
  mlir::Value createBuffer(llvm::ArrayRef<int64_t> shape,
                           mlir::Type elementType);
  mlir::Value createFilledBuffer(llvm::ArrayRef<int64_t> shape, double number);

  mlir::Value multiply(mlir::Value value, int64_t factor);
  mlir::Value add(mlir::Value a, mlir::Value b);

  /// Reads elements of a row of `tensor`, from `column` on, in its type. Or
  /// returns `tensor` with these elements replaced.
  mlir::Value read(mlir::Value tensor, mlir::Value row, mlir::Value column,
                   int64_t elements);
  mlir::Value write(mlir::Value elements, mlir::Value tensor, mlir::Value row,
                    mlir::Value column);
  /// Reads the features of a head in a row of `tensor`, from `column` on, in
  /// the compute type. Or returns `tensor` with these features replaced,
  /// rounded to its type.
  HeadRow readRow(mlir::Value tensor, mlir::Value row, mlir::Value column);
  mlir::Value writeRow(const HeadRow &features, mlir::Value tensor,
                       mlir::Value row, mlir::Value column);
  /// A vector of scores in a row of a tensor of the compute type.
  Expr readScores(mlir::Value tensor, mlir::Value row);
  mlir::Value writeScores(Expr scores, mlir::Value tensor, mlir::Value row);
  HeadRow getZeroRow();

  /// The union of the ranges of keys of a block's tokens, [first, first +
  /// count).
  IndexRange getBlockKeys(mlir::Value first, mlir::Value count);
  /// For the tile that begins at key `first`: the row of one of its keys, and
  /// all its rows. Keys past `last` are replaced by `last`.
  mlir::Value getTileRow(mlir::Value first, mlir::Value key, mlir::Value last);
  llvm::SmallVector<mlir::Value> getTileRows(mlir::Value first,
                                             mlir::Value last);
  /// Which keys of the tile that begins at `first` a token attends to.
  mlir::Value getTileMask(mlir::Value first, mlir::Value token);
  /// The products of a row with the rows of a tile: one vector of scores.
  Expr dotRows(const HeadRow &row, llvm::ArrayRef<HeadRow> rows);
  /// The scores of a row, which is scaled already, and the rows of a tile:
  /// their products, bounded if there is a cap.
  Expr getScores(const HeadRow &query, llvm::ArrayRef<HeadRow> keys);
  /// The sum of the products of two rows.
  Expr dot(const HeadRow &x, const HeadRow &y);
  /// row + weight * other.
  HeadRow multiplyAdd(const HeadRow &row, Expr weight, const HeadRow &other);
  /// Element `index` of the scores, in every element of a chunk.
  Expr spread(Expr scores, int64_t index);
  HeadRow scale(const HeadRow &row, Expr factor);

  /// The keys or values of a tile, for rows that read them repeatedly. It is a
  /// dense copy in the compute type, which is converted once; or `tensor`
  /// itself if a block has too few rows for a copy to pay off.
  struct TileSource {
    mlir::Value tensor;
    llvm::SmallVector<mlir::Value> rows;
    mlir::Value column;
  };
  /// Makes a transposed tile, [headDim, kTileKeys], in the compute type. A
  /// vector of scores is then a sum over its rows.
  mlir::Value stageTransposed(mlir::Value tensor, mlir::Value first,
                              mlir::Value last, mlir::Value column);

  /// Transposes a square matrix of as many vectors as each has elements.
  void transpose(llvm::SmallVectorImpl<Expr> &square);

  /// Reads an element of a vector, or returns the vector with the element
  /// replaced.
  Expr load(mlir::Value vector, mlir::Value row);
  mlir::Value store(Expr value, mlir::Value vector, mlir::Value row);

  /// One step of FlashAttention for a row and the scores of one tile.
  struct SoftmaxStep {
    /// exp(score - largest), 0 where the mask is false.
    Expr weights;
    /// The largest score so far, including this tile.
    Expr largest;
    /// The factor for all sums so far.
    Expr factor;
  };
  SoftmaxStep addScores(Expr scores, mlir::Value mask, Expr largest);

  /// Writes the final values of a row to the results of the operation, or to
  /// parts of them: the sum divided by the total, and the log of the
  /// denominator. A total of 0 means that the row has no keys; both results are
  /// then 0.
  llvm::SmallVector<mlir::Value> writeResult(const HeadRow &sum, Expr largest,
                                             Expr total, mlir::ValueRange parts,
                                             mlir::Value token,
                                             mlir::Value head);

  TileSource stageTile(mlir::Value tensor, mlir::Value first, mlir::Value last,
                       mlir::Value column);
  llvm::SmallVector<HeadRow> readTile(const TileSource &source);
  /// Makes a tile of keys, [kTileKeys, headDim], in the compute type. Keys past
  /// `last` are replaced by `last`.
  mlir::Value stageRows(mlir::Value tensor, mlir::Value first, mlir::Value last,
                        mlir::Value column);
  /// The memory of keys or values; and a prefetch of what lies one tile after a
  /// place in it. Tiles are read in strides that the hardware prefetcher does
  /// not follow.
  mlir::Value getMemory(mlir::Value tensor);
  void prefetchNext(mlir::Value memory, mlir::Value row, mlir::Value column);

  /// Builds a loop that carries `arguments`. `body` returns their next values.
  /// Returns the last ones.
  using LoopBody = llvm::function_ref<llvm::SmallVector<mlir::Value>(
      mlir::Value, mlir::ValueRange)>;
  llvm::SmallVector<mlir::Value> createLoop(IndexRange range, int64_t step,
                                            mlir::ValueRange arguments,
                                            LoopBody body);

  /// A parallel loop over the heads of keys and the blocks of tokens.
  struct BlockLoop {
    mlir::scf::ForallOp loop;
    mlir::Value kvHead;
    /// The tokens [firstToken, firstToken + count).
    mlir::Value firstToken, count;
  };
  BlockLoop createBlockLoop(mlir::Value q, mlir::ValueRange outputs);
  /// The number of tokens of the block that begins at a token.
  mlir::Value getBlockCount(mlir::Value q, mlir::Value firstToken);
  /// The number of rows of a block of `count` tokens; and the token and the
  /// head of a row, counted from those of the block.
  IndexRange getRows(mlir::Value count);
  std::pair<mlir::Value, mlir::Value> splitRow(mlir::Value row);

  /// A part [rows, columns] of a tensor, at [row, column].
  struct Part {
    llvm::SmallVector<mlir::OpFoldResult> offsets, sizes, strides;
  };
  Part getPart(mlir::OpFoldResult row, mlir::OpFoldResult column,
               mlir::OpFoldResult rows, int64_t columns);
  mlir::Value extract(mlir::Value tensor, const Part &part);
  /// Adds to the terminator of `loop` that `value` becomes `part` of output
  /// `index`.
  void insert(mlir::scf::ForallOp loop, unsigned index, mlir::Value value,
              const Part &part);

private:
  /// The sums of the elements of each of kTileKeys vectors, in the order of the
  /// vectors.
  Expr sumEach(llvm::SmallVector<Expr> vectors);
  Expr shuffle(Expr a, Expr b, llvm::ArrayRef<int64_t> mask);
};

/// The largest score of a row. It is 0 if the row has had no key so far; there,
/// any finite number has the same effect.
Expr finiteShift(Expr largest);

/// Attention of a single token: its keys are split among the threads.
llvm::SmallVector<mlir::Value> buildSplitAttention(transformer::AttentionOp op,
                                                   Decomposition &b);

} // namespace lora

#endif // LIB_CONVERSION_TRANSFORMERTOLINALG_ATTENTIONTILES_H
