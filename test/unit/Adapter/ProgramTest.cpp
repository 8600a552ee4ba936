//===- ProgramTest.cpp - Weights of compiled files, in every layout -------===//
//
// The file stores its only adapted weight twice, row-major and packed, as may
// happen with a tied weight. A merge must change both, and an unmerge must
// restore both.
//
//===----------------------------------------------------------------------===//

#include "Programs.h"
#include "TestFiles.h"
#include "lora-runtime/Layouts.h"

#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

using namespace lora;
using namespace lora::test;
using lora_rt::DType;

namespace {

constexpr int64_t kOut = 6, kIn = 5, kRank = 2;
constexpr float kScale = 1.5;
constexpr const char *kName = "model.layers.0.proj.weight";
/// oneDNN prefers this layout on CPUs with AMX or AVX512-BF16. It pads matrices
/// of 5 x 6.
constexpr const char *kTag = "BA16a64b2a";

constexpr const char *kGraph = R"(
module attributes {transformer.model = #transformer.model<{head = "none", vocab_size = 7 : i64}>} {
  func.func private @decoder(%x: tensor<?x5xbf16>,
      %w: tensor<6x5xbf16> {transformer.slot = "proj.weight", transformer.value =
        #transformer.cast<#transformer.base<"proj.weight", tensor<6x5xf32>> to tensor<6x5xbf16>>})
      -> tensor<?x6xbf16> {
    %y = transformer.linear %x, %w : tensor<?x5xbf16>, tensor<6x5xbf16> -> tensor<?x6xbf16>
    return %y : tensor<?x6xbf16>
  }
  func.func @hidden_states(%x: tensor<?x5xbf16>) -> tensor<?x6xbf16> {
    %y = transformer.apply @decoder at "model.layers.0"(%x) : (tensor<?x5xbf16>) -> tensor<?x6xbf16>
    return %y : tensor<?x6xbf16>
  }
}
)";

std::vector<std::byte> readFile(const std::string &path) {
  auto file = lora_rt::MappedFile::open(path);
  EXPECT_TRUE(file) << file.message();
  return file ? std::vector<std::byte>(file->bytes().begin(),
                                       file->bytes().end())
              : std::vector<std::byte>();
}

/// Converts values to a type and back.
std::vector<std::byte> narrow(const std::vector<float> &values) {
  std::vector<std::byte> bytes(values.size() * 2);
  EXPECT_FALSE(lora_rt::convert(DType::F32, values.data(), DType::BF16,
                                bytes.data(), values.size()));
  return bytes;
}

class Program : public ::testing::Test {
protected:
  void SetUp() override {
    for (size_t i = 0; i < weight.size(); ++i)
      weight[i] = float(int(i * 37 % 61) - 30) / 16;
    for (size_t i = 0; i < a.size(); ++i)
      a[i] = float(int(i * 29 % 17) - 8) / 64;
    for (size_t i = 0; i < b.size(); ++i)
      b[i] = float(int(i * 23 % 13) - 6) / 32;
    plain = narrow(weight);
    writeAdapter();
    writeFile();
  }

  void writeAdapter() {
    std::filesystem::create_directory(adapter);
    std::ofstream(adapter + "/adapter_config.json")
        << R"({"peft_type": "LORA", "r": 2, "lora_alpha": 3,
               "target_modules": ["proj"], "lora_dropout": 0.0, "bias": "none",
               "task_type": null})";
    std::string prefix = "base_model.model.model.layers.0.proj.lora_";
    auto writer = lora_rt::SafetensorsWriter::create(
        adapter + "/adapter_model.safetensors",
        {{prefix + "A.weight", DType::F32, {kRank, kIn}},
         {prefix + "B.weight", DType::F32, {kOut, kRank}}});
    ASSERT_TRUE(writer) << writer.message();
    ASSERT_FALSE(writer->writeFloats(prefix + "A.weight", a));
    ASSERT_FALSE(writer->writeFloats(prefix + "B.weight", b));
    ASSERT_FALSE(writer->commit());
  }

  void writeFile() {
    auto bytes = lora_rt::packedBytes(kTag, kOut, kIn, DType::BF16);
    ASSERT_TRUE(bytes) << bytes.message();
    ASSERT_NE(*bytes, plain.size()); // The packed layout has padding.
    TensorBuffer buffer;
    std::span<std::byte> packed = buffer.get(*bytes);
    ASSERT_FALSE(lora_rt::pack(kTag, plain.data(), packed.data(), kOut, kIn,
                               DType::BF16));
    auto writer = lora_rt::PayloadWriter::create(base, "");
    ASSERT_TRUE(writer) << writer.message();
    nlohmann::ordered_json params = nlohmann::ordered_json::array();
    auto add = [&](const std::string &name, std::vector<int64_t> shape,
                   nlohmann::ordered_json layout,
                   std::span<const std::byte> content) {
      auto place = writer->appendTensor(content);
      ASSERT_TRUE(place);
      params.push_back({{"name", name},
                        {"dtype", "bf16"},
                        {"shape", shape},
                        {"layout", std::move(layout)},
                        {"bytes", place->bytes},
                        {"offset", place->offset},
                        {"xxh3", place->checksum}});
    };
    ASSERT_FALSE(writer->beginPart(lora_rt::packPart));
    add(kName, {kOut, kIn}, {{"scheme", "onednn"}, {"tag", kTag}}, packed);
    add("model.norm.weight", {3}, {{"scheme", "plain"}},
        std::span(plain).subspan(0, 6));
    add(kName, {kOut, kIn}, {{"scheme", "plain"}}, plain);
    ASSERT_FALSE(writer->endPart());
    nlohmann::ordered_json manifest = {
        {"format", lora_rt::Manifest::formatVersion},
        {"target",
         {{"engine", "cpu"},
          {"cpu", "any"},
          {"features", nlohmann::ordered_json::array()}}},
        {"model",
         {{"family", "none"},
          {"vocab_size", 7},
          {"hidden_size", 5},
          {"max_positions", 9},
          {"dtype", "bf16"},
          {"eos_token_ids", nlohmann::ordered_json::array()},
          {"head", "none"},
          {"outputs", 0},
          {"attention", "causal"},
          {"pooled", "last"},
          {"token_types", 0},
          {"pad_token_id", -1},
          {"positions", "plain"}}},
        {"params", params}};
    for (const char *list :
         {"states", "trainables", "slots", "primitives", "entries"})
      manifest[list] = nlohmann::ordered_json::array();
    ASSERT_FALSE(writer->addPart(lora_rt::manifestPart, manifest.dump()));
    ASSERT_FALSE(writer->addPart("other", "copied as it is"));
    ASSERT_FALSE(writer->addPart(lora_rt::graphPart, kGraph));
    auto committed = writer->commit();
    ASSERT_FALSE(committed) << committed.message();
  }

  /// W + s B A, rounded once. Every product of these values is exact in f32.
  std::vector<std::byte> merged() const {
    std::vector<float> values = weight;
    for (int64_t i = 0; i < kOut; ++i)
      for (int64_t j = 0; j < kIn; ++j) {
        float delta = 0;
        for (int64_t r = 0; r < kRank; ++r)
          delta += b[size_t(i * kRank + r)] * a[size_t(r * kIn + j)];
        values[size_t(i * kIn + j)] += kScale * delta;
      }
    return narrow(values);
  }

  TemporaryFolder folder;
  std::string adapter = folder / "adapter", base = folder / "base";
  std::vector<float> weight = std::vector<float>(kOut * kIn),
                     a = std::vector<float>(kRank * kIn),
                     b = std::vector<float>(kOut * kRank);
  std::vector<std::byte> plain;
};

TEST_F(Program, ChangesEveryCopyOfAWeight) {
  auto report = mergeModel({base, adapter, folder / "merged"});
  ASSERT_TRUE(report) << report.message();
  // Reported once, although it is stored twice.
  ASSERT_EQ(report->tensors.size(), 1u);
  EXPECT_EQ(report->tensors[0].name, kName);
  EXPECT_GT(report->tensors[0].roundingNorm, 0);
  auto file = ProgramFile::open(folder / "merged");
  ASSERT_TRUE(file) << file.message();
  ASSERT_EQ(file->parameters().size(), 3u);
  EXPECT_EQ(file->key(0), kName);
  EXPECT_EQ(file->key(2), std::string(kName) + "@plain");
  std::vector<std::byte> expected = merged();
  ASSERT_NE(expected, plain);
  for (size_t index : {0, 2}) {
    TensorBuffer buffer;
    auto tensor = file->plain(index, buffer);
    ASSERT_TRUE(tensor) << tensor.message();
    EXPECT_TRUE(std::ranges::equal(tensor->bytes, expected));
  }
  auto other = file->packed(1);
  ASSERT_TRUE(other) << other.message();
  EXPECT_TRUE(std::ranges::equal(*other, std::span(plain).subspan(0, 6)));
  EXPECT_EQ(readFile(folder / "merged").size() > readFile(base).size(), true);
  ASSERT_TRUE(file->adapter());
  EXPECT_EQ(file->adapter()->name, "adapter");
  EXPECT_EQ(file->graph(), kGraph);
  auto copied = file->parts().verified("other");
  ASSERT_TRUE(copied);
  EXPECT_EQ(copied->size(), 15u);
}

TEST_F(Program, GivesBackTheOriginalFile) {
  auto report = mergeModel({base, adapter, folder / "merged", /*exact=*/true});
  ASSERT_TRUE(report) << report.message();
  auto result = unmergeModel({folder / "merged", adapter, folder / "back"});
  ASSERT_TRUE(result) << result.message();
  EXPECT_TRUE(result->exact);
  EXPECT_EQ(readFile(folder / "back"), readFile(base));
  EXPECT_NE(readFile(folder / "merged"), readFile(base));
}

TEST_F(Program, NoticesOtherWeightsThanThoseThatWereMerged) {
  // A file of the same model with right checksums, but with the part `exact` of
  // another merge: the restored weights would be wrong.
  auto report = mergeModel({base, adapter, folder / "merged", /*exact=*/true});
  ASSERT_TRUE(report) << report.message();
  auto kept = lora_rt::Payload::open(folder / "merged");
  ASSERT_TRUE(kept);
  std::span<const std::byte> exact = kept->bytes(*kept->find("exact"));
  weight[7] += 1;
  plain = narrow(weight);
  writeFile();
  report = mergeModel({base, adapter, folder / "changed"});
  ASSERT_TRUE(report) << report.message();
  auto changed = lora_rt::Payload::open(folder / "changed");
  ASSERT_TRUE(changed);
  auto writer = lora_rt::PayloadWriter::createLike(folder / "mixed", *changed);
  ASSERT_TRUE(writer);
  for (const auto &part : changed->parts())
    ASSERT_FALSE(writer->addPart(part.name, changed->bytes(part)));
  ASSERT_FALSE(writer->addPart("exact", exact));
  ASSERT_FALSE(writer->commit());
  auto result = unmergeModel({folder / "mixed", adapter, folder / "back"});
  ASSERT_FALSE(result);
  EXPECT_NE(result.message().find(std::string("tensor '") + kName +
                                  "' is not what it was when"),
            std::string::npos)
      << result.message();
  EXPECT_FALSE(std::filesystem::exists(folder / "back"));
}

TEST_F(Program, SwitchesInOneStep) {
  auto report = mergeModel({base, adapter, folder / "merged"});
  ASSERT_TRUE(report) << report.message();
  auto result =
      switchModel({folder / "merged", adapter, adapter, folder / "same", base});
  ASSERT_TRUE(result) << result.message();
  EXPECT_FALSE(result->exact);
  ASSERT_TRUE(result->difference);
  EXPECT_EQ(result->difference->elements, kOut * kIn);
  // Nothing was added, so the merged weights are the same.
  EXPECT_EQ(result->difference->different, 0);
  EXPECT_EQ(readFile(folder / "same"), readFile(folder / "merged"));
}

} // namespace
