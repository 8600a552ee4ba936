//===- FreshComparison.h - Switched against fresh ---------------*- C++ -*-===//
//
// A switch replaces one adapter by another without the original weights, so it
// rounds once more than a merge into the original. This class measures the
// difference, if the original model is at hand.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_ADAPTER_FRESHCOMPARISON_H
#define LORA_MLIR_LIB_ADAPTER_FRESHCOMPARISON_H

#include "AdaptedModel.h"
#include "lora-mlir/Adapter/Models.h"

namespace lora {

/// Sums up how switched tensors differ from fresh merges.
class FreshComparison {
public:
  /// `fresh` is the original model with the new adapter.
  explicit FreshComparison(const AdaptedModel &fresh) : fresh(fresh) {}

  /// Adds a tensor that was switched, with its new bytes. The original is the
  /// tensor of this name in `fresh`.
  lora_rt::Error add(const lora_rt::TensorView &tensor,
                     std::span<const std::byte> switched);

  /// The same with a given original.
  lora_rt::Error addTo(const lora_rt::TensorView &original,
                       std::span<const std::byte> switched);

  SwitchDifference take();

private:
  const AdaptedModel &fresh;
  SwitchDifference sum;
  double squares = 0, deltaSquares = 0;
};

} // namespace lora

#endif // LORA_MLIR_LIB_ADAPTER_FRESHCOMPARISON_H
