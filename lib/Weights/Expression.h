//===- Expression.h - Weight expressions made ready to compute --*- C++ -*-===//
//
// A weight expression whose leaves are bound to stored tensors. Rows can be
// computed in any order and by several threads.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_WEIGHTS_EXPRESSION_H
#define LORA_MLIR_LIB_WEIGHTS_EXPRESSION_H

#include "lora-mlir/Dialect/LoRA/IR/LoRAOps.h"
#include "lora-mlir/Weights/WeightEvaluator.h"

#include "llvm/ADT/DenseMap.h"

#include <memory>
#include <vector>

namespace lora {

struct Factors;

/// Finds the stored tensor of a leaf.
using LeafLookup = std::function<lora_rt::Expected<const lora_rt::TensorView *>(
    mlir::Attribute leaf)>;

/// The factors of the base weight that was factorized last.
struct LastFactors {
  mlir::Attribute operand;
  std::string path;
  InitializerKind kind;
  int64_t rank;
  std::shared_ptr<const Factors> factors;
};

/// Where an expression is used, and results that were already computed as a
/// whole: a factor or a residual may occur more than once in an expression.
struct LeafBinding {
  llvm::StringRef path;
  const LeafLookup &lookup;
  LastFactors &lastFactors;
  llvm::DenseMap<mlir::Attribute, std::shared_ptr<const std::vector<float>>>
      computed{};
};

/// A matrix of f32 values that are computed row by row. A vector is one row.
class Expression {
public:
  virtual ~Expression() = default;

  int64_t getRows() const { return rows; }
  int64_t getColumns() const { return columns; }

  /// Writes rows [begin, end) to `out`.
  virtual void computeRows(int64_t begin, int64_t end, float *out) const = 0;

  /// Adds the effect of the merges in this expression, in the rows computed so
  /// far.
  virtual void addTo(MergeEffect &effect) const {}

  /// Binds `expr` to its leaves.
  static lora_rt::Expected<std::unique_ptr<Expression>>
  create(mlir::Attribute expr, LeafBinding &binding);

protected:
  Expression(int64_t rows, int64_t columns) : rows(rows), columns(columns) {}

  int64_t rows, columns;
};

/// The same for an expression of the lora dialect.
lora_rt::Expected<std::unique_ptr<Expression>>
createAdapterExpression(mlir::Attribute expr, LeafBinding &binding);

/// The same for an expression that needs whole matrices.
lora_rt::Expected<std::unique_ptr<Expression>>
createWholeExpression(mlir::Attribute expr, LeafBinding &binding);

/// All values of an expression.
std::vector<float> computeAll(const Expression &expression);

/// The element type of an expression.
lora_rt::DType getExprType(mlir::Attribute expr);

/// Rounds values to a narrower type and widens them again, in place.
void roundTo(lora_rt::DType type, std::span<float> values);

/// The initial values from element `index` on of a parameter with the value
/// `#transformer.init`. They depend only on the seed, the full name and the
/// index.
void fillInitial(mlir::Attribute init, llvm::StringRef fullName, uint64_t index,
                 std::span<float> values);

} // namespace lora

#endif // LORA_MLIR_LIB_WEIGHTS_EXPRESSION_H
