//===- Numeric.h - Element types and conversions between them ---*- C++ -*-===//
//
// The element types that checkpoints hold and the conversions between the
// floating-point ones. Narrowing rounds once, to nearest, ties to even; NaN
// stays NaN; f32 values beyond f16's range become infinity.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_NUMERIC_H
#define LORA_RUNTIME_NUMERIC_H

#include "lora-runtime/Error.h"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace lora_rt {

/// Element types, in the order in which the safetensors library ranks them. Its
/// files begin with the highest rank.
enum class DType : uint8_t {
  Bool,
  F4,
  F6E2M3,
  F6E3M2,
  U8,
  I8,
  F8E5M2,
  F8E4M3,
  F8E8M0,
  F8E4M3FNUZ,
  F8E5M2FNUZ,
  I16,
  U16,
  F16,
  BF16,
  I32,
  U32,
  F32,
  C64,
  F64,
  I64,
  U64,
};

/// The bytes of one element; 1 if an element has fewer bits.
size_t sizeOf(DType type);

/// The bytes of `elements` contiguous elements; nullopt if they end within a
/// byte, or do not fit 63 bits.
std::optional<uint64_t> bytesOf(DType type, uint64_t elements);

/// The name in safetensors files: "BF16".
std::string_view safetensorsName(DType type);

/// The name in manifests and on command lines: "bf16".
std::string_view manifestName(DType type);

/// The inverse of safetensorsName; nullopt for an unknown name.
std::optional<DType> parseSafetensorsName(std::string_view name);
/// The inverse of manifestName; nullopt for an unknown name.
std::optional<DType> parseManifestName(std::string_view name);

/// f16, bf16, f32 or f64.
bool isFloat(DType type);

/// Converts bf16 to f32, without rounding.
inline float bf16ToFloat(uint16_t bits) {
  return std::bit_cast<float>(uint32_t(bits) << 16);
}

/// Rounds f32 to the nearest bf16, ties to even. NaN becomes a quiet NaN.
inline uint16_t floatToBf16(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u)
    return uint16_t(bits >> 16) | 0x0040u; // The result is a quiet NaN.
  return uint16_t((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

/// Converts f16 to f32, without rounding.
float f16ToFloat(uint16_t bits);
/// Rounds f32 to the nearest f16, ties to even. NaN becomes a quiet NaN.
uint16_t floatToF16(float value);

/// Converts `count` elements between floating-point types; if `from` equals
/// `to`, it copies. f64 is rounded directly, not through f32, unless the target
/// is f32. The ranges must not overlap. Fails for other types than f16, bf16,
/// f32 and f64.
Error convert(DType from, const void *source, DType to, void *target,
              size_t count);

/// How many values are NaN or infinite.
struct NonFiniteCount {
  /// The number of NaN.
  uint64_t nan = 0;
  /// The number of infinite values of both signs.
  uint64_t infinite = 0;
  /// The index of the first one, if there is any.
  size_t first = 0;

  uint64_t total() const { return nan + infinite; }
};

/// Counts them among `count` elements of f16, bf16, f32 or f64 at any address;
/// for other types the result is zero.
NonFiniteCount countNonFinite(DType type, const void *data, size_t count);

/// The index of the largest value, the first one if several are equal; nullopt
/// if a value is NaN, or if there are no values.
std::optional<size_t> indexOfLargest(std::span<const float> values);

/// Reads `target.size()` elements of a floating-point type as f32.
Error convertToFloat(DType from, const void *source, std::span<float> target);

} // namespace lora_rt

#endif // LORA_RUNTIME_NUMERIC_H
