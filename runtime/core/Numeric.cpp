//===- Numeric.cpp - Element types and their conversion -------------------===//
//
// The table of element types, and conversions between f16, bf16, f32 and f64.
// f16 conversions follow IEEE 754-2008, section 4.3.1 (round to nearest, ties
// to even), including subnormal numbers.
//
//===----------------------------------------------------------------------===//

#include "lora-runtime/Numeric.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

namespace lora_rt {

namespace {

struct TypeFacts {
  std::string_view safetensors;
  std::string_view manifest;
  size_t bits;
};

constexpr std::array<TypeFacts, 22> facts = {{
    {"BOOL", "i1", 8},
    {"F4", "f4", 4},
    {"F6_E2M3", "f6e2m3", 6},
    {"F6_E3M2", "f6e3m2", 6},
    {"U8", "u8", 8},
    {"I8", "i8", 8},
    {"F8_E5M2", "f8e5m2", 8},
    {"F8_E4M3", "f8e4m3", 8},
    {"F8_E8M0", "f8e8m0", 8},
    {"F8_E4M3FNUZ", "f8e4m3fnuz", 8},
    {"F8_E5M2FNUZ", "f8e5m2fnuz", 8},
    {"I16", "i16", 16},
    {"U16", "u16", 16},
    {"F16", "f16", 16},
    {"BF16", "bf16", 16},
    {"I32", "i32", 32},
    {"U32", "u32", 32},
    {"F32", "f32", 32},
    {"C64", "c64", 64},
    {"F64", "f64", 64},
    {"I64", "i64", 64},
    {"U64", "u64", 64},
}};

std::optional<DType> parse(std::string_view name,
                           std::string_view TypeFacts::*member) {
  for (size_t i = 0; i < facts.size(); ++i)
    if (facts[i].*member == name)
      return DType(i);
  return std::nullopt;
}

/// The source element as f32. The type is never f64.
float load(DType type, const std::byte *source) {
  uint16_t half;
  float single;
  switch (type) {
  case DType::F16:
    std::memcpy(&half, source, 2);
    return f16ToFloat(half);
  case DType::BF16:
    std::memcpy(&half, source, 2);
    return bf16ToFloat(half);
  default:
    std::memcpy(&single, source, 4);
    return single;
  }
}

/// Narrows f64 to f32 by rounding to odd. If the result is then rounded to 16
/// bits, it is the same as rounding the f64 to 16 bits directly.
float roundToOdd(double value) {
  float rounded = float(value);
  if (double(rounded) == value || value != value)
    return rounded;
  uint32_t bits = std::bit_cast<uint32_t>(rounded);
  if ((bits & 0x7fffffffu) == 0x7f800000u)
    return rounded;
  // If the conversion rounded away from zero, this steps back towards zero.
  double magnitude = value < 0 ? -value : value;
  double roundedMagnitude = rounded < 0 ? -double(rounded) : double(rounded);
  if (roundedMagnitude > magnitude)
    --bits;
  return std::bit_cast<float>(bits | 1u);
}

void store(DType type, float value, std::byte *target) {
  uint16_t half;
  double wide;
  switch (type) {
  case DType::F16:
    half = floatToF16(value);
    std::memcpy(target, &half, 2);
    return;
  case DType::BF16:
    half = floatToBf16(value);
    std::memcpy(target, &half, 2);
    return;
  case DType::F64:
    wide = value;
    std::memcpy(target, &wide, 8);
    return;
  default:
    std::memcpy(target, &value, 4);
    return;
  }
}

} // namespace

size_t sizeOf(DType type) { return (facts[size_t(type)].bits + 7) / 8; }

std::optional<uint64_t> bytesOf(DType type, uint64_t elements) {
  uint64_t bits = facts[size_t(type)].bits, product;
  // Whole bytes are computed first, so that 8 times as many elements fit
  // without overflow.
  uint64_t unit = bits % 8 ? bits : bits / 8;
  if (__builtin_mul_overflow(elements, unit, &product))
    return std::nullopt;
  if (unit == bits && bits % 8) {
    if (product % 8)
      return std::nullopt;
    product /= 8;
  }
  if (product > uint64_t(std::numeric_limits<int64_t>::max()))
    return std::nullopt;
  return product;
}

std::string_view safetensorsName(DType type) {
  return facts[size_t(type)].safetensors;
}

std::string_view manifestName(DType type) {
  return facts[size_t(type)].manifest;
}

std::optional<DType> parseSafetensorsName(std::string_view name) {
  return parse(name, &TypeFacts::safetensors);
}

std::optional<DType> parseManifestName(std::string_view name) {
  return parse(name, &TypeFacts::manifest);
}

bool isFloat(DType type) {
  return type == DType::F16 || type == DType::BF16 || type == DType::F32 ||
         type == DType::F64;
}

float f16ToFloat(uint16_t bits) {
  uint32_t sign = uint32_t(bits & 0x8000u) << 16;
  uint32_t exponent = (bits >> 10) & 0x1fu;
  uint32_t mantissa = bits & 0x3ffu;
  if (exponent == 0x1f)
    return std::bit_cast<float>(sign | 0x7f800000u | (mantissa << 13));
  if (exponent == 0) {
    // Zero or subnormal: mantissa * 2^-24, exact in f32.
    float magnitude = float(mantissa) * 0x1p-24f;
    return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(magnitude));
  }
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) |
                              (mantissa << 13));
}

uint16_t floatToF16(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  uint16_t sign = uint16_t((bits >> 16) & 0x8000u);
  uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u)
    return sign | 0x7e00u | uint16_t((magnitude >> 13) & 0x3ffu);
  if (magnitude >= 0x477ff000u) // 65520 and more, and infinity.
    return sign | 0x7c00u;
  if (magnitude < 0x38800000u) {
    // Below 2^-14: adding 0.5 aligns the last bit with 2^-24 and the FPU
    // rounds.
    float aligned = std::bit_cast<float>(magnitude) + 0.5f;
    return sign | uint16_t(std::bit_cast<uint32_t>(aligned) - 0x3f000000u);
  }
  uint32_t rounded = magnitude + 0xfffu + ((magnitude >> 13) & 1u);
  return sign | uint16_t((rounded - 0x38000000u) >> 13);
}

Error convert(DType from, const void *source, DType to, void *target,
              size_t count) {
  if (from == to) {
    std::memcpy(target, source, count * sizeOf(from));
    return Error::success();
  }
  if (!isFloat(from) || !isFloat(to))
    return makeError(ErrorCode::Unsupported, "cannot convert from ",
                     safetensorsName(from), " to ", safetensorsName(to),
                     ": only F16, BF16, F32 and F64 convert into each other");
  const auto *input = static_cast<const std::byte *>(source);
  auto *output = static_cast<std::byte *>(target);
  if (from == DType::BF16 && to == DType::F32) {
    for (size_t i = 0; i < count; ++i)
      store(to, load(DType::BF16, input + 2 * i), output + 4 * i);
    return Error::success();
  }
  if (from == DType::F32 && to == DType::BF16) {
    for (size_t i = 0; i < count; ++i)
      store(DType::BF16, load(from, input + 4 * i), output + 2 * i);
    return Error::success();
  }
  size_t inputBytes = sizeOf(from), outputBytes = sizeOf(to);
  for (size_t i = 0; i < count; ++i) {
    if (from == DType::F64) {
      double wide;
      std::memcpy(&wide, input + 8 * i, 8);
      store(to, to == DType::F32 ? float(wide) : roundToOdd(wide),
            output + outputBytes * i);
    } else {
      store(to, load(from, input + inputBytes * i), output + outputBytes * i);
    }
  }
  return Error::success();
}

std::optional<size_t> indexOfLargest(std::span<const float> values) {
  // Each lane has its own maximum, so that compilers can vectorize the loop
  // without reordering operations.
  constexpr size_t lanes = 16;
  float largest[lanes];
  uint32_t hasNaN[lanes] = {};
  std::fill_n(largest, lanes, -std::numeric_limits<float>::infinity());
  auto take = [&](size_t lane, float value) {
    largest[lane] = value > largest[lane] ? value : largest[lane];
    hasNaN[lane] |= uint32_t(value != value);
  };
  size_t whole = values.size() / lanes * lanes;
  for (size_t i = 0; i < whole; i += lanes)
    for (size_t lane = 0; lane < lanes; ++lane)
      take(lane, values[i + lane]);
  for (size_t i = whole; i < values.size(); ++i)
    take(i - whole, values[i]);
  if (values.empty() || std::any_of(hasNaN, hasNaN + lanes,
                                    [](uint32_t nan) { return nan != 0; }))
    return std::nullopt;
  float most = *std::max_element(largest, largest + lanes);

  auto isInBlock = [&](size_t begin) {
    uint32_t found = 0;
    for (size_t lane = 0; lane < lanes; ++lane)
      found |= uint32_t(values[begin + lane] == most);
    return found != 0;
  };
  size_t index = 0;
  while (index < whole && !isInBlock(index))
    index += lanes;
  while (values[index] != most)
    ++index;
  return index;
}

Error convertToFloat(DType from, const void *source, std::span<float> target) {
  return convert(from, source, DType::F32, target.data(), target.size());
}

} // namespace lora_rt
