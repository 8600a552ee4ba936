//===- WeightEvaluator.h - Bytes of weight expressions ----------*- C++ -*-===//
//
// Computes the value of a slot's weight expression: merges, casts,
// concatenations, transpositions, initial values. One tensor at a time, in
// panels of rows: the memory needed beside the result is a few panels and the
// skinny factors of a merge.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_WEIGHTS_WEIGHTEVALUATOR_H
#define LORA_MLIR_WEIGHTS_WEIGHTEVALUATOR_H

#include "lora-runtime/Safetensors.h"
#include "mlir/IR/Attributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/StringRef.h"

#include <algorithm>
#include <functional>
#include <memory>

namespace lora {

/// The stored tensor of a leaf (`#transformer.base`, `#transformer.adapter`)
/// with this full name, path included.
using LeafResolver =
    std::function<lora_rt::Expected<const lora_rt::TensorView *>(
        mlir::Attribute leaf, const std::string &fullName)>;

/// The element type of a tensor as the runtime names it; `type` is f64, f32,
/// f16 or bf16.
lora_rt::DType getRuntimeType(mlir::Type type);

/// How far merges moved weights, over all that were evaluated.
struct MergeEffect {
  /// The largest |s B A|.
  float largestChange = 0;
  /// The largest difference that rounding W + s B A to W's type made.
  float largestRounding = 0;

  void add(float change, float rounding) {
    largestChange = std::max(largestChange, change);
    largestRounding = std::max(largestRounding, rounding);
  }
};

class Expression;
struct LastFactors;

/// A weight expression that is ready to be computed. The tensors of files that
/// it reads must stay mapped.
class BoundWeight {
public:
  BoundWeight(BoundWeight &&);
  ~BoundWeight();

  /// A vector is one row.
  int64_t getRows() const;
  /// Of a row, in the expression's element type.
  size_t getRowBytes() const;

  /// Writes rows [begin, end) to `result`: row-major, in the expression's
  /// element type. Accumulates in f32 (a leaf that is only copied keeps its
  /// bits) and rounds once per rounding of the expression. Several threads may
  /// compute rows of one weight.
  void computeRows(int64_t begin, int64_t end,
                   std::span<std::byte> result) const;

  /// All rows, on all threads.
  void compute(std::span<std::byte> result) const;

  /// The bytes in a mapped file, if this is a stored tensor as it is and its
  /// elements are aligned; null if it must be computed.
  const std::byte *getMapped() const { return mapped; }

  /// Adds what merges did to the rows that were computed so far.
  void addTo(MergeEffect &effect) const;

private:
  friend class WeightEvaluator;
  BoundWeight() = default;
  /// Of panels of about 256 KiB, which stay in a core's second-level cache.
  int64_t getPanelRows() const;

  lora_rt::DType type = lora_rt::DType::F32;
  int64_t rows = 0, columns = 0;
  /// Of a leaf, which has no expression.
  const std::byte *stored = nullptr, *mapped = nullptr;
  std::unique_ptr<Expression> expression;
};

/// Evaluates one expression at a time; each in parallel.
class WeightEvaluator {
public:
  explicit WeightEvaluator(LeafResolver resolve);
  WeightEvaluator(WeightEvaluator &&);
  ~WeightEvaluator();

  /// Binds `expr` at `path`. Leaves whose stored type or shape is not the
  /// expression's are an error that names the tensor.
  lora_rt::Expected<BoundWeight> bind(mlir::Attribute expr,
                                      llvm::StringRef path) const;

  /// Writes the whole value to `result`; what merges did is added to `effect`,
  /// if given.
  lora_rt::Error evaluate(mlir::Attribute expr, llvm::StringRef path,
                          std::span<std::byte> result,
                          MergeEffect *effect = nullptr) const;

private:
  lora_rt::Expected<const lora_rt::TensorView *>
  getLeaf(mlir::Attribute leaf, llvm::StringRef path) const;

  LeafResolver resolve;
  /// A weight and the A and B that begin as its factors are evaluated one after
  /// the other.
  std::unique_ptr<LastFactors> lastFactors;
};

} // namespace lora

#endif // LORA_MLIR_WEIGHTS_WEIGHTEVALUATOR_H
