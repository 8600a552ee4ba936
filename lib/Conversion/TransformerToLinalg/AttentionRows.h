//===- AttentionRows.h - Rows of attention and a tile of keys ---*- C++ -*-===//
//
// A few rows at a time visit a tile, so that what is read of it is used for all
// of them while their sums are in registers.
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

  /// Rows that are taken at once at most.
  int64_t step;

  /// Room for some rows of queries, and a head of a token there, at `row`.
  mlir::Value createQueries(int64_t rows);
  mlir::Value writeQuery(mlir::Value token, mlir::Value column,
                         mlir::Value queries, mlir::Value row);

  /// A tile of `keys`, or of `values`, none past `last`, as `update` takes it.
  mlir::Value stageKeys(mlir::Value keys, mlir::Value first, mlir::Value last,
                        mlir::Value column);
  mlir::Value stageValues(mlir::Value values, mlir::Value first,
                          mlir::Value last, mlir::Value column);

  /// What rows have while their keys are visited.
  enum Part : unsigned {
    /// [rows, headDim]: exp(score - largest) v.
    Sums,
    /// [rows]: the largest score so far.
    Largest,
    /// [rows, kTileKeys]: exp(score - largest), by a key's place in its tile.
    Totals,
    /// Weights of a tile, between the two products.
    Room,
  };
  mlir::Value createRoom();
  /// FlashAttention's update of the `step` rows from `row` on by one tile;
  /// `getMask` gives the keys that a row attends to.
  llvm::SmallVector<mlir::Value>
  update(mlir::Value keys, mlir::Value values, mlir::Value row,
         mlir::Value queries,
         llvm::function_ref<mlir::Value(mlir::Value)> getMask,
         mlir::ValueRange state);

private:
  llvm::SmallVector<mlir::Value> getScores(mlir::Value keys, mlir::Value row,
                                           mlir::Value queries);
  llvm::SmallVector<mlir::Value> addValues(mlir::Value values, mlir::Value room,
                                           llvm::ArrayRef<mlir::Value> sums);

  AttentionTiles &tiles;
  Decomposition &b;
  mlir::Value q;
  double scale;
  /// Products are made of pairs of bf16, where that is possible.
  std::optional<AttentionPairs> pairs;
};

} // namespace lora

#endif // LIB_CONVERSION_TRANSFORMERTOLINALG_ATTENTIONROWS_H
