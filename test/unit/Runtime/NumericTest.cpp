//===- NumericTest.cpp - Rounding of the narrow types ---------------------===//
//
// Conversions at ties, subnormal numbers, overflow and NaN, and the search for
// values that are not finite.
//
//===----------------------------------------------------------------------===//

#include "lora-runtime/Numeric.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <limits>
#include <span>
#include <vector>

using namespace lora_rt;

namespace {

TEST(Numeric, EveryHalfSurvivesTheWayThroughFloat) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    float half = f16ToFloat(uint16_t(bits)),
          brain = bf16ToFloat(uint16_t(bits));
    if (std::isnan(half))
      EXPECT_TRUE(std::isnan(f16ToFloat(floatToF16(half))));
    else
      EXPECT_EQ(floatToF16(half), bits);
    if (std::isnan(brain))
      EXPECT_TRUE(std::isnan(bf16ToFloat(floatToBf16(brain))));
    else
      EXPECT_EQ(floatToBf16(brain), bits);
  }
}

TEST(Numeric, TiesGoToEven) {
  for (uint32_t bits = 0; bits + 1 < 0x7c00; ++bits) {
    float middle =
        (f16ToFloat(uint16_t(bits)) + f16ToFloat(uint16_t(bits + 1))) / 2;
    EXPECT_EQ(floatToF16(middle), bits + (bits & 1));
    EXPECT_EQ(floatToF16(std::nextafter(middle, 0.0f)), bits);
    EXPECT_EQ(floatToF16(std::nextafter(middle, 1e9f)), bits + 1);
  }
  for (uint32_t bits = 0; bits + 1 < 0x7f80; ++bits) {
    float middle = std::bit_cast<float>((bits << 16) | 0x8000u);
    EXPECT_EQ(floatToBf16(middle), bits + (bits & 1));
    EXPECT_EQ(floatToBf16(-middle), 0x8000u | (bits + (bits & 1)));
    EXPECT_EQ(floatToBf16(std::nextafter(middle, 0.0f)), bits);
  }
  EXPECT_EQ(floatToF16(65519.0f), 0x7bff);
  EXPECT_EQ(floatToF16(65520.0f), 0x7c00);
}

TEST(Numeric, NarrowingDoubleRoundsOnce) {
  // Just above a tie of bf16, by less than f32 can represent.
  double value = 1.00390625 + 1e-12;
  uint16_t bits;
  EXPECT_FALSE(convert(DType::F64, &value, DType::BF16, &bits, 1));
  EXPECT_EQ(bits, 0x3f81);
  value = 1.01171875 - 1e-12; // Just below the tie of 0x3f81 and 0x3f82.
  EXPECT_FALSE(convert(DType::F64, &value, DType::BF16, &bits, 1));
  EXPECT_EQ(bits, 0x3f81);
}

TEST(Numeric, RefusesIntegers) {
  int64_t source = 1;
  float target;
  EXPECT_TRUE(convert(DType::I64, &source, DType::F32, &target, 1));
}

/// Counts the values that are not finite, one by one.
NonFiniteCount expectedCount(std::span<const float> values) {
  NonFiniteCount count;
  for (size_t i = 0; i < values.size(); ++i) {
    if (std::isfinite(values[i]))
      continue;
    if (count.total() == 0)
      count.first = i;
    ++(std::isnan(values[i]) ? count.nan : count.infinite);
  }
  return count;
}

TEST(Numeric, TheFirstOfTheLargestIsFound) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(indexOfLargest({}), std::nullopt);
  // Shorter and longer than the blocks of the search, with the maximum at each
  // index.
  for (size_t count : {1, 7, 16, 17, 50}) {
    std::vector<float> values(count);
    for (size_t i = 0; i < count; ++i)
      values[i] = -5 - float(i * 7 % 11);
    for (size_t place = 0; place < count; ++place) {
      std::vector<float> changed = values;
      changed[place] = -1;
      EXPECT_EQ(indexOfLargest(changed), place);
      changed[count - 1] = -1;
      EXPECT_EQ(indexOfLargest(changed), place);
      changed[place] = infinity;
      EXPECT_EQ(indexOfLargest(changed), place);
      changed[place] = std::nanf("3");
      EXPECT_EQ(indexOfLargest(changed), std::nullopt);
    }
  }
  const float lowest[] = {-infinity, -infinity}, zeros[] = {-0.0f, 0.0f};
  EXPECT_EQ(indexOfLargest(lowest), 0u);
  EXPECT_EQ(indexOfLargest(zeros), 0u);
}

TEST(Numeric, NonFiniteNumbersAreCounted) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  // More values than one block of the search; the largest finite numbers.
  std::vector<float> values(20011);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = (i % 2 ? -1.0f : 1.0f) * (i % 3 ? float(i) : 65504.0f);
  for (auto [place, value] : {std::pair<size_t, float>{9001, std::nanf("1")},
                              {9002, -infinity},
                              {16384, infinity},
                              {20010, -std::nanf("7")}}) {
    std::vector<float> damaged = values;
    damaged[place] = value;
    if (place == 16384)
      damaged[19999] = std::nanf("");
    NonFiniteCount expected = expectedCount(damaged);
    for (DType type : {DType::F16, DType::BF16, DType::F32, DType::F64}) {
      // At an odd address, as may happen in a file.
      std::vector<std::byte> bytes(1 + damaged.size() * sizeOf(type));
      std::vector<std::byte> aligned(damaged.size() * sizeOf(type));
      ASSERT_FALSE(convert(DType::F32, damaged.data(), type, aligned.data(),
                           damaged.size()));
      std::copy(aligned.begin(), aligned.end(), bytes.begin() + 1);
      NonFiniteCount found =
          countNonFinite(type, bytes.data() + 1, damaged.size());
      EXPECT_EQ(found.nan, expected.nan) << manifestName(type);
      EXPECT_EQ(found.infinite, expected.infinite) << manifestName(type);
      EXPECT_EQ(found.first, expected.first) << manifestName(type);
      ASSERT_FALSE(convert(DType::F32, values.data(), type, aligned.data(),
                           values.size()));
      EXPECT_EQ(countNonFinite(type, aligned.data(), values.size()).total(),
                0u);
    }
  }
  EXPECT_EQ(countNonFinite(DType::I64, values.data(), 3).total(), 0u);
}

} // namespace
