//===- AttentionRows.h - Rows of attention and a tile of keys ---*- C++ -*-===//
//
// A few rows are computed together for each tile. So each value that is read
// from the tile is used for all of them while their sums are in registers.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_CONVERSION_TRANSFORMERTOLINALG_ATTENTIONROWS_H
#define LIB_CONVERSION_TRANSFORMERTOLINALG_ATTENTIONROWS_H

#include "AttentionPairs.h"
#include "AttentionTiles.h"

#include <optional>

namespace lora {

class AttentionRows {
public:
  AttentionRows(transformer::AttentionOp op, AttentionTiles &tiles);

  /// The most rows that are computed together.
  int64_t step;

  /// Makes a buffer for some rows of queries, and writes a head of a token into
  /// it at `row`.
  mlir::Value createQueries(int64_t rows);
  mlir::Value writeQuery(mlir::Value token, mlir::Value column,
                         mlir::Value queries, mlir::Value row);

  /// Makes a tile of `keys`, or of `values`, in the form that `update` takes.
  /// Keys past `last` are replaced by `last`.
  mlir::Value stageKeys(mlir::Value keys, mlir::Value first, mlir::Value last,
                        mlir::Value column);
  mlir::Value stageValues(mlir::Value values, mlir::Value first,
                          mlir::Value last, mlir::Value column);

  /// The state of the rows while their keys are visited.
  enum Part : unsigned {
    /// [rows, headDim]: exp(score - largest) v.
    Sums,
    /// [rows]: the largest score so far.
    Largest,
    /// [rows, kTileKeys]: exp(score - largest), summed by a key's position in
    /// its tile.
    Totals,
    /// The weights of a tile, between the two products.
    Buffer,
  };
  mlir::Value createWeightBuffer();
  /// FlashAttention's update of `step` rows, from `row` on, by one tile.
  /// `getMask` gives the keys that a row attends to.
  llvm::SmallVector<mlir::Value>
  update(mlir::Value keys, mlir::Value values, mlir::Value row,
         mlir::Value queries,
         llvm::function_ref<mlir::Value(mlir::Value)> getMask,
         mlir::ValueRange state);

private:
  llvm::SmallVector<mlir::Value> getScores(mlir::Value keys, mlir::Value row,
                                           mlir::Value queries);
  llvm::SmallVector<mlir::Value> addValues(mlir::Value values,
                                           mlir::Value buffer,
                                           llvm::ArrayRef<mlir::Value> sums);

  AttentionTiles &tiles;
  Decomposition &b;
  mlir::Value q;
  double scale;
  /// Set if products are made of pairs of bf16.
  std::optional<AttentionPairs> pairs;
};

} // namespace lora

#endif // LIB_CONVERSION_TRANSFORMERTOLINALG_ATTENTIONROWS_H
