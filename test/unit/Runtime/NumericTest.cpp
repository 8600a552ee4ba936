//===- NumericTest.cpp - Rounding of the narrow types ---------------------===//

#include "lora-runtime/Numeric.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <limits>

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
  // Just above a tie of bf16, by less than f32 can hold.
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

} // namespace
