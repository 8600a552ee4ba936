//===- BackendTest.cpp - The CPU engine besides products ------------------===//
//
// Gathers from packed tables, parallel loops, and messages about primitives
// that the engine cannot read.
//
//===----------------------------------------------------------------------===//

#include "BackendTest.h"

#include <atomic>

using namespace lora_rt;

namespace {

TEST_F(Backend, GatherReadsPackedRows) {
  constexpr int64_t rows = 259, width = 48;
  std::vector<float> table(rows * width);
  for (size_t i = 0; i < table.size(); ++i)
    table[i] = float(i);
  int32_t indices[] = {258, 0, 17, 17, 100, 64, 3};
  for (std::string tag : {"plain", "BA16a64b", "BA16a16b"}) {
    std::vector<float> packed(*packedBytes(tag, rows, width, DType::F32) / 4);
    EXPECT_FALSE(
        pack(tag, table.data(), packed.data(), rows, width, DType::F32));
    std::string layout =
        tag == "plain" ? "{\"scheme\":\"plain\"}"
                       : "{\"scheme\":\"onednn\",\"tag\":\"" + tag + "\"}";
    std::string text = "{\"kind\":\"gather\",\"rows\":259,\"width\":48,"
                       "\"count\":7,\"dtype\":\"f32\",\"layout\":" +
                       layout + "}";
    std::vector<float> out(7 * width);
    ASSERT_EQ(run(text, {packed.data(), indices, out.data()}), "");
    for (int i = 0; i < 7; ++i)
      for (int j = 0; j < width; ++j)
        ASSERT_EQ(out[i * width + j], table[indices[i] * width + j]);
    int32_t bad[] = {0, 1, 2, 3, 4, 5, 259};
    EXPECT_NE(run(text, {packed.data(), bad, out.data()}).find("id 259"),
              std::string::npos);
  }
}

TEST_F(Backend, ParallelForVisitsEachIterationOnce) {
  for (int64_t count : {0, 1, 2, 7, 1000, 100003})
    for (int64_t grain : {1, 16, 5000}) {
      std::vector<std::atomic<int>> seen(size_t(count) + 1);
      void *captures[] = {seen.data()};
      backend->parallel_for(
          engine, 3, 3 + count, grain,
          [](void *const *captures, int64_t begin, int64_t end) {
            auto *seen = static_cast<std::atomic<int> *>(captures[0]);
            for (int64_t i = begin; i < end; ++i)
              ++seen[i - 3];
          },
          captures);
      int64_t wrong = 0;
      for (int64_t i = 0; i < count; ++i)
        wrong += seen[size_t(i)] != 1;
      EXPECT_EQ(wrong, 0) << count << " by " << grain;
    }
}

TEST_F(Backend, WhatItCannotReadIsNamed) {
  Reference r{5, 19, 37};
  auto failure = [&](const std::string &text) { return run(text, {}); };
  EXPECT_NE(failure("{\"kind\":\"fold\"}").find("unknown value 'fold' for 'kind'"),
            std::string::npos);
  EXPECT_NE(failure(r.json("f32", ",\"x\":1")).find("unknown key 'x'"),
            std::string::npos);
  EXPECT_NE(failure(r.json("f31", "")).find("'f31'"), std::string::npos);
  EXPECT_NE(failure("{\"kind\":\"matmul\"}").find("'m'"), std::string::npos);
  EXPECT_NE(failure(r.json("f32", ",\"post_ops\":[{\"kind\":\"tan\"}]"))
                .find("unknown value 'tan' for 'kind'"),
            std::string::npos);
  EXPECT_NE(failure(r.json("f32", ",\"b_layout\":{\"scheme\":\"onednn\","
                                  "\"tag\":\"QQ\"}"))
                .find("'QQ' is not known"),
            std::string::npos);
  EXPECT_NE(failure(r.json("f64", "")).find("f64"), std::string::npos);
  // The sizes of buffers are computed from these.
  EXPECT_NE(failure(r.json("f32", ",\"c_stride\":2147483648"))
                .find("'c_stride' is too large"),
            std::string::npos);
  for (const char *sizes :
       {"\"rows\":2147483648,\"width\":3,\"count\":2",
        "\"rows\":5,\"width\":9223372036854775807,\"count\":2",
        "\"rows\":5,\"width\":3,\"count\":4294967296"})
    EXPECT_NE(failure("{\"kind\":\"gather\",\"dtype\":\"f32\"," +
                      std::string(sizes) + "}")
                  .find("can be counted"),
              std::string::npos)
        << sizes;
}

} // namespace
