//===- BackendTest.cpp - The CPU engine against plain loops ---------------===//

#include "lora-runtime/backend.h"
#include "lora-runtime/Layouts.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <gtest/gtest.h>

extern "C" const lora_backend *lora_backend_query(void);

using namespace lora_rt;

namespace {

/// An engine with three threads, and calls on it that must succeed.
class Backend : public testing::Test {
protected:
  void SetUp() override {
    lora_engine_options options = {sizeof(options), 3};
    ASSERT_EQ(backend->create_engine(&options, &engine, &message), 0)
        << message.text;
  }
  void TearDown() override { backend->destroy_engine(engine); }

  std::string run(const std::string &json, const std::vector<void *> &args) {
    lora_primitive *primitive = nullptr;
    if (backend->create_primitive(engine, json.data(), json.size(), &primitive,
                                  &message))
      return message.text;
    lora_primitive_facts facts = {};
    facts.struct_size = sizeof(facts);
    backend->primitive_facts(primitive, &facts);
    void *scratch = nullptr;
    EXPECT_EQ(
        backend->allocate(engine, facts.scratch_bytes, &scratch, &message), 0);
    int32_t status =
        backend->execute(engine, primitive, args.data(), scratch, &message);
    backend->release(engine, scratch, facts.scratch_bytes);
    backend->destroy_primitive(engine, primitive);
    return status ? message.text : "";
  }

  const lora_backend *backend = lora_backend_query();
  lora_engine *engine = nullptr;
  lora_message message = {};
};

/// Different values everywhere, exact in bf16, between -2 and 2.
std::vector<float> values(size_t count, unsigned seed) {
  std::vector<float> result(count);
  uint32_t state = seed * 2654435761u + 1;
  for (float &value : result) {
    state = state * 1664525u + 1013904223u;
    value = bf16ToFloat(floatToBf16(float(int32_t(state)) / 1073741824.0f));
  }
  return result;
}

struct Buffer {
  Buffer(const std::vector<float> &from, DType type)
      : type(type), bytes(from.size() * sizeOf(type)), count(from.size()) {
    EXPECT_FALSE(convert(DType::F32, from.data(), type, bytes.data(), count));
  }
  std::vector<float> floats() const {
    std::vector<float> result(count);
    EXPECT_FALSE(convertToFloat(type, bytes.data(), result));
    return result;
  }
  DType type;
  std::vector<std::byte> bytes;
  size_t count;
};

double silu(double x) { return x / (1 + std::exp(-x)); }
double geluErf(double x) {
  return x * 0.5 * (1 + std::erf(x / std::sqrt(2.0)));
}
double geluTanh(double x) {
  return 0.5 * x *
         (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}

/// c = (a b + bias) with the post-ops, in double.
struct Reference {
  int64_t m, n, k;
  std::vector<float> a = values(size_t(m * k), 1), b = values(size_t(n * k), 2),
                     bias = values(size_t(n), 3), c = values(size_t(m * n), 4),
                     operand = values(size_t(m * n), 5);

  template <typename Epilogue>
  std::vector<double> compute(bool withBias, Epilogue epilogue) const {
    std::vector<double> result(size_t(m * n));
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j) {
        double sum = withBias ? bias[j] : 0;
        for (int64_t l = 0; l < k; ++l)
          sum += double(a[i * k + l]) * b[j * k + l];
        result[i * n + j] = epilogue(sum, i * n + j);
      }
    return result;
  }

  /// The manifest's description, all of one type, with more keys.
  std::string json(std::string_view type, const std::string &more) const {
    std::string t(type);
    return "{\"kind\":\"matmul\",\"m\":" + std::to_string(m) +
           ",\"n\":" + std::to_string(n) + ",\"k\":" + std::to_string(k) +
           ",\"a\":\"" + t + "\",\"b\":\"" + t + "\",\"c\":\"" + t + "\"" +
           more + "}";
  }
};

std::string layoutJson(const std::string &tag) {
  return ",\"b_layout\":{\"scheme\":\"onednn\",\"tag\":\"" + tag + "\"}";
}

/// An [n, k] matrix in a layout, at an aligned address.
struct Packed {
  Packed(const std::string &tag, const Buffer &from, int64_t n, int64_t k)
      : bytes(*packedBytes(tag, n, k, from.type) + 64),
        data(bytes.data() + (-uintptr_t(bytes.data()) & 63)) {
    EXPECT_FALSE(pack(tag, from.bytes.data(), data, n, k, from.type));
  }
  std::vector<std::byte> bytes;
  std::byte *data;
};

void expectNear(const std::vector<float> &actual,
                const std::vector<double> &expected, double relative) {
  double scale = 0, worst = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    scale = std::max(scale, std::abs(expected[i]));
    worst = std::max(worst, std::abs(actual[i] - expected[i]));
  }
  EXPECT_LE(worst / scale, relative);
}

TEST_F(Backend, MatmulReadsEachLayout) {
  Reference r{5, 19, 37};
  auto [M, N, K] = std::array{r.m, r.n, r.k};
  auto expected = r.compute(false, [](double sum, int64_t) { return sum; });
  // bf16: one rounding of the result, 2^-9 relative to it.
  for (DType type : {DType::F32, DType::BF16}) {
    std::string name(manifestName(type));
    double tolerance = type == DType::F32 ? 1e-6 : 4e-3;
    Buffer a(r.a, type), b(r.b, type), c(std::vector<float>(M * N, 7), type);
    std::string failure = run(r.json(name, ",\"transpose_b\":true"),
                              {a.bytes.data(), b.bytes.data(), c.bytes.data()});
    if (type == DType::BF16 && !failure.empty())
      continue; // A CPU without bf16.
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

/// Products of which only the first rows are wanted.
class TokenRows : public Backend {
protected:
  /// silu(a b + bias), with an operand that is added, or into rows that are
  /// `stride` apart.
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
  // Twice the same, since a primitive for fewer rows is made once.
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
          EXPECT_EQ(value, 7) << i << ", " << j; // Between rows.
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
      continue; // A CPU without bf16.
    ASSERT_TRUE(tag);
    for (const std::string &layout : {std::string("plain"), *tag}) {
      check(type, layout, /*adds=*/true, /*stride=*/19);
      check(type, layout, /*adds=*/false, /*stride=*/23);
    }
  }
}

TEST_F(Backend, OneRowReadsEachLayout) {
  // Columns that fill no panel, a k that fills no block, and enough panels for
  // several chunks a thread; less than a panel; panels in several parts.
  for (Reference r : {Reference{1, 1355, 613}, Reference{1, 8, 77},
                      Reference{1, 331, 2347}}) {
    auto expected = r.compute(false, [](double sum, int64_t) { return sum; });
    for (DType type : {DType::F32, DType::BF16}) {
      std::string name(manifestName(type));
      // In f32 the order of the sum; in bf16 one rounding of the result.
      double tolerance = type == DType::F32 ? 4e-6 : 4e-3;
      Buffer a(r.a, type), b(r.b, type);
      std::vector<std::string> tags = {
          "BA16a64b", "BA16a48b",   "BA16a32b",   "BA16a16b",   "BA16a24b",
          "BA8a8b",   "BA16a64b2a", "BA16a48b2a", "BA16a16b2a", "ab"};
      Expected<std::string> chosen = packedTag(r.m, r.n, r.k, type, type, type);
      // There is none in bf16 on a CPU without.
      if (chosen && *chosen != "plain")
        tags.push_back(*chosen);
      for (const std::string &tag : tags) {
        SCOPED_TRACE(tag + " " + name);
        if (!packedBytes(tag, r.n, r.k, type))
          continue; // Not known to this oneDNN.
        Packed packed(tag, b, r.n, r.k);
        Buffer c(r.c, type);
        std::string failure =
            run(r.json(name, layoutJson(tag)),
                {a.bytes.data(), packed.data, c.bytes.data()});
        if (!failure.empty() && tag.ends_with("2a") == (type == DType::F32))
          continue; // A pair of f32, or bf16 without pairs.
        ASSERT_EQ(failure, "");
        expectNear(c.floats(), expected, tolerance);
      }
    }
  }
}

TEST_F(Backend, OneRowOfOtherTypesThanItsWeights) {
  Reference r{1, 83, 101};
  auto expected = r.compute(true, [&](double sum, int64_t i) {
    return (sum + r.c[i]) * r.operand[i];
  });
  Buffer a(r.a, DType::F32), b(r.b, DType::BF16), bias(r.bias, DType::BF16),
      operand(r.operand, DType::BF16), c(r.c, DType::F32);
  Packed packed("BA16a64b2a", b, r.n, r.k);
  ASSERT_EQ(run("{\"kind\":\"matmul\",\"m\":1,\"n\":83,\"k\":101,\"a\":"
                "\"f32\",\"b\":\"bf16\",\"c\":\"f32\",\"bias\":\"bf16\","
                "\"post_ops\":[{\"kind\":\"sum\"},{\"kind\":\"mul\",\"dtype\":"
                "\"bf16\"}]" +
                    layoutJson("BA16a64b2a") + "}",
                {a.bytes.data(), packed.data, bias.bytes.data(),
                 operand.bytes.data(), c.bytes.data()}),
            "");
  expectNear(c.floats(), expected, 2e-6);
}

/// Groups of one row's products, with weights in the layout `packed`.
class RowGroups : public Backend {
protected:
  void compareWithAlone(DType type, const std::string &packed);
};

void RowGroups::compareWithAlone(DType type, const std::string &packed) {
  const std::string name(manifestName(type));
  // Inputs of two lengths; a chain of three; one that sums into its result; in
  // parts and not, and one that only oneDNN can do. Behind it a chain of some
  // that alone are in parts, then what makes the rest no group: an operand that
  // is longer, and operands of two chains.
  struct Member {
    Reference r;
    std::string more, tag;
    int input;
    std::vector<int> operands; // Other members' results.
  };
  const std::string one = "{\"kind\":\"mul\",\"dtype\":\"" + name + "\"}";
  const std::string mul = ",\"post_ops\":[" + one + "]";
  const std::string mulMul = ",\"post_ops\":[" + one + "," + one + "]";
  const std::vector<Member> all = {
      {{1, 331, 2347}, layoutJson(packed), packed, 0, {}},
      {{1, 703, 613}, layoutJson(packed), packed, 1, {}},
      {{1, 703, 613}, layoutJson(packed) + mul, packed, 1, {1}},
      {{1, 64, 2347},
       layoutJson("ab") + ",\"post_ops\":[{\"kind\":\"sum\"}]",
       "ab",
       0,
       {}},
      {{1, 703, 613}, layoutJson(packed) + mul, packed, 1, {2}},
      {{2, 83, 613}, layoutJson("ab"), "ab", 2, {}},
      {{1, 331, 2347}, layoutJson(packed), packed, 0, {}},
      {{1, 331, 2347}, layoutJson(packed) + mul, packed, 0, {6}},
      {{1, 203, 613}, layoutJson(packed) + mul, packed, 1, {6}},
      {{1, 331, 613}, layoutJson(packed), packed, 1, {}},
      {{1, 331, 613}, layoutJson(packed) + mulMul, packed, 1, {6, 9}},
  };
  std::vector<Buffer> inputs;
  for (auto [rows, k] : {std::pair(1, 2347), {1, 613}, {2, 613}})
    inputs.emplace_back(values(size_t(rows * k), unsigned(k)), type);
  std::vector<std::vector<float>> alone;
  for (unsigned threads : {0u, 1u, 2u, 3u, 7u}) {
    SCOPED_TRACE(threads);
    lora_engine_options options = {sizeof(options), threads};
    lora_engine *other = nullptr;
    ASSERT_EQ(backend->create_engine(&options, &other, &message), 0);
    for (size_t size :
         {size_t(2), size_t(5), size_t(8), size_t(9), all.size()}) {
      std::vector<lora_primitive *> primitives;
      std::vector<Packed> weights;
      std::vector<Buffer> results;
      std::vector<std::vector<void *>> args;
      std::vector<void *const *> pointers;
      uint64_t scratchBytes = 0;
      for (size_t i = 0; i < size; ++i)
        results.emplace_back(all[i].r.c, type);
      weights.reserve(size);
      for (size_t i = 0; i < size; ++i) {
        const Member &member = all[i];
        std::string json = member.r.json(name, member.more);
        ASSERT_EQ(backend->create_primitive(other, json.data(), json.size(),
                                            &primitives.emplace_back(),
                                            &message),
                  0)
            << message.text;
        lora_primitive_facts facts = {};
        facts.struct_size = sizeof(facts);
        backend->primitive_facts(primitives.back(), &facts);
        EXPECT_EQ(facts.runs_in_groups, member.r.m == 1);
        scratchBytes += facts.scratch_bytes;
        weights.emplace_back(
            member.tag,
            Buffer(values(size_t(member.r.n * member.r.k), unsigned(i) + 9),
                   type),
            member.r.n, member.r.k);
        args.push_back(
            {inputs[size_t(member.input)].bytes.data(), weights.back().data});
        for (int operand : member.operands)
          args.back().push_back(results[size_t(operand)].bytes.data());
        args.back().push_back(results[i].bytes.data());
      }
      for (auto &one : args)
        pointers.push_back(one.data());
      void *scratch = nullptr;
      ASSERT_EQ(backend->allocate(other, scratchBytes, &scratch, &message), 0);
      if (alone.empty() && size == all.size()) {
        // One after another, once.
        for (size_t i = 0; i < size; ++i)
          ASSERT_EQ(backend->execute(other, primitives[i], pointers[i], scratch,
                                     &message),
                    0);
        for (size_t i = 0; i < size; ++i) {
          alone.push_back(results[i].floats());
          results[i] = Buffer(all[i].r.c, type);
        }
        for (size_t i = 0; i < size; ++i) {
          args[i].back() = results[i].bytes.data();
          for (size_t j = 0; j < all[i].operands.size(); ++j)
            args[i][2 + j] = results[size_t(all[i].operands[j])].bytes.data();
        }
      }
      ASSERT_EQ(backend->execute_group(other, uint32_t(size), primitives.data(),
                                       pointers.data(), scratch, &message),
                0)
          << message.text;
      backend->release(other, scratch, scratchBytes);
      for (lora_primitive *primitive : primitives)
        backend->destroy_primitive(other, primitive);
      for (size_t i = 0; i < size && !alone.empty(); ++i)
        if (size == 8 && i >= 6) // Not in parts, so in another order.
          expectNear(results[i].floats(), {alone[i].begin(), alone[i].end()},
                     1e-2);
        else
          EXPECT_EQ(results[i].floats(), alone[i]) << size << ", " << i;
    }
    backend->destroy_engine(other);
  }
}

TEST_F(RowGroups, FloatsAreWhatTheyAreAlone) {
  compareWithAlone(DType::F32, "BA16a64b");
}

TEST_F(RowGroups, PairsOfBf16AreWhatTheyAreAlone) {
  if (!packedTag(2, 83, 613, DType::BF16, DType::BF16, DType::BF16))
    GTEST_SKIP() << "oneDNN multiplies no bf16 on this CPU";
  compareWithAlone(DType::BF16, "BA16a64b2a");
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
  EXPECT_NE(failure("{\"kind\":\"fold\"}").find("unknown kind 'fold'"),
            std::string::npos);
  EXPECT_NE(failure(r.json("f32", ",\"x\":1")).find("unknown key 'x'"),
            std::string::npos);
  EXPECT_NE(failure(r.json("f31", "")).find("'f31'"), std::string::npos);
  EXPECT_NE(failure("{\"kind\":\"matmul\"}").find("'m'"), std::string::npos);
  EXPECT_NE(failure(r.json("f32", ",\"post_ops\":[{\"kind\":\"tan\"}]"))
                .find("unknown kind 'tan'"),
            std::string::npos);
  EXPECT_NE(failure(r.json("f32", ",\"b_layout\":{\"scheme\":\"onednn\","
                                  "\"tag\":\"QQ\"}"))
                .find("'QQ' is not known"),
            std::string::npos);
  EXPECT_NE(failure(r.json("f64", "")).find("f64"), std::string::npos);
}

} // namespace
