//===- WeightEvaluator.h - Bytes of weight expressions ----------*- C++ -*-===//
//
// Computes the value of a slot's weight expression: merges, casts,
// concatenations, transpositions, initial values. One tensor is computed at a
// time, in panels of rows. Besides the result, this needs memory only for a few
// panels and for the low-rank factors of a merge.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_WEIGHTS_WEIGHTEVALUATOR_H
#define LORA_MLIR_WEIGHTS_WEIGHTEVALUATOR_H

#include "lora-mlir/Dialect/Transformer/IR/RuntimeTypes.h"
#include "lora-runtime/Safetensors.h"
#include "mlir/IR/Attributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/StringRef.h"

#include <algorithm>
#include <functional>
#include <memory>

namespace lora {

/// Finds the stored tensor of a leaf (`#transformer.base`,
/// `#transformer.adapter`) by its full name, with the path.
using LeafResolver =
    std::function<lora_rt::Expected<const lora_rt::TensorView *>(
        mlir::Attribute leaf, const std::string &fullName)>;

/// How much merges changed weights, over all that were evaluated.
struct MergeEffect {
  /// The largest |s B A|.
  float largestChange = 0;
  /// The largest difference that rounding of W + s B A to W's type caused.
  float largestRounding = 0;

  /// Takes the maximum with the effect of other elements.
  void add(float change, float rounding) {
    largestChange = std::max(largestChange, change);
    largestRounding = std::max(largestRounding, rounding);
  }
};

class Expression;
struct LastFactors;

/// A weight expression that is ready to be computed. The files of its tensors
/// must stay mapped.
class BoundWeight {
public:
  BoundWeight(BoundWeight &&);
  ~BoundWeight();

  /// The number of rows; a vector is one row.
  int64_t getRows() const;
  /// The bytes of one row, in the element type of the expression.
  size_t getRowBytes() const;

  /// Writes rows [begin, end) to `result`, row-major, in the element type of
  /// the expression. Sums are accumulated in f32, and each rounding of the
  /// expression rounds once; a leaf that is only copied keeps its bits. Several
  /// threads may compute rows of one weight.
  void computeRows(int64_t begin, int64_t end,
                   std::span<std::byte> result) const;

  /// Computes all rows, on all threads.
  void compute(std::span<std::byte> result) const;

  /// The bytes in a mapped file, if the value is a stored tensor without change
  /// and its elements are aligned; null if it must be computed.
  const std::byte *getMapped() const { return mapped; }

  /// Adds the effect of merges in the rows that were computed so far.
  void addTo(MergeEffect &effect) const;

private:
  friend class WeightEvaluator;
  BoundWeight() = default;
  /// The rows of a panel of about 256 KiB, which fits a core's second-level
  /// cache.
  int64_t getPanelRows() const;

  lora_rt::DType type = lora_rt::DType::F32;
  int64_t rows = 0, columns = 0;
  /// Set for a leaf, which has no expression.
  const std::byte *stored = nullptr, *mapped = nullptr;
  std::unique_ptr<Expression> expression;
};

/// Evaluates one expression at a time, on all threads.
class WeightEvaluator {
public:
  explicit WeightEvaluator(LeafResolver resolve);
  WeightEvaluator(WeightEvaluator &&);
  ~WeightEvaluator();

  /// Binds `expr` at `path`. Fails if the type or shape of a stored tensor is
  /// not that of its leaf; the error names the tensor.
  lora_rt::Expected<BoundWeight> bind(mlir::Attribute expr,
                                      llvm::StringRef path) const;

  /// Writes the whole value to `result`. The effect of merges is added to
  /// `effect`, if it is given.
  lora_rt::Error evaluate(mlir::Attribute expr, llvm::StringRef path,
                          std::span<std::byte> result,
                          MergeEffect *effect = nullptr) const;

private:
  lora_rt::Expected<const lora_rt::TensorView *>
  getLeaf(mlir::Attribute leaf, llvm::StringRef path) const;

  LeafResolver resolve;
  /// Kept because a weight, its A and its B, which are initialized from the
  /// same factors, are evaluated one after the other.
  std::unique_ptr<LastFactors> lastFactors;
};

} // namespace lora

#endif // LORA_MLIR_WEIGHTS_WEIGHTEVALUATOR_H
