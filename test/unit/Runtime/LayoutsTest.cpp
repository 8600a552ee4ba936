//===- LayoutsTest.cpp - Packing keeps every element ----------------------===//
//
// Packs matrices whose elements all differ into every layout, and finds each
// element again by elementOffsets.
//
//===----------------------------------------------------------------------===//

#include "lora-runtime/Layouts.h"

#include <gtest/gtest.h>
#include <numeric>

using namespace lora_rt;

namespace {

/// Packs [n, k] with values that all differ, and looks up each element.
void expectRoundTrip(const std::string &layout, int64_t n, int64_t k) {
  SCOPED_TRACE(layout);
  std::vector<float> plain(size_t(n * k));
  std::iota(plain.begin(), plain.end(), 1.0f);
  Expected<uint64_t> bytes = packedBytes(layout, n, k, DType::F32);
  ASSERT_TRUE(bytes) << bytes.message();
  std::vector<float> packed(*bytes / 4, -1.0f);
  Error error = pack(layout, plain.data(), packed.data(), n, k, DType::F32);
  ASSERT_FALSE(error) << error.message();
  Expected<ElementOffsets> offsets = elementOffsets(layout, n, k);
  ASSERT_TRUE(offsets) << offsets.message();
  int wrong = 0;
  for (int64_t row = 0; row < n; ++row)
    for (int64_t column = 0; column < k; ++column)
      wrong += packed[size_t(offsets->rows[size_t(row)] +
                             offsets->columns[size_t(column)])] !=
               plain[size_t(row * k + column)];
  EXPECT_EQ(wrong, 0);
  std::vector<float> back(plain.size());
  error =
      repack(layout, packed.data(), plainLayout, back.data(), n, k, DType::F32);
  ASSERT_FALSE(error) << error.message();
  EXPECT_EQ(back, plain);
}

TEST(Layouts, ElementsAreWhereTheOffsetsSay) {
  for (const char *layout :
       {"plain", "ab", "BA16a64b", "BA16a16b", "BA16a64b2a", "BA4b8a8b2a"}) {
    expectRoundTrip(layout, 259, 48);
    expectRoundTrip(layout, 19, 131);
  }
}

TEST(Layouts, PackingIsRepackingFromPlain) {
  // Units of 4 bytes: single elements, or pairs of 2-byte ones. For one of the
  // types the units have another size.
  for (const char *layout : {"BA16a64b", "BA16a16b", "BA16a64b2a"})
    for (DType type : {DType::F32, DType::BF16})
      for (auto [n, k] : {std::pair<int64_t, int64_t>(192, 96),
                          {64, 160},
                          {100, 96},
                          {128, 70}}) {
        SCOPED_TRACE(std::string(layout) + " " +
                     std::string(manifestName(type)) + " " + std::to_string(n) +
                     " x " + std::to_string(k));
        std::vector<uint16_t> plain(size_t(n * k) * sizeOf(type) / 2);
        // The values are finite and all different.
        for (size_t i = 0; i < plain.size(); ++i)
          plain[i] = uint16_t(0x3000 + i % 0x4000);
        Expected<uint64_t> bytes = packedBytes(layout, n, k, type);
        ASSERT_TRUE(bytes) << bytes.message();
        std::vector<std::byte> packed(*bytes, std::byte(1)),
            expected(*bytes, std::byte(2));
        ASSERT_FALSE(pack(layout, plain.data(), packed.data(), n, k, type));
        ASSERT_FALSE(repack(plainLayout, plain.data(), layout, expected.data(),
                            n, k, type));
        EXPECT_TRUE(packed == expected);
      }
}

TEST(Layouts, PartsThatArePackedAloneFollowEachOther) {
  const int64_t n = 259, k = 77;
  std::vector<float> plain(size_t(n * k));
  std::iota(plain.begin(), plain.end(), 1.0f);
  auto packed = [&](const char *layout, int64_t first, int64_t count) {
    std::vector<float> bytes(*packedBytes(layout, count, k, DType::F32) / 4,
                             -1.0f);
    Error error = pack(layout, plain.data() + first * k, bytes.data(), count, k,
                       DType::F32);
    EXPECT_FALSE(error) << error.message();
    return bytes;
  };
  // The blocks of n are the outermost ones, or not.
  for (auto [layout, unit] :
       {std::pair("plain", 1), std::pair("ab", 259), std::pair("BA16a64b", 64),
        std::pair("BA16a16b", 16), std::pair("BA16a64b2a", 64),
        std::pair("BA4b8a8b2a", 32), std::pair("AB16b64a", 259)}) {
    SCOPED_TRACE(layout);
    if (!packedBytes(layout, n, k, DType::F32))
      continue; // This oneDNN does not know the tag.
    Expected<int64_t> rows = separableRows(layout, n, k, DType::F32);
    ASSERT_TRUE(rows) << rows.message();
    EXPECT_EQ(*rows, unit);
    std::vector<float> parts;
    for (int64_t first = 0; first < n; first += 2 * *rows) {
      auto part = packed(layout, first, std::min(2 * *rows, n - first));
      parts.insert(parts.end(), part.begin(), part.end());
    }
    EXPECT_EQ(parts, packed(layout, 0, n));
  }
}

TEST(Layouts, OneDNNsChoiceHasAName) {
  for (DType type : {DType::F32, DType::BF16})
    for (int64_t m : {1, 16, 512}) {
      Expected<std::string> tag = packedTag(m, 1536, 768, type, type, type);
      if (!tag && type == DType::BF16)
        continue; // The CPU has no bf16.
      ASSERT_TRUE(tag) << tag.message();
      EXPECT_EQ(*tag == "plain", !instructionSet().starts_with("avx512"))
          << manifestName(type) << " m=" << m << ": " << *tag;
      if (*tag == "plain")
        continue;
      Expected<uint64_t> bytes = packedBytes(*tag, 1536, 768, type);
      ASSERT_TRUE(bytes);
      EXPECT_GE(*bytes, 1536 * 768 * sizeOf(type));
    }
}

TEST(Layouts, UnknownNamesAreErrors) {
  Expected<uint64_t> bytes = packedBytes("XY77q", 8, 8, DType::F32);
  EXPECT_NE(bytes.message().find("'XY77q' is not known to oneDNN"),
            std::string::npos)
      << bytes.message();
  EXPECT_FALSE(packedBytes("plain", 8, 8, DType::F64));
  EXPECT_TRUE(limitInstructionSet("z80"));
}

} // namespace
