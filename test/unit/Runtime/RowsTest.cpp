//===- RowsTest.cpp - Products of one row, alone and in groups ------------===//
//
// The kernels of RowKernels.h in every layout and type, with post-ops and in
// groups, compared with loops in double.
//
//===----------------------------------------------------------------------===//

#include "BackendTest.h"

using namespace lora_rt;

namespace {

TEST_F(Backend, OneRowReadsEachLayout) {
  // Sizes that end within a panel and within a block of k, with enough panels
  // for several chunks for each thread; less than one panel; panels in several
  // parts.
  for (Reference r : {Reference{1, 1355, 613}, Reference{1, 8, 77},
                      Reference{1, 331, 2347}}) {
    auto expected = r.compute(false, [](double sum, int64_t) { return sum; });
    for (DType type : {DType::F32, DType::BF16}) {
      std::string name(manifestName(type));
      // In f32, the order of the sum differs; in bf16, the result is rounded
      // once.
      double tolerance = type == DType::F32 ? 4e-6 : 4e-3;
      Buffer a(r.a, type), b(r.b, type);
      std::vector<std::string> tags = {
          "BA16a64b", "BA16a48b",   "BA16a32b",   "BA16a16b",   "BA16a24b",
          "BA8a8b",   "BA16a64b2a", "BA16a48b2a", "BA16a16b2a", "ab"};
      Expected<std::string> chosen = packedTag(r.m, r.n, r.k, type, type, type);
      // A CPU without bf16 has no such layout.
      if (chosen && *chosen != "plain")
        tags.push_back(*chosen);
      for (const std::string &tag : tags) {
        SCOPED_TRACE(tag + " " + name);
        if (!packedBytes(tag, r.n, r.k, type))
          continue; // This oneDNN does not know the tag.
        Packed packed(tag, b, r.n, r.k);
        Buffer c(r.c, type);
        std::string failure =
            run(r.json(name, layoutJson(tag)),
                {a.bytes.data(), packed.data, c.bytes.data()});
        if (!failure.empty() && tag.ends_with("2a") == (type == DType::F32))
          continue; // Only bf16 is stored in pairs.
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

/// Groups of products of one row, with weights in the layout `packed`.
class RowGroups : public Backend {
protected:
  void compareWithAlone(DType type, const std::string &packed);
};

void RowGroups::compareWithAlone(DType type, const std::string &packed) {
  const std::string name(manifestName(type));
  // The group: inputs of two lengths; a chain of three; one that adds to its
  // result; one in parts and one not; and one that only oneDNN can compute.
  // Then a chain of products that would be in parts if they were alone. Then
  // two cases that end a group: an operand that is longer, and operands of two
  // chains.
  struct Member {
    Reference r;
    std::string more, tag;
    int input;
    std::vector<int> operands; // The results of other members.
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
        if (size == 8 && i >= 6) // Computed whole, so sums have another order.
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

} // namespace
