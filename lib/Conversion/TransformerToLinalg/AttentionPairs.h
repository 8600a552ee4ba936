//===- AttentionPairs.h - Attention's products of bf16 ----------*- C++ -*-===//
//
// An instruction of AVX512-BF16 multiplies pairs of bf16 and adds both products
// to a sum in f32, so it computes twice as many products as an instruction in
// f32. A pair is one i32 here, with the first bf16 in the lower half.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_CONVERSION_TRANSFORMERTOLINALG_ATTENTIONPAIRS_H
#define LIB_CONVERSION_TRANSFORMERTOLINALG_ATTENTIONPAIRS_H

#include "AttentionTiles.h"

namespace lora {

class AttentionPairs {
public:
  explicit AttentionPairs(AttentionTiles &tiles);

  /// Whether the target has the instruction, and the attention is in bf16 with
  /// heads whose width is a multiple of the vector width.
  static bool areApplicable(transformer::AttentionOp op);

  mlir::Value createBuffer(llvm::ArrayRef<int64_t> shape);

  /// Reads the features of a head in a row of `tensor` from `column` on, as
  /// pairs, and writes them as a row of `buffer`.
  mlir::Value copyRow(mlir::Value tensor, mlir::Value tensorRow,
                      mlir::Value column, mlir::Value buffer, mlir::Value row);
  /// Makes a tile of keys as [pairs of features, keys]. Keys past `last` are
  /// replaced by `last`.
  mlir::Value stageKeys(mlir::Value tensor, mlir::Value first, mlir::Value last,
                        mlir::Value column);
  /// Makes a tile of values as [pairs of keys, features].
  mlir::Value stageValues(mlir::Value tensor, mlir::Value first,
                          mlir::Value last, mlir::Value column);
  /// Writes the weights of a tile, rounded to bf16, as a row of `buffer`.
  mlir::Value writeWeights(Expr weights, mlir::Value buffer, mlir::Value row);

  /// Computes the scaled scores of `count` rows, from `row` on, of `queries`,
  /// which copyRow made.
  llvm::SmallVector<mlir::Value> getScores(mlir::Value keys,
                                           mlir::Value queries, mlir::Value row,
                                           int64_t count, double scale);
  /// Adds to the sums of `count` rows, given as vectors, the values of a tile
  /// times the weights in the rows of `buffer`.
  llvm::SmallVector<mlir::Value> addValues(mlir::Value values, mlir::Value buffer,
                                           llvm::ArrayRef<mlir::Value> sums,
                                           int64_t count);

private:
  /// The pairs in a vector, and the sums in a vector.
  static constexpr int64_t kLanes = 16;
  static constexpr int64_t kHalves = 2 * kLanes;

  mlir::Value bitcast(mlir::Value vector, mlir::Type elementType);
  /// Reads one pair of a buffer.
  mlir::Value extract(mlir::Value buffer, mlir::Value row, mlir::Value column);
  /// sums + the products of `pair` with each of `pairs`.
  mlir::Value multiplyAdd(mlir::Value sums, mlir::Value pair,
                          mlir::Value pairs);
  /// Adds to the sums of `count` rows, given as vectors, the products of the
  /// `pairs` rows of a staged tile and the pairs in the rows of `factors`, from
  /// `row` on.
  llvm::SmallVector<mlir::Value>
  addProducts(mlir::Value tile, int64_t pairs, int64_t unrolled,
              mlir::Value factors, mlir::Value row,
              llvm::ArrayRef<mlir::Value> sums, int64_t count);
  /// Joins the sums for the keys of a tile to one vector of scores.
  Expr join(mlir::ValueRange sums);

  AttentionTiles &tiles;
  Decomposition &b;
  mlir::VectorType pairsType, halvesType, sumsType;
};

} // namespace lora

#endif // LIB_CONVERSION_TRANSFORMERTOLINALG_ATTENTIONPAIRS_H
