//===- FreshComparison.h - Switched against fresh ---------------*- C++ -*-===//

#ifndef LORA_MLIR_LIB_ADAPTER_FRESHCOMPARISON_H
#define LORA_MLIR_LIB_ADAPTER_FRESHCOMPARISON_H

#include "AdaptedModel.h"
#include "lora-mlir/Adapter/Models.h"

namespace lora {

/// Adds up how switched tensors differ from fresh merges of them.
class FreshComparison {
public:
  /// `fresh` is the original model with the new adapter.
  explicit FreshComparison(const AdaptedModel &fresh) : fresh(fresh) {}

  /// A tensor that was switched, with its new bytes; the original is that of
  /// the same name in `fresh`.
  lora_rt::Error add(const lora_rt::TensorView &tensor,
                     std::span<const std::byte> switched);

  /// The same with the original itself.
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
