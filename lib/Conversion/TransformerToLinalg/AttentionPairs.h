//===- AttentionPairs.h - Attention's products of bf16 ----------*- C++ -*-===//
//
// AVX512-BF16 multiplies pairs of bf16 and adds both products to a sum in f32:
// twice as many in an instruction as in f32. Two bf16 that are multiplied
// together are one i32 here, the first one in its lower half.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_CONVERSION_TRANSFORMERTOLINALG_ATTENTIONPAIRS_H
#define LIB_CONVERSION_TRANSFORMERTOLINALG_ATTENTIONPAIRS_H

#include "AttentionTiles.h"

namespace lora {

class AttentionPairs {
public:
  explicit AttentionPairs(AttentionTiles &tiles);

  /// Whether the target has the instruction, and attention is on bf16 whose
  /// heads are made of whole vectors.
  static bool areApplicable(transformer::AttentionOp op);

  mlir::Value createBuffer(llvm::ArrayRef<int64_t> shape);

  /// The pairs of features of a head in a row of `tensor` from `column` on, as
  /// a row of `buffer`.
  mlir::Value copyRow(mlir::Value tensor, mlir::Value tensorRow,
                      mlir::Value column, mlir::Value buffer, mlir::Value row);
  /// A tile of keys, none past `last`: [pairs of features, keys].
  mlir::Value stageKeys(mlir::Value tensor, mlir::Value first, mlir::Value last,
                        mlir::Value column);
  /// A tile of values: [pairs of keys, features].
  mlir::Value stageValues(mlir::Value tensor, mlir::Value first,
                          mlir::Value last, mlir::Value column);
  /// The weights of a tile, rounded, as a row of `buffer`.
  mlir::Value writeWeights(Expr weights, mlir::Value buffer, mlir::Value row);

  /// The scaled scores of the `count` rows from `row` on of `queries`, which
  /// copyRow made.
  llvm::SmallVector<mlir::Value> getScores(mlir::Value keys,
                                           mlir::Value queries, mlir::Value row,
                                           int64_t count, double scale);
  /// The sums of `count` rows, in vectors, with a tile's values times the
  /// weights in the rows of `room`.
  llvm::SmallVector<mlir::Value> addValues(mlir::Value values, mlir::Value room,
                                           llvm::ArrayRef<mlir::Value> sums,
                                           int64_t count);

private:
  /// Pairs of a vector; sums of a vector.
  static constexpr int64_t kLanes = 16;
  static constexpr int64_t kHalves = 2 * kLanes;

  mlir::Value bitcast(mlir::Value vector, mlir::Type elementType);
  /// A pair of a buffer.
  mlir::Value extract(mlir::Value buffer, mlir::Value row, mlir::Value column);
  /// sums + the products of `pair` with each of `pairs`.
  mlir::Value multiplyAdd(mlir::Value sums, mlir::Value pair,
                          mlir::Value pairs);
  /// The sums of `count` rows, in vectors, with the products of a staged tile's
  /// `pairs` rows and the pairs in the rows from `row` on of `factors`.
  llvm::SmallVector<mlir::Value>
  addProducts(mlir::Value tile, int64_t pairs, int64_t unrolled,
              mlir::Value factors, mlir::Value row,
              llvm::ArrayRef<mlir::Value> sums, int64_t count);
  /// Sums of the keys of a tile as one vector of scores.
  Expr join(mlir::ValueRange sums);

  AttentionTiles &tiles;
  Decomposition &b;
  mlir::VectorType pairsType, halvesType, sumsType;
};

} // namespace lora

#endif // LIB_CONVERSION_TRANSFORMERTOLINALG_ATTENTIONPAIRS_H
