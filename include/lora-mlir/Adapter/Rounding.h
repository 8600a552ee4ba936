//===- Rounding.h - What rounding took from a merge -------------*- C++ -*-===//
//
// A merged weight is W + delta, rounded once to the checkpoint's type. This is
// the account of it: per tensor, and a verdict over all.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_ADAPTER_ROUNDING_H
#define LORA_MLIR_ADAPTER_ROUNDING_H

#include "lora-runtime/Safetensors.h"

#include <string>
#include <vector>

namespace lora {

enum class Verdict { Good, Check, Bad };

std::string_view verdictName(Verdict verdict);

/// What became of one tensor.
struct TensorRounding {
  std::string name;
  lora_rt::DType dtype = lora_rt::DType::F32;
  int64_t elements = 0;
  /// Frobenius norms and largest magnitudes of delta and of
  /// round(W + delta) - (W + delta).
  double deltaNorm = 0, roundingNorm = 0;
  double largestDelta = 0, largestRounding = 0;
  double meanRounding = 0;
  /// Elements that delta should have moved and that stayed what they were.
  int64_t swallowed = 0;
  /// Whether the adapter replaces the tensor (a module saved whole) or makes it
  /// in another way than by adding; rounding is that of the new value then.
  bool replaced = false;

  /// ||rounding|| / ||delta||: the part of the change that is noise. 0 for no
  /// change at all.
  double lostShare() const;
  Verdict verdict() const;
};

/// Up to this share of lost change a merge is good: a twentieth. Random errors
/// of that size in the weights move outputs by a twentieth of what the adapter
/// does, at most.
inline constexpr double kGoodLoss = 0.05;
/// Above this share a merge is bad: noise is half as large as the change.
inline constexpr double kBadLoss = 0.5;

struct RoundingReport {
  std::vector<TensorRounding> tensors;

  /// Of all tensors together.
  double lostShare() const;
  Verdict verdict() const;
  /// "good: ...", with the reason and, where there is one, what to do.
  std::string verdictLine() const;
  /// A table with a row per tensor, and the verdict.
  std::string text() const;
  std::string json() const;
};

/// target = base + factor * delta, computed in f32 (f64 for F64) and rounded
/// once to base's type; `factor` is 1 or -1. `account` gets what rounding did.
/// A value that is not finite, in or out, is an error that names the tensor and
/// the place.
lora_rt::Error addRounded(const lora_rt::TensorView &base,
                          std::span<const float> delta, float factor,
                          std::span<std::byte> target, TensorRounding &account);

/// The same for a value that replaces what `base` has, which may be null.
lora_rt::Error replaceRounded(const lora_rt::TensorView *base,
                              std::span<const float> value,
                              lora_rt::DType dtype, std::span<std::byte> target,
                              TensorRounding &account);

} // namespace lora

#endif // LORA_MLIR_ADAPTER_ROUNDING_H
