//===- RoundingTest.cpp - Rounding once, with statistics ------------------===//
//
// Sums whose rounding is known by hand, values that are not finite, and the
// verdict of the report.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Adapter/Rounding.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <limits>

using namespace lora;
using lora_rt::DType;

namespace {

/// A vector of f32 values, stored in another type.
struct Stored {
  std::vector<std::byte> bytes;
  lora_rt::TensorView view;

  Stored(DType type, const std::vector<float> &values)
      : bytes(values.size() * lora_rt::sizeOf(type)) {
    EXPECT_FALSE(lora_rt::convert(DType::F32, values.data(), type, bytes.data(),
                                  values.size()));
    view = {"w", type, {int64_t(values.size())}, bytes};
  }
};

std::vector<double> values(DType type, std::span<const std::byte> bytes) {
  std::vector<double> result(bytes.size() / lora_rt::sizeOf(type));
  EXPECT_FALSE(lora_rt::convert(type, bytes.data(), DType::F64, result.data(),
                                result.size()));
  return result;
}

TEST(Rounding, AccountsForEachElement) {
  // bf16 has 8 bits of precision: between 1 and 2 one step is 2^-7.
  Stored base(DType::BF16, {1, -1.5f, 1.25f});
  std::vector<float> delta = {0x1p-6f, 0x1p-9f, 0x1p-7f + 0x1p-9f};
  std::vector<std::byte> out(6);
  TensorRounding account;
  ASSERT_FALSE(addRounded(base.view, delta, 1, out, account));
  EXPECT_EQ(values(DType::BF16, out),
            (std::vector<double>{1 + 0x1p-6, -1.5, 1.25 + 0x1p-7}));
  EXPECT_EQ(account.elements, 3);
  EXPECT_EQ(account.swallowed, 1);
  EXPECT_EQ(account.largestRounding, 0x1p-9);
  EXPECT_DOUBLE_EQ(account.meanRounding, 2 * 0x1p-9 / 3);
  EXPECT_DOUBLE_EQ(account.roundingNorm, std::sqrt(2.0) * 0x1p-9);
  EXPECT_EQ(account.largestDelta, 0x1p-6);
  EXPECT_DOUBLE_EQ(account.lostShare(),
                   account.roundingNorm / account.deltaNorm);

  // And back.
  lora_rt::TensorView merged{"w", DType::BF16, {3}, out};
  std::vector<std::byte> back(6);
  ASSERT_FALSE(addRounded(merged, delta, -1, back, account));
  EXPECT_EQ(values(DType::BF16, back)[0], 1);
}

TEST(Rounding, F64IsAddedInF64) {
  double one = 1;
  lora_rt::TensorView base{
      "w", DType::F64, {1}, std::as_bytes(std::span(&one, 1))};
  std::vector<float> delta = {0x1p-40f};
  std::vector<std::byte> out(8);
  TensorRounding account;
  ASSERT_FALSE(addRounded(base, delta, 1, out, account));
  EXPECT_EQ(values(DType::F64, out)[0], 1 + 0x1p-40);
  EXPECT_EQ(account.largestRounding, 0);
}

TEST(Rounding, WhatIsNotFiniteIsNamed) {
  std::vector<float> delta(70000, 0.5f);
  Stored base(DType::F16, std::vector<float>(70000, 1.0f));
  std::vector<std::byte> out(140000);
  TensorRounding account;
  delta[69000] = 70000;
  EXPECT_NE(addRounded(base.view, delta, 1, out, account)
                .message()
                .find("tensor 'w': element 69000 of the result is too large "
                      "for F16"),
            std::string::npos);
  delta[69000] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_NE(addRounded(base.view, delta, 1, out, account)
                .message()
                .find("tensor 'w': element 69000 is infinite or not a number"),
            std::string::npos);
  EXPECT_TRUE(addRounded(base.view, std::vector<float>(3), 1, out, account));
}

TensorRounding rounded(double delta, double rounding) {
  TensorRounding tensor;
  tensor.elements = 1;
  tensor.deltaNorm = delta;
  tensor.roundingNorm = rounding;
  return tensor;
}

TEST(Rounding, VerdictsAreThoseOfTheThresholds) {
  EXPECT_EQ(rounded(1, 0).verdict(), Verdict::Good);
  EXPECT_EQ(rounded(0, 0).verdict(), Verdict::Good);
  EXPECT_EQ(rounded(1, 0.05).verdict(), Verdict::Good);
  EXPECT_EQ(rounded(1, 0.06).verdict(), Verdict::Check);
  EXPECT_EQ(rounded(1, 0.6).verdict(), Verdict::Bad);
  RoundingReport report;
  report.tensors = {rounded(100, 0.1), rounded(1, 0.6)};
  // One bad tensor among good ones.
  EXPECT_EQ(report.verdict(), Verdict::Check);
  EXPECT_NEAR(report.lostShare(), std::sqrt(0.37 / 10001), 1e-12);
  report.tensors = {rounded(1, 0.6)};
  EXPECT_EQ(report.verdict(), Verdict::Bad);
}

} // namespace
