//===- Finite.cpp - Looking for NaN and infinity --------------------------===//
//
// A number is NaN or infinite when all bits of its exponent are set. The
// largest exponent of a block is found with vector instructions. Only a block
// that contains such an exponent is examined again, element by element.
//
//===----------------------------------------------------------------------===//

#include "lora-runtime/Safetensors.h"

#include <algorithm>
#include <cstring>

namespace lora_rt {

namespace {

template <typename Bits>
NonFiniteCount countIn(const void *data, size_t count, Bits exponent,
                       Bits fraction) {
  constexpr size_t block = 8192;
  NonFiniteCount result;
  const auto *bytes = static_cast<const std::byte *>(data);
  // The data of a file may lie at any address, so elements are copied out.
  auto at = [&](size_t index) {
    Bits value;
    std::memcpy(&value, bytes + index * sizeof(Bits), sizeof(Bits));
    return value;
  };
  for (size_t begin = 0; begin < count; begin += block) {
    size_t end = std::min(begin + block, count);
    Bits largest = 0;
    for (size_t i = begin; i < end; ++i)
      largest = std::max(largest, Bits(at(i) & exponent));
    if (largest != exponent)
      continue;
    for (size_t i = begin; i < end; ++i) {
      if ((at(i) & exponent) != exponent)
        continue;
      if (result.total() == 0)
        result.first = i;
      ++(at(i) & fraction ? result.nan : result.infinite);
    }
  }
  return result;
}

} // namespace

NonFiniteCount countNonFinite(DType type, const void *data, size_t count) {
  // The maximum is taken of signed integers, because all instruction sets have
  // that instruction. The sign bit is not part of the exponent.
  switch (type) {
  case DType::BF16:
    return countIn<int16_t>(data, count, 0x7f80, 0x007f);
  case DType::F16:
    return countIn<int16_t>(data, count, 0x7c00, 0x03ff);
  case DType::F32:
    return countIn<int32_t>(data, count, 0x7f800000, 0x007fffff);
  case DType::F64:
    return countIn<int64_t>(data, count, 0x7ff0000000000000,
                            0x000fffffffffffff);
  default:
    return {};
  }
}

Error checkFinite(const TensorView &tensor, std::string_view file) {
  NonFiniteCount found = countNonFinite(tensor.dtype, tensor.bytes.data(),
                                        size_t(tensor.elements()));
  if (found.total() == 0)
    return Error::success();
  std::vector<int64_t> place(tensor.shape.size());
  size_t rest = found.first;
  for (size_t i = place.size(); i-- > 0; rest /= size_t(tensor.shape[i]))
    place[i] = int64_t(rest % size_t(tensor.shape[i]));
  return makeError(ErrorCode::InvalidFile, file, ": tensor '", tensor.name,
                   "': ", found.total(), " of its ", tensor.elements(),
                   " numbers are not finite (", found.nan, " NaN, ",
                   found.infinite, " infinity), the first at ",
                   shapeText(place),
                   "; training diverged or the file is damaged, take an "
                   "earlier checkpoint or fetch it again");
}

} // namespace lora_rt
