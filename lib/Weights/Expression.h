//===- Expression.h - Weight expressions made ready to compute --*- C++ -*-===//
//
// A weight expression whose leaves are bound to stored tensors. Rows can be
// asked for in any order and from several threads.
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

/// The factors of a base weight that were computed last.
struct LastFactors {
  mlir::Attribute operand;
  std::string path;
  StartKind kind;
  int64_t rank;
  std::shared_ptr<const Factors> factors;
};

/// Where an expression is applied, and what has been computed there whole: a
/// factor or a residual may stand in an expression more than once.
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

  /// Adds what the merges in this expression did to the rows computed so far.
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

/// The same for one that needs whole matrices.
lora_rt::Expected<std::unique_ptr<Expression>>
createWholeExpression(mlir::Attribute expr, LeafBinding &binding);

/// All values of an expression.
std::vector<float> computeAll(const Expression &expression);

/// The element type of an expression.
lora_rt::DType getExprType(mlir::Attribute expr);

/// Rounds values to a narrower type and widens them again, in place.
void roundTo(lora_rt::DType type, std::span<float> values);

/// The initial value of element `index` onwards of a parameter of kind
/// `#transformer.init`; depends on the seed, the full name and the index only.
void fillInitial(mlir::Attribute init, llvm::StringRef fullName, uint64_t index,
                 std::span<float> values);

} // namespace lora

#endif // LORA_MLIR_LIB_WEIGHTS_EXPRESSION_H
