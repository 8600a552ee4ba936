//===- WeightEvaluator.h - Bytes of weight expressions ----------*- C++ -*-===//
//
// Computes the value of a slot's weight expression: merges, casts,
// concatenations, transpositions, initial values. One tensor at a time, in
// panels of rows: the memory needed beside the result is a few panels and the
// skinny factors of a merge.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_TARGET_WEIGHTEVALUATOR_H
#define LORA_MLIR_TARGET_WEIGHTEVALUATOR_H

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

struct LastFactors;

/// Evaluates one expression at a time; each in parallel.
class WeightEvaluator {
public:
  explicit WeightEvaluator(LeafResolver resolve);
  WeightEvaluator(WeightEvaluator &&);
  ~WeightEvaluator();

  /// Writes the value of `expr`, bound at `path`, to `result`: row-major, in
  /// the expression's element type. Accumulates in f32 (a leaf that is only
  /// copied keeps its bits) and rounds once per rounding of the expression.
  /// Leaves whose stored type or shape is not the expression's are an error
  /// that names the tensor. What merges did is added to `effect`, if given.
  lora_rt::Error evaluate(mlir::Attribute expr, llvm::StringRef path,
                          std::span<std::byte> result,
                          MergeEffect *effect = nullptr) const;

  /// The bytes of `expr` in a mapped file, if it is a stored tensor as it is;
  /// null if it must be computed.
  lora_rt::Expected<const std::byte *> findMapped(mlir::Attribute expr,
                                                  llvm::StringRef path) const;

private:
  lora_rt::Expected<const lora_rt::TensorView *>
  getLeaf(mlir::Attribute leaf, llvm::StringRef path) const;

  LeafResolver resolve;
  /// A weight and the A and B that begin as its factors are evaluated one after
  /// the other.
  std::unique_ptr<LastFactors> lastFactors;
};

} // namespace lora

#endif // LORA_MLIR_TARGET_WEIGHTEVALUATOR_H
