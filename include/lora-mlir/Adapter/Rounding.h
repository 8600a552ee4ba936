//===- Rounding.h - What rounding lost in a merge ---------------*- C++ -*-===//
//
// A merged weight is W + delta, rounded once to the checkpoint's type. This
// file has the statistics of the rounding: for each tensor, and a verdict over
// all.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_ADAPTER_ROUNDING_H
#define LORA_MLIR_ADAPTER_ROUNDING_H

#include "lora-runtime/Safetensors.h"

#include <string>
#include <vector>

namespace lora {

/// How rounding affects a merge; kGoodLoss and kBadLoss are the limits.
enum class Verdict { Good, Check, Bad };

/// "good", "check" or "bad".
std::string_view verdictName(Verdict verdict);

/// The statistics of one tensor.
struct TensorRounding {
  /// The name, element type and number of elements.
  std::string name;
  lora_rt::DType dtype = lora_rt::DType::F32;
  int64_t elements = 0;
  /// The Frobenius norms and the largest magnitudes of delta, and of the
  /// rounding error round(W + delta) - (W + delta).
  double deltaNorm = 0, roundingNorm = 0;
  double largestDelta = 0, largestRounding = 0;
  /// The mean of the magnitudes of the rounding error.
  double meanRounding = 0;
  /// The number of elements that delta should have changed, but that rounding
  /// left unchanged.
  int64_t swallowed = 0;
  /// Whether the adapter replaces the tensor (a module saved whole), or
  /// computes it in another way than by a sum. The rounding is then that of the
  /// new value.
  bool replaced = false;

  /// The norm of the rounding error divided by the norm of delta: the part of
  /// the change that is noise. 0 if nothing changes.
  double lostShare() const;
  /// The verdict by lostShare.
  Verdict verdict() const;
};

/// A merge is good if the lost share of the change is at most a twentieth.
/// Random errors of this size in the weights change outputs by at most a
/// twentieth of what the adapter changes.
inline constexpr double kGoodLoss = 0.05;
/// A merge is bad if the lost share is above this: the noise is then half as
/// large as the change.
inline constexpr double kBadLoss = 0.5;

/// The statistics of a whole merge.
struct RoundingReport {
  std::vector<TensorRounding> tensors;

  /// The share over all tensors together.
  double lostShare() const;
  /// The verdict by lostShare.
  Verdict verdict() const;
  /// "good: ...", with the reason and, if there is something to do, with
  /// advice.
  std::string verdictLine() const;
  /// A table with a row for each tensor, and the verdict.
  std::string text() const;
  /// The same as a JSON object.
  std::string json() const;
};

/// Computes target = base + factor * delta in f32 (f64 for F64), rounded once
/// to base's type; `factor` is 1 or -1. `account` gets the statistics. If an
/// input or a result is not finite, this fails with the tensor's name and the
/// index.
lora_rt::Error addRounded(const lora_rt::TensorView &base,
                          std::span<const float> delta, float factor,
                          std::span<std::byte> target, TensorRounding &account);

/// The same for a value that replaces `base`, which may be null.
lora_rt::Error replaceRounded(const lora_rt::TensorView *base,
                              std::span<const float> value,
                              lora_rt::DType dtype, std::span<std::byte> target,
                              TensorRounding &account);

} // namespace lora

#endif // LORA_MLIR_ADAPTER_ROUNDING_H
