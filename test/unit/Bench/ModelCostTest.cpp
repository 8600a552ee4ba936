//===- ModelCostTest.cpp - Work counted by hand ---------------------------===//
//
// Operations and bytes of a small model, written down as sums of its layers and
// compared with ModelCost.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Bench/ModelCost.h"

#include <gtest/gtest.h>

using namespace lora;
using namespace lora::bench;
using lora_rt::DType;

namespace {

/// 2 layers, hidden size 24, feed-forward 40, 6 query heads and 3 key heads of
/// width 4, a vocabulary of 97 tokens.
ModelConfig config(const std::string &more = "") {
  auto config = parseModelConfig(
      R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 24, "intermediate_size": 40,
          "num_hidden_layers": 2, "num_attention_heads": 6, "num_key_value_heads": 3, "vocab_size": 97)" +
          more + "}",
      "test");
  EXPECT_TRUE(config) << config.message();
  return *config;
}

/// The elements of a layer's matrices: q and o, k and v, gate and up, down.
constexpr double layerElements =
    2 * 24 * 24 + 2 * 12 * 24 + 2 * 40 * 24 + 24 * 40;
constexpr double headElements = 97 * 24, normElements = 2 * 24;

} // namespace

TEST(ModelCost, Step) {
  Work work = ModelCost(config(), DType::BF16, 0).step(10);
  EXPECT_EQ(work.weightBytes, 2 * (2 * layerElements + headElements));
  // Two norms for each layer, and the keys and values of 10 tokens.
  EXPECT_EQ(work.otherBytes, 2 * (2 * normElements + 2 * 2 * 12 * 10));
  // The scores and sums: 2 * 2 * 24 for each key and layer.
  EXPECT_EQ(work.operations(),
            2 * (2 * layerElements + headElements) + 2 * 4 * 24 * 10);
}

TEST(ModelCost, PromptComputesTheHeadOnce) {
  Work work = ModelCost(config(), DType::F32, 0).forward(5);
  EXPECT_EQ(work.weightBytes, 4 * (2 * layerElements + headElements));
  // 1 + 2 + 3 + 4 + 5 keys.
  EXPECT_EQ(work.operations(),
            2 * 5 * 2 * layerElements + 2 * headElements + 2 * 4 * 24 * 15);
}

TEST(ModelCost, EqualShapesAreOneMatmul) {
  ModelCost cost(config(), DType::F32, 0);
  ASSERT_EQ(cost.layerMatmuls().size(), 4u);
  EXPECT_EQ(cost.layerMatmuls()[0], (MatmulWork{1, 24, 24, 4}));
  EXPECT_EQ(cost.layerMatmuls()[1], (MatmulWork{1, 12, 24, 4}));
  EXPECT_EQ(cost.layerMatmuls()[2], (MatmulWork{1, 40, 24, 4}));
  EXPECT_EQ(cost.layerMatmuls()[3], (MatmulWork{1, 24, 40, 2}));
}

TEST(ModelCost, AdapterBesideTheWeights) {
  ModelCost plain(config(), DType::F32, 0), unmerged(config(), DType::F32, 3);
  // r (in + out): q, o 48 each, k, v 36 each, gate, up, down 64 each.
  double elements = 2 * 3 * (2 * 48 + 2 * 36 + 3 * 64);
  EXPECT_EQ(unmerged.forward(7).operations() - plain.forward(7).operations(),
            2 * 7 * elements);
  EXPECT_EQ(unmerged.step(1).bytes() - plain.step(1).bytes(), 4 * elements);
  EXPECT_EQ(unmerged.parameters(), plain.parameters());
}

TEST(ModelCost, AWindowEndsTheGrowth) {
  ModelConfig windowed = config();
  windowed.layers[1].window = 4;
  ModelCost cost(windowed, DType::F32, 0), all(config(), DType::F32, 0);
  // The second layer sees 4 of 10 keys; a key is 2 * 12 numbers.
  EXPECT_EQ(all.step(10).bytes() - cost.step(10).bytes(), 4 * 2 * 12 * 6);
  // 1 + 2 + ... + 6 against 1 + 2 + 3 + 4 + 4 + 4.
  EXPECT_EQ(all.forward(6).operations() - cost.forward(6).operations(),
            4 * 24 * 3);
}

TEST(ModelCost, LeastSeconds) {
  Work work;
  work.elementBytes = 2;
  work.matmuls = {{1, 100, 50, 3}, {8, 100, 50, 2}};
  work.otherBytes = 700;
  work.otherOperations = 4000;
  MachineRates rates;
  rates.bytesPerSecond = 1000;
  // The time of the first product is that of its 10000 bytes. The time of the
  // second is its 40 seconds, in which it computes 2 * 8 * 100 * 50 operations.
  rates.matmulSeconds = [](const MatmulWork &matmul) {
    return matmul.m == 1 ? 0.0 : 40.0;
  };
  EXPECT_DOUBLE_EQ(leastSeconds(work, rates),
                   3 * 10.0 + 2 * 40.0 + 4000.0 / (80000 / 40.0) + 0.7);
}
