//===- MatmulTest.cpp - Products against plain loops ----------------------===//
//
// oneDNN's products with post-ops, in every layout and type, compared with
// loops in double.
//
//===----------------------------------------------------------------------===//

#include "BackendTest.h"

using namespace lora_rt;

namespace {

TEST_F(Backend, MatmulReadsEachLayout) {
  Reference r{5, 19, 37};
  auto [M, N, K] = std::array{r.m, r.n, r.k};
  auto expected = r.compute(false, [](double sum, int64_t) { return sum; });
  // In bf16, the result is rounded once, with a relative error of 2^-9.
  for (DType type : {DType::F32, DType::BF16}) {
    std::string name(manifestName(type));
    double tolerance = type == DType::F32 ? 1e-6 : 4e-3;
    Buffer a(r.a, type), b(r.b, type), c(std::vector<float>(M * N, 7), type);
    std::string failure = run(r.json(name, ",\"transpose_b\":true"),
                              {a.bytes.data(), b.bytes.data(), c.bytes.data()});
    if (type == DType::BF16 && !failure.empty())
      continue; // The CPU has no bf16.
    ASSERT_EQ(failure, "");
    expectNear(c.floats(), expected, tolerance);

    // b as [k, n], a as [k, m].
    std::vector<float> bt(N * K), at(M * K);
    for (int64_t j = 0; j < N; ++j)
      for (int64_t l = 0; l < K; ++l)
        bt[l * N + j] = r.b[j * K + l];
    for (int64_t i = 0; i < M; ++i)
      for (int64_t l = 0; l < K; ++l)
        at[l * M + i] = r.a[i * K + l];
    Buffer aT(at, type), bT(bt, type), c2(r.c, type);
    ASSERT_EQ(run(r.json(name, ",\"transpose_a\":true"),
                  {aT.bytes.data(), bT.bytes.data(), c2.bytes.data()}),
              "");
    expectNear(c2.floats(), expected, tolerance);

    for (std::string tag : {std::string("BA16a16b"), std::string("ab"),
                            *packedTag(M, N, K, type, type, type)}) {
      if (tag == "plain")
        continue;
      Packed packed(tag, b, N, K);
      Buffer c3(r.c, type);
      ASSERT_EQ(run(r.json(name, layoutJson(tag)),
                    {a.bytes.data(), packed.data, c3.bytes.data()}),
                "")
          << tag;
      expectNear(c3.floats(), expected, tolerance);
    }
  }
}

TEST_F(Backend, MatmulPostOpsInTheirOrder) {
  struct Case {
    const char *json;
    bool bias, binary;
    double (*epilogue)(double sum, double c, double operand);
  };
  const Case cases[] = {
      {",\"bias\":\"f32\"", true, false,
       [](double s, double, double) { return s; }},
      {",\"post_ops\":[{\"kind\":\"sum\"}]", false, false,
       [](double s, double c, double) { return s + c; }},
      {",\"bias\":\"f32\",\"post_ops\":[{\"kind\":\"silu\"},{\"kind\":\"mul\","
       "\"dtype\":\"f32\"}]",
       true, true, [](double s, double, double o) { return silu(s) * o; }},
      {",\"post_ops\":[{\"kind\":\"mul\",\"dtype\":\"f32\"},{\"kind\":\"silu\"}"
       "]",
       false, true, [](double s, double, double o) { return silu(s * o); }},
      {",\"post_ops\":[{\"kind\":\"add\",\"dtype\":\"f32\"},{\"kind\":\"relu\"}"
       "]",
       false, true,
       [](double s, double, double o) { return std::max(0.0, s + o); }},
      {",\"post_ops\":[{\"kind\":\"gelu_erf\"}]", false, false,
       [](double s, double, double) { return geluErf(s); }},
      {",\"post_ops\":[{\"kind\":\"gelu_tanh\"}]", false, false,
       [](double s, double, double) { return geluTanh(s); }},
      {",\"bias\":\"f32\",\"post_ops\":[{\"kind\":\"tanh\"}]", true, false,
       [](double s, double, double) { return std::tanh(s); }},
  };
  for (const Case &test : cases) {
    SCOPED_TRACE(test.json);
    for (auto [m, layout] :
         {std::pair(5, ",\"transpose_b\":true"), std::pair(1, "BA16a64b")}) {
      Reference r{m, 83, 37};
      Buffer a(r.a, DType::F32), b(r.b, DType::F32), c(r.c, DType::F32);
      Packed packed("BA16a64b", b, r.n, r.k);
      std::vector<void *> args = {a.bytes.data(),
                                  m == 1 ? packed.data : b.bytes.data()};
      if (test.bias)
        args.push_back(r.bias.data());
      if (test.binary)
        args.push_back(r.operand.data());
      args.push_back(c.bytes.data());
      ASSERT_EQ(run(r.json("f32", (m == 1 ? layoutJson(layout) : layout) +
                                      std::string(test.json)),
                    args),
                "");
      expectNear(c.floats(),
                 r.compute(test.bias,
                           [&](double sum, int64_t i) {
                             return test.epilogue(sum, r.c[i], r.operand[i]);
                           }),
                 2e-6);
    }
  }
}

/// Products of which only the first rows are needed.
class TokenRows : public Backend {
protected:
  /// Checks silu(a b + bias), with an operand that is added, or with a result
  /// whose rows are `stride` apart.
  void check(DType type, const std::string &layout, bool adds, int64_t stride);
};

void TokenRows::check(DType type, const std::string &layout, bool adds,
                      int64_t stride) {
  Reference r{37, 19, 45};
  const std::string name(manifestName(type));
  SCOPED_TRACE(name + " " + layout + (adds ? ", add" : ""));
  auto expected = r.compute(true, [&](double sum, int64_t i) {
    return silu(sum) + (adds ? r.operand[size_t(i)] : 0);
  });
  Buffer a(r.a, type), b(r.b, type), bias(r.bias, type),
      operand(r.operand, type);
  Packed packed(layout, b, r.n, r.k);
  std::string json =
      r.json(name, ",\"transpose_b\":true,\"token_rows\":true,\"c_stride\":" +
                       std::to_string(stride) + ",\"bias\":\"" + name +
                       "\",\"post_ops\":[{\"kind\":\"silu\"}" +
                       (adds ? ",{\"kind\":\"add\",\"dtype\":\"" + name + "\"}]"
                             : "]") +
                       (layout == "plain" ? "" : layoutJson(layout)));
  lora_primitive *primitive = nullptr;
  ASSERT_EQ(backend->create_primitive(engine, json.data(), json.size(),
                                      &primitive, &message),
            0)
      << message.text;
  lora_primitive_facts facts = {};
  facts.struct_size = sizeof(facts);
  backend->primitive_facts(primitive, &facts);
  EXPECT_EQ(facts.operations, 37u * facts.row_operations);
  EXPECT_EQ(facts.row_bytes, (45u + 19 + (adds ? 19 : 0)) * sizeOf(type));
  void *scratch = nullptr;
  ASSERT_EQ(backend->allocate(engine, facts.scratch_bytes, &scratch, &message),
            0);
  // Some values occur twice, because a primitive for fewer rows is made only
  // once.
  for (int64_t tokens : {5, 1, 5, 36, 37, 80, 20, 0}) {
    SCOPED_TRACE(tokens);
    Buffer c(std::vector<float>(size_t(r.m * stride), 7), type);
    std::vector<void *> args = {a.bytes.data(), packed.data, bias.bytes.data()};
    if (adds)
      args.push_back(operand.bytes.data());
    args.push_back(c.bytes.data());
    backend->set_token_rows(engine, tokens);
    ASSERT_EQ(
        backend->execute(engine, primitive, args.data(), scratch, &message), 0)
        << message.text;
    std::vector<float> values = c.floats();
    int64_t counted = tokens ? std::min(tokens, r.m) : r.m;
    bool isLastZero = true;
    for (int64_t i = 0; i < r.m; ++i)
      for (int64_t j = 0; j < stride; ++j) {
        float value = values[size_t(i * stride + j)];
        if (j >= r.n)
          // Memory between rows is not written.
          EXPECT_EQ(value, 7) << i << ", " << j;
        else if (i < counted)
          EXPECT_NEAR(value, expected[size_t(i * r.n + j)],
                      type == DType::F32 ? 1e-4 : 0.25)
              << i << ", " << j;
        else if (i + 1 == r.m)
          isLastZero &= value == 0;
      }
    if (counted < 33)
      EXPECT_TRUE(isLastZero);
  }
  backend->release(engine, scratch, facts.scratch_bytes);
  backend->destroy_primitive(engine, primitive);
}

TEST_F(TokenRows, AreComputedAndOthersZero) {
  for (DType type : {DType::F32, DType::BF16}) {
    Expected<std::string> tag = packedTag(37, 19, 45, type, type, type);
    if (!tag && type == DType::BF16)
      continue; // The CPU has no bf16.
    ASSERT_TRUE(tag);
    for (const std::string &layout : {std::string("plain"), *tag}) {
      check(type, layout, /*adds=*/true, /*stride=*/19);
      check(type, layout, /*adds=*/false, /*stride=*/23);
    }
  }
}

} // namespace
