//===- TinyExecutable.h - Manifest and pack of the tiny model ---*- C++ -*-===//
//
// Writes compiled files for TinyExecutable.c, and computes from the definition
// what they must return.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_TEST_UNIT_RUNTIME_TINYEXECUTABLE_H
#define LORA_TEST_UNIT_RUNTIME_TINYEXECUTABLE_H

#include "lora-runtime/CompiledFile.h"
#include "lora-runtime/Layouts.h"
#include "lora-runtime/Manifest.h"

#include <cstring>
#include <functional>
#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace tiny {

inline constexpr int64_t vocabulary = 11, width = 6, maxPositions = 32,
                         labels = 5;

/// The engine for which all models here are made.
#ifdef LORA_TINY_FAR
inline constexpr const char *engine = "far", *farBackend = LORA_FAR_BACKEND;
#else
inline constexpr const char *engine = "cpu", *farBackend = "";
#endif

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

/// The products of hidden states with the first `count` embeddings.
inline std::vector<float> products(const std::vector<float> &hidden,
                                   int64_t count) {
  std::vector<float> result;
  for (size_t row = 0; row < hidden.size(); row += size_t(width))
    for (int64_t id = 0; id < count; ++id) {
      float product = 0;
      for (int64_t j = 0; j < width; ++j)
        product += hidden[row + size_t(j)] * embedding(id, j);
      result.push_back(product);
    }
  return result;
}

/// The hidden states of one row of a causal model. `frequency`, if given, is
/// added to what the token at position p writes.
inline std::vector<float>
causalHidden(const std::vector<int32_t> &ids,
             const std::function<float(size_t p, int64_t j)> &frequency = {}) {
  std::vector<float> result, sum(width);
  for (size_t p = 0; p < ids.size(); ++p)
    for (int64_t j = 0; j < width; ++j) {
      sum[size_t(j)] += float(p + 1) * embedding(ids[p], j) +
                        (frequency ? frequency(p, j) : 0);
      result.push_back(sum[size_t(j)]);
    }
  return result;
}

/// The hidden states of one row of an encoder; they are the same for each
/// token.
inline std::vector<float> encoded(const std::vector<int32_t> &ids,
                                  const std::vector<int32_t> &types,
                                  const std::vector<int32_t> &positions) {
  std::vector<float> sum(width), result;
  for (size_t i = 0; i < ids.size(); ++i)
    for (int64_t j = 0; j < width; ++j)
      sum[size_t(j)] += float(positions[i] + 1) * embedding(ids[i], j) +
                        100 * float(types[i]);
  for (size_t i = 0; i < ids.size(); ++i)
    result.insert(result.end(), sum.begin(), sum.end());
  return result;
}

/// The logits after each token, computed from the definition.
inline std::vector<float> logits(const std::vector<int32_t> &ids) {
  return products(causalHidden(ids), vocabulary);
}

inline std::string layoutJson(const std::string &layout) {
  return layout == "plain"
             ? "{\"scheme\":\"plain\"}"
             : "{\"scheme\":\"onednn\",\"tag\":\"" + layout + "\"}";
}

/// Which model of TinyExecutable.c it is, and what its manifest says.
struct Model {
  std::string family = "tiny";
  std::string head = "language_model";
  /// An encoder has no cache, two kinds of tokens, and calls of 4 and 8 tokens
  /// instead of 1 and 4.
  bool isEncoder = false;
  int64_t maxPositions = tiny::maxPositions;
  int64_t padTokenId = -1;
  std::string positions = "plain";
  /// The manifest's `rope` with three frequencies; may be empty.
  std::string rope;
  /// The path of the backend in the file.
  std::string recordedBackend = farBackend;
  /// Adds other parts to the file.
  std::function<lora_rt::Error(lora_rt::PayloadWriter &)> addParts = {};

  bool isLabelled() const { return head.find("classification") < head.size(); }
  int64_t outputs() const {
    return head == "none" ? 0 : isLabelled() ? labels : vocabulary;
  }
};

inline std::string text(int64_t number) { return std::to_string(number); }

/// A value of an entry: "name": ...
inline std::string value(const char *name, const char *type,
                         const std::string &shape) {
  return std::string("{\"name\":\"") + name + "\",\"dtype\":\"" + type +
         "\",\"shape\":[" + shape + "]}";
}

inline std::string entry(const std::string &name, const char *function,
                         int64_t tokens, int64_t frame,
                         const std::string &inputs,
                         const std::string &outputs) {
  return "{\"name\":\"" + name + ".t" + text(tokens) + "\",\"function\":\"" +
         function + "\",\"tokens\":" + text(tokens) +
         ",\"frame_bytes\":" + text(frame) + ",\"inputs\":[" + inputs +
         "],\"outputs\":[" + outputs + "]}";
}

inline std::string bodyEntry(const Model &model, int64_t tokens) {
  std::string t = text(tokens);
  std::string inputs =
      value("ids", "i32", t) + "," + value("sequence", "i32", "4," + t);
  if (model.isEncoder)
    inputs += "," + value("token_types", "i32", t);
  if (!model.rope.empty())
    inputs += "," + value("frequencies", "f32", "3");
  return entry(model.isEncoder      ? "encoder"
               : model.rope.empty() ? "hidden_states"
                                    : "rotary",
               "hidden_states", tokens, 2 * tokens * width * 4, inputs,
               value("hidden", "f32", t + ",6"));
}

inline std::string headEntry(const Model &model) {
  int64_t tokens = model.isLabelled() ? 4 : 1;
  return entry(
      model.isLabelled() ? "labels" : "logits", "logits", tokens, 0,
      value("hidden", "f32", text(tokens) + ",6"),
      value("logits", "f32", text(tokens) + "," + text(model.outputs())));
}

inline std::string modelJson(const Model &model) {
  return "{\"family\":\"" + model.family +
         "\",\"vocab_size\":11,\"hidden_size\":6,\"max_positions\":" +
         text(model.maxPositions) +
         ",\"dtype\":\"f32\",\"eos_token_ids\":[2,7],\"head\":\"" + model.head +
         "\",\"outputs\":" + text(model.outputs()) + ",\"attention\":\"" +
         (model.isEncoder ? "bidirectional\",\"pooled\":\"first"
                          : "causal\",\"pooled\":\"last") +
         "\",\"token_types\":" + (model.isEncoder ? "2" : "0") +
         ",\"pad_token_id\":" + text(model.padTokenId) + ",\"positions\":\"" +
         model.positions + "\"" +
         (model.rope.empty() ? "" : ",\"rope\":" + model.rope) + "}";
}

inline std::string manifest(const std::string &layout,
                            const lora_rt::PackedPlace &place,
                            const std::string &features = "\"sse2\"",
                            const Model &model = {}) {
  std::string l = layoutJson(layout);
  auto gather = [&](const char *count) {
    return "{\"kind\":\"gather\",\"rows\":11,\"width\":6,\"count\":" +
           std::string(count) + ",\"dtype\":\"f32\",\"layout\":" + l + "}";
  };
  auto product = [&](const char *m, const char *n) {
    return std::string("{\"kind\":\"matmul\",\"m\":") + m + ",\"n\":" + n +
           ",\"k\":6,\"a\":\"f32\",\"b\":\"f32\",\"c\":\"f32\","
           "\"transpose_b\":true,\"b_layout\":" +
           l + "}";
  };
  std::string primitives =
      gather("1") + "," + gather("4") + "," + product("1", "11");
  // The labels are a part of the table. Only a plain table permits that.
  if (layout == "plain")
    primitives += "," + gather("8") + "," + product("4", "5");
  std::string states =
      "{\"name\":\"cache\",\"dtype\":\"f32\",\"shape\":[-1,6]}";
  std::string slots =
      "{\"param\":0},{\"state\":0},{\"region\":\"theta\"},{\"gradient\":0}";
  std::string entries;
  for (int64_t tokens : model.isEncoder ? std::vector<int64_t>{4, 8}
                                        : std::vector<int64_t>{4, 1})
    entries += bodyEntry(model, tokens) + ",";
  if (model.head != "none")
    entries += headEntry(model) + ",";
  entries += entry("train_step", "train_step", 2, 0, value("ids", "i32", "2"),
                   value("loss", "f32", "1"));
  return "{\"format\":3,\"target\":{\"engine\":\"" + std::string(engine) +
         "\",\"cpu\":\"any\","
         "\"features\":[" +
         features + "]},\"model\":" + modelJson(model) +
         ",\"params\":[{\"name\":\"embed\",\"dtype\":\"f32\",\"shape\":[11,6],"
         "\"layout\":" +
         l + ",\"bytes\":" + std::to_string(place.bytes) +
         ",\"offset\":" + std::to_string(place.offset) + ",\"xxh3\":\"" +
         place.checksum + "\"}],\"states\":[" +
         (model.isEncoder ? "" : states) +
         "],\"trainables\":[{\"name\":\"lora_A\",\"shape\":[2,6],\"offset\":0}]"
         ",\"slots\":[" +
         (model.isEncoder ? "{\"param\":0}" : slots) + "],\"primitives\":[" +
         primitives + "],\"entries\":[" + entries + "]}";
}

/// The code that was made for this manifest.
inline std::string code(const std::string &manifestText) {
  using namespace lora_rt;
  Expected<std::string> bytes = readTextFile(LORA_TINY_EXECUTABLE);
  Expected<Manifest> manifest = Manifest::parse(manifestText, "tiny");
  EXPECT_TRUE(bytes && manifest) << bytes.message() << manifest.message();
  if (!bytes || !manifest)
    return "";
  lora_rt_contract contract = manifest->contract();
  std::string unset;
  while (unset.size() < sizeof(contract))
    unset += "contract";
  size_t place = bytes->find(unset);
  EXPECT_NE(place, std::string::npos);
  if (place != std::string::npos)
    std::memcpy(bytes->data() + place, &contract, sizeof(contract));
  return std::move(*bytes);
}

/// Writes a compiled file; `stub` may be empty.
inline void write(const std::string &path, const std::string &stub,
                  const std::string &layout,
                  const std::string &features = "\"sse2\"",
                  const std::string &portableBackend = "",
                  const Model &model = {}) {
  using namespace lora_rt;
  Expected<PayloadWriter> writer = PayloadWriter::create(path, stub);
  ASSERT_TRUE(writer) << writer.message();
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
  std::string text = manifest(layout, *place, features, model);
  EXPECT_FALSE(writer->addPart(manifestPart, text));
  EXPECT_FALSE(writer->addPart(codePart, code(text)));
  if (!model.recordedBackend.empty()) {
    Error error = addHostPart(*writer, model.recordedBackend);
    EXPECT_FALSE(error) << error.message();
  }
  if (!portableBackend.empty()) {
    Error error = addLibraryParts(*writer, portableBackend);
    EXPECT_FALSE(error) << error.message();
  }
  if (model.addParts) {
    Error error = model.addParts(*writer);
    EXPECT_FALSE(error) << error.message();
  }
  EXPECT_FALSE(writer->commit());
}

} // namespace tiny

#endif // LORA_TEST_UNIT_RUNTIME_TINYEXECUTABLE_H
