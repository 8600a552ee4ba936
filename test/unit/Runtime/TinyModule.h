//===- TinyModule.h - The manifest and pack of TinyModule.c -----*- C++ -*-===//

#ifndef LORA_TEST_UNIT_RUNTIME_TINYMODULE_H
#define LORA_TEST_UNIT_RUNTIME_TINYMODULE_H

#include "lora-runtime/CompiledFile.h"
#include "lora-runtime/Layouts.h"

#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace tiny {

inline constexpr int64_t vocabulary = 11, width = 6, maxPositions = 32;

/// Small whole numbers, different for each row.
inline float embedding(int64_t id, int64_t j) {
  return float((id * 7 + j * 5 + id * j * 3) % 13 - 6);
}

inline std::vector<float> table() {
  std::vector<float> result;
  for (int64_t id = 0; id < vocabulary; ++id)
    for (int64_t j = 0; j < width; ++j)
      result.push_back(embedding(id, j));
  return result;
}

/// The logits after each token, computed from the definition.
inline std::vector<float> logits(const std::vector<int32_t> &ids) {
  std::vector<float> result;
  std::vector<float> sum(width);
  for (size_t p = 0; p < ids.size(); ++p) {
    for (int64_t j = 0; j < width; ++j)
      sum[size_t(j)] += float(p + 1) * embedding(ids[p], j);
    for (int64_t id = 0; id < vocabulary; ++id) {
      float product = 0;
      for (int64_t j = 0; j < width; ++j)
        product += sum[size_t(j)] * embedding(id, j);
      result.push_back(product);
    }
  }
  return result;
}

inline std::string layoutJson(const std::string &layout) {
  return layout == "plain"
             ? "{\"scheme\":\"plain\"}"
             : "{\"scheme\":\"onednn\",\"tag\":\"" + layout + "\"}";
}

inline std::string manifest(const std::string &layout,
                            const lora_rt::PackedPlace &place,
                            const std::string &features = "\"sse2\"") {
  std::string l = layoutJson(layout);
  auto gather = [&](const char *count) {
    return "{\"kind\":\"gather\",\"rows\":11,\"width\":6,\"count\":" +
           std::string(count) + ",\"dtype\":\"f32\",\"layout\":" + l + "}";
  };
  auto body = [](const std::string &t) {
    return "{\"name\":\"hidden_states.t" + t +
           "\",\"function\":\"hidden_states\",\"tokens\":" + t +
           ",\"frame_bytes\":128,\"inputs\":[{\"name\":\"ids\",\"dtype\":"
           "\"i32\","
           "\"shape\":[" +
           t +
           "]},{\"name\":\"sequence\",\"dtype\":\"i32\","
           "\"shape\":[4," +
           t +
           "]}],\"outputs\":[{\"name\":\"hidden\","
           "\"dtype\":\"f32\",\"shape\":[" +
           t + ",6]}]}";
  };
  return "{\"format\":2,\"target\":{\"engine\":\"cpu\",\"cpu\":\"any\","
         "\"features\":[" +
         features +
         "]},"
         "\"model\":{\"family\":\"tiny\",\"vocab_size\":11,\"hidden_size\":6,"
         "\"max_positions\":32,\"dtype\":\"f32\",\"eos_token_ids\":[2],"
         "\"head\":\"language_model\",\"outputs\":11,\"attention\":"
         "\"causal\",\"token_types\":0,\"pad_token_id\":-1,"
         "\"positions\":\"plain\"},"
         "\"params\":[{\"name\":\"embed\",\"dtype\":\"f32\",\"shape\":[11,6],"
         "\"layout\":" +
         l + ",\"bytes\":" + std::to_string(place.bytes) +
         ",\"offset\":" + std::to_string(place.offset) + ",\"xxh3\":\"" +
         place.checksum +
         "\"}],"
         "\"states\":[{\"name\":\"cache\",\"dtype\":\"f32\",\"shape\":[-1,6]}],"
         "\"trainables\":[{\"name\":\"lora_A\",\"shape\":[2,6],\"offset\":0}],"
         "\"slots\":[{\"param\":0},{\"state\":0},{\"region\":\"theta\"},"
         "{\"gradient\":0}],"
         "\"primitives\":[" +
         gather("1") + "," + gather("4") +
         ","
         "{\"kind\":\"matmul\",\"m\":1,\"n\":11,\"k\":6,\"a\":\"f32\","
         "\"b\":\"f32\",\"c\":\"f32\",\"transpose_b\":true,\"b_layout\":" +
         l +
         "}],"
         "\"entries\":[" +
         body("4") + "," + body("1") +
         ","
         "{\"name\":\"logits.t1\",\"function\":\"logits\",\"tokens\":1,"
         "\"frame_bytes\":0,\"inputs\":[{\"name\":\"hidden\",\"dtype\":\"f32\","
         "\"shape\":[1,6]}],\"outputs\":[{\"name\":\"logits\",\"dtype\":"
         "\"f32\","
         "\"shape\":[1,11]}]},"
         "{\"name\":\"train_step.t2\",\"function\":\"train_step\",\"tokens\":2,"
         "\"frame_bytes\":0,\"inputs\":[{\"name\":\"ids\",\"dtype\":\"i32\","
         "\"shape\":[2]}],\"outputs\":[{\"name\":\"loss\",\"dtype\":\"f32\","
         "\"shape\":[1]}]}]}";
}

/// Writes a compiled file; `stub` may be empty.
inline void write(const std::string &path, const std::string &stub,
                  const std::string &layout,
                  const std::string &features = "\"sse2\"",
                  const std::string &portableBackend = "") {
  using namespace lora_rt;
  Expected<PayloadWriter> writer = PayloadWriter::create(path, stub);
  ASSERT_TRUE(writer) << writer.message();
  Expected<MappedFile> code = MappedFile::open(LORA_TINY_MODULE);
  ASSERT_TRUE(code) << code.message();
  EXPECT_FALSE(writer->addPart(codePart, code->bytes()));
  std::vector<float> plain = table();
  std::vector<float> packed(
      *packedBytes(layout, vocabulary, width, DType::F32) / 4);
  EXPECT_FALSE(lora_rt::pack(layout, plain.data(), packed.data(), vocabulary,
                             width, DType::F32));
  EXPECT_FALSE(writer->beginPart(packPart));
  Expected<PackedPlace> place =
      writer->appendTensor(std::as_bytes(std::span(packed)));
  ASSERT_TRUE(place);
  EXPECT_FALSE(writer->endPart());
  EXPECT_FALSE(
      writer->addPart(manifestPart, manifest(layout, *place, features)));
  if (!portableBackend.empty()) {
    Error error = addLibraryParts(*writer, portableBackend);
    EXPECT_FALSE(error) << error.message();
  }
  EXPECT_FALSE(writer->commit());
}

} // namespace tiny

#endif // LORA_TEST_UNIT_RUNTIME_TINYMODULE_H
