//===- FreshComparison.cpp - A switched model against a fresh merge -------===//
//
// Computes for each tensor the fresh merge of the new adapter into the
// original, and compares it element by element, in f64, with the switched
// tensor.
//
//===----------------------------------------------------------------------===//

#include "FreshComparison.h"

#include <cmath>

using namespace lora;
using lora_rt::Error;
using lora_rt::ErrorCode;
using lora_rt::TensorView;

Error FreshComparison::add(const TensorView &tensor,
                           std::span<const std::byte> switched) {
  const TensorView *base = fresh.checkpoint().find(tensor.name);
  if (!base || base->bytes.size() != switched.size() ||
      base->dtype != tensor.dtype)
    return lora_rt::makeError(
        ErrorCode::InvalidFile, fresh.checkpoint().folder(), ": tensor '",
        tensor.name,
        "' is not that of the merged folder; is this its base model?");
  return addTo(*base, switched);
}

Error FreshComparison::addTo(const TensorView &original,
                             std::span<const std::byte> switched) {
  RoundedSum merged;
  std::span<const std::byte> expected = original.bytes;
  if (const AdaptedTensor *tensor = fresh.find(original.name)) {
    if (Error error = fresh.addDelta(*tensor, original, 1, merged))
      return error;
    expected = merged.bytes;
    deltaSquares += merged.account.deltaNorm * merged.account.deltaNorm;
  }
  std::vector<double> a(size_t(original.elements())), b(a.size());
  for (auto [from, to] : {std::pair(expected, &a), std::pair(switched, &b)})
    if (Error error =
            lora_rt::convert(original.dtype, from.data(), lora_rt::DType::F64,
                             to->data(), to->size()))
      return error;
  for (size_t i = 0; i < a.size(); ++i) {
    double difference = std::abs(a[i] - b[i]);
    sum.different += difference != 0;
    sum.largest = std::max(sum.largest, difference);
    squares += difference * difference;
  }
  sum.elements += int64_t(a.size());
  return Error::success();
}

SwitchDifference FreshComparison::take() {
  sum.share = deltaSquares > 0 ? std::sqrt(squares / deltaSquares) : 0;
  return sum;
}
