//===- RandomCheckpointTest.cpp - Numbers, files and shards ---------------===//
//
// The distribution of random numbers, and the checkpoints that are made of
// them: names, shapes, shards and types as a real model has them.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Bench/RandomCheckpoint.h"
#include "lora-mlir/Import/CheckpointTensors.h"
#include "lora-mlir/Import/PeftAdapter.h"
#include "lora-runtime/Checkpoint.h"
#include "lora-runtime/File.h"

#include <cmath>
#include <filesystem>
#include <gtest/gtest.h>

#include "../Runtime/TestFiles.h"

using namespace lora;
using namespace lora::bench;
using namespace lora_rt;

namespace {

constexpr const char *smallLlama =
    R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 24, "intermediate_size": 40,
        "num_hidden_layers": 2, "num_attention_heads": 6, "num_key_value_heads": 3, "vocab_size": 97,
        "torch_dtype": "bfloat16", "tie_word_embeddings": true})";

CheckpointOptions optionsFor(const TestFolder &folder, const char *config) {
  CheckpointOptions options;
  options.config = config;
  options.where = "test";
  options.folder = folder.path("out");
  return options;
}

} // namespace

TEST(RandomNumbers, AnElementDependsOnItsIndexAlone) {
  std::vector<float> all(1000), part(37);
  fillRandom(7, "name", 0, 0.5f, 0.25f, all);
  for (uint64_t first : {0, 1, 2, 3, 500}) {
    fillRandom(7, "name", first, 0.5f, 0.25f, part);
    EXPECT_TRUE(
        std::equal(part.begin(), part.end(), all.begin() + ptrdiff_t(first)))
        << first;
  }
  std::vector<float> other(1000);
  fillRandom(8, "name", 0, 0.5f, 0.25f, other);
  EXPECT_NE(all, other);
  fillRandom(7, "names", 0, 0.5f, 0.25f, other);
  EXPECT_NE(all, other);
}

TEST(RandomNumbers, MeanAndDeviation) {
  constexpr size_t count = 200000;
  std::vector<float> values(count);
  fillRandom(1, "w", 0, 1.0f, 0.02f, values);
  double sum = 0, squares = 0;
  for (float value : values) {
    sum += value;
    squares += (value - 1.0) * (value - 1.0);
    ASSERT_LE(std::abs(value - 1.0f), 0.02f * 2.45f);
  }
  // Five standard errors: deviation / sqrt(count) for the mean, and deviation^2
  // sqrt(1.4 / count) for the variance of this distribution, whose kurtosis is
  // 2.4.
  EXPECT_NEAR(sum / count, 1.0, 5 * 0.02 / std::sqrt(double(count)));
  EXPECT_NEAR(squares / count, 0.0004, 5 * 0.0004 * std::sqrt(1.4 / count));
}

TEST(RandomCheckpoint, HoldsTheTensorsOfTheConfiguration) {
  TestFolder folder;
  Expected<CheckpointFacts> facts =
      writeRandomCheckpoint(optionsFor(folder, smallLlama));
  ASSERT_TRUE(facts) << facts.message();
  EXPECT_TRUE(facts->adapterFolder.empty());
  EXPECT_EQ(facts->shards, 1u);
  Expected<Checkpoint> checkpoint = Checkpoint::open(facts->modelFolder);
  ASSERT_TRUE(checkpoint) << checkpoint.message();
  Expected<ModelConfig> config = readModelConfig(facts->modelFolder);
  ASSERT_TRUE(config);
  int64_t elements = 0;
  for (const CheckpointTensor &tensor : checkpointTensors(*config)) {
    const TensorView *view = checkpoint->find(tensor.name);
    ASSERT_TRUE(view) << tensor.name;
    EXPECT_EQ(view->shape, tensor.shape);
    EXPECT_EQ(view->dtype, DType::BF16);
    elements += view->elements();
    std::vector<float> values(size_t(view->elements()));
    ASSERT_FALSE(convertToFloat(view->dtype, view->bytes.data(), values));
    bool isNorm = tensor.kind == CheckpointTensor::Kind::Norm;
    for (float value : values)
      // The largest number is sqrt(6) standard deviations, rounded to bf16.
      ASSERT_LT(std::abs(value - (isNorm ? 1.0f : 0.0f)), 0.0495f);
    EXPECT_NE(values.front(), values.back());
  }
  EXPECT_EQ(elements, facts->parameters);
  EXPECT_EQ(checkpoint->find("lm_head.weight"), nullptr);
}

TEST(RandomCheckpoint, ShardsHoldTheSameNumbers) {
  TestFolder folder;
  CheckpointOptions options = optionsFor(folder, smallLlama);
  options.dtype = DType::F32;
  Expected<CheckpointFacts> whole = writeRandomCheckpoint(options);
  ASSERT_TRUE(whole) << whole.message();
  options.folder = folder.path("parts");
  options.shardBytes = 12000;
  Expected<CheckpointFacts> parts = writeRandomCheckpoint(options);
  ASSERT_TRUE(parts) << parts.message();
  EXPECT_GE(parts->shards, 3u);
  for (const auto &entry :
       std::filesystem::directory_iterator(parts->modelFolder))
    if (entry.path().extension() == ".safetensors")
      EXPECT_LT(entry.file_size(), 12000u + 2000u) << entry.path();
  Expected<Checkpoint> a = Checkpoint::open(whole->modelFolder),
                       b = Checkpoint::open(parts->modelFolder);
  ASSERT_TRUE(a && b) << a.message() << b.message();
  ASSERT_EQ(a->names(), b->names());
  for (std::string_view name : a->names())
    EXPECT_TRUE(std::ranges::equal(a->find(name)->bytes, b->find(name)->bytes))
        << name;
}

TEST(RandomCheckpoint, TheAdapterIsOneForPeft) {
  TestFolder folder;
  CheckpointOptions options = optionsFor(folder, smallLlama);
  options.rank = 3;
  Expected<CheckpointFacts> facts = writeRandomCheckpoint(options);
  ASSERT_TRUE(facts) << facts.message();
  EXPECT_EQ(facts->branches, 2 * 7);
  Expected<peft::PeftAdapter> adapter =
      peft::PeftAdapter::open(facts->adapterFolder);
  ASSERT_TRUE(adapter) << adapter.message();
  EXPECT_EQ(adapter->config().rank, 3);
  EXPECT_EQ(adapter->names().size(), size_t(2 * 2 * 7));
  const TensorView *b =
      adapter->find("model.layers.1.self_attn.k_proj.lora_B.weight");
  ASSERT_TRUE(b);
  EXPECT_EQ(b->shape, (std::vector<int64_t>{12, 3}));
  std::vector<float> values(size_t(b->elements()));
  ASSERT_FALSE(convertToFloat(b->dtype, b->bytes.data(), values));
  EXPECT_TRUE(std::any_of(values.begin(), values.end(),
                          [](float value) { return value != 0; }));
}

TEST(RandomCheckpoint, RefusesWhatItCannotDo) {
  TestFolder folder;
  CheckpointOptions options = optionsFor(folder, "{\"model_type\": \"t5\"}");
  Expected<CheckpointFacts> facts = writeRandomCheckpoint(options);
  ASSERT_FALSE(facts);
  EXPECT_NE(facts.message().find("t5"), std::string::npos) << facts.message();

  options = optionsFor(folder, smallLlama);
  ASSERT_TRUE(writeRandomCheckpoint(options));
  facts = writeRandomCheckpoint(options);
  ASSERT_FALSE(facts);
  EXPECT_NE(facts.message().find("is there already"), std::string::npos);
}
