//===- ModelConfigRecordTest.cpp - The same as transformers ---------------===//
//
// Compares whole configurations, and the frequencies of every kind of rotary
// positions, with what tools/dev/record_model_configs.py recorded from
// transformers.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Import/ModelConfig.h"
#include "lora-runtime/Rotary.h"

#include <gtest/gtest.h>
#define JSON_NOEXCEPTION 1
#include <nlohmann/json.hpp>

#include <cmath>
#include <cstring>
#include <fstream>

using namespace lora;
using Json = nlohmann::json;

static Json readRecords(const std::string &name) {
  std::ifstream file(std::string(LORA_TEST_INPUTS) + "/" + name);
  Json json = Json::parse(file, nullptr, /*allow_exceptions=*/false);
  EXPECT_TRUE(json.is_object()) << name;
  return json.is_object() ? json["records"] : Json::array();
}

namespace {

/// Compares floats with recorded bits, and counts the equal ones.
struct FrequencyCheck {
  size_t equal = 0, all = 0;
  int64_t largest = 0;

  void compare(const std::vector<float> &ours, const std::string &bits,
               const std::string &what) {
    ASSERT_EQ(ours.size() * 8, bits.size()) << what;
    for (size_t i = 0; i < ours.size(); ++i) {
      auto expected = int64_t(std::stoul(bits.substr(i * 8, 8), nullptr, 16));
      uint32_t found;
      std::memcpy(&found, &ours[i], sizeof found);
      int64_t distance = std::abs(int64_t(found) - expected);
      largest = std::max(largest, distance);
      // The power is rounded correctly here. The powf of the recording is
      // within one unit in the last place. That is at most two units of the
      // frequency, which may lie in a smaller binade; the division or blend of
      // a stretched frequency adds two more.
      EXPECT_LE(distance, 4) << what << " at " << i;
      equal += distance == 0;
      ++all;
    }
  }

  /// About one power in a thousand is not rounded correctly in the recording,
  /// and each occurs in up to five calls.
  void expectNearlyAllEqual() const {
    EXPECT_GE(double(equal), 0.996 * double(all))
        << equal << " of " << all << ", largest distance " << largest;
  }
};

} // namespace

static void checkRopes(const ModelConfig &config, const Json &ropes,
                       const std::string &text, FrequencyCheck &check) {
  ASSERT_EQ(config.ropes.size(), ropes.size()) << text;
  for (size_t i = 0; i < ropes.size(); ++i) {
    const RopeConfig &rope = config.ropes[i];
    EXPECT_EQ(rope.attentionFactor, ropes[i]["attention_factor"].get<double>())
        << text;
    check.compare(rope.frequencies, ropes[i]["frequencies"], text);
    if (!ropes[i].contains("calls"))
      continue;
    for (const auto &[key, bits] : ropes[i]["calls"].items()) {
      int64_t tokens = std::stoll(key);
      bool isLong =
          rope.kind == RopeConfig::Kind::Longrope && tokens > rope.switchLength;
      bool isStretched =
          rope.kind == RopeConfig::Kind::Dynamic && tokens > rope.switchLength;
      check.compare(isStretched
                        ? lora_rt::dynamicFrequencies(
                              rope.theta, rope.factor, rope.switchLength,
                              int64_t(2 * rope.frequencies.size()), tokens)
                    : isLong ? rope.longFrequencies
                             : rope.frequencies,
                    bits, text + " for " + key + " tokens");
    }
  }
}

static double apply(MLPActivation activation, double x) {
  switch (activation) {
  case MLPActivation::Silu:
    return x / (1 + std::exp(-x));
  case MLPActivation::GeluErf:
    return x / 2 * (1 + std::erf(x / std::sqrt(2.0)));
  case MLPActivation::GeluTanh:
    return x / 2 *
           (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
  case MLPActivation::Relu:
    return std::max(x, 0.0);
  }
  return NAN;
}

/// The configuration in the form of the record, without the values that are
/// checked separately.
static Json describe(const ModelConfig &config) {
  auto orNull = [](auto &value) { return value ? Json(*value) : Json(); };
  Json result = {{"family", familyName(config.family)},
                 {"head", lora_rt::headName(config.head)},
                 {"prefix", config.prefix()},
                 {"labels", config.labels},
                 {"vocabSize", config.vocabSize},
                 {"hiddenSize", config.hiddenSize},
                 {"intermediateSize", config.intermediateSize},
                 {"heads", config.heads},
                 {"kvHeads", config.kvHeads},
                 {"headDim", config.headDim},
                 {"positionRows", config.positionRows},
                 {"positionOffset", config.positionOffset},
                 {"normEps", config.normEps},
                 {"qkvBias", config.qkvBias},
                 {"outputBias", config.outputBias},
                 {"mlpBias", config.mlpBias},
                 {"qkNorm", config.qkNorm},
                 {"attentionScale", config.attentionScale},
                 {"attentionSoftcap", orNull(config.attentionSoftcap)},
                 {"logitSoftcap", orNull(config.logitSoftcap)},
                 {"tied", config.tied},
                 {"tokenTypes", config.tokenTypes},
                 {"padTokenId", orNull(config.padTokenId)},
                 {"eosTokenIds", config.eosTokenIds}};
  for (const LayerConfig &layer : config.layers) {
    result["windows"].push_back(orNull(layer.window));
    result["ropeOfLayers"].push_back(layer.rope);
  }
  return result;
}

TEST(ModelConfigRecord, WholeConfigurations) {
  FrequencyCheck check;
  size_t accepted = 0, refused = 0;
  for (const Json &record : readRecords("model-configs.json")) {
    std::string text = record["config"].dump();
    auto config = parseModelConfig(text, "config.json");
    if (record.contains("error")) {
      EXPECT_FALSE(bool(config))
          << text << "\ntransformers: " << record["error"];
      ++refused;
      continue;
    }
    ASSERT_TRUE(bool(config)) << config.message() << "\n" << text;
    ++accepted;
    Json expected = record["expected"];
    checkRopes(*config, expected["ropes"], text, check);
    for (size_t i = 0; i < 2; ++i) // Tanh approximations differ by 1e-11.
      EXPECT_NEAR(apply(config->activation, i ? -1.25 : 0.75),
                  expected["activation"][i].get<double>(), 1e-9)
          << text;
    expected.erase("ropes");
    expected.erase("activation");
    // An end of sequence outside the vocabulary never occurs.
    Json ends = Json::array();
    for (const Json &id : expected["eosTokenIds"])
      if (id < expected["vocabSize"])
        ends.push_back(id);
    expected["eosTokenIds"] = ends;
    EXPECT_EQ(Json::diff(expected, describe(*config)), Json::array()) << text;
  }
  EXPECT_GE(accepted, 250u);
  EXPECT_GE(refused, 7u);
  check.expectNearlyAllEqual();
}

TEST(ModelConfigRecord, RotaryPositionsOfEveryKind) {
  FrequencyCheck check;
  for (const Json &record : readRecords("rope-configs.json")) {
    std::string text = record["config"].dump();
    auto config = parseModelConfig(text, "config.json");
    if (record.contains("error")) {
      EXPECT_FALSE(bool(config))
          << text << "\ntransformers: " << record["error"];
      continue;
    }
    ASSERT_TRUE(bool(config)) << config.message() << "\n" << text;
    checkRopes(*config, record["expected"]["ropes"], text, check);
  }
  EXPECT_GE(check.all, 10000u);
  check.expectNearlyAllEqual();
}

/// Everything that the value of a key may change, including causality.
static Json describeAll(const ModelConfig &config) {
  Json result = describe(config);
  result["causal"] = config.causal;
  result["activation"] = apply(config.activation, 0.75);
  for (const RopeConfig &rope : config.ropes)
    result["ropes"].push_back({rope.frequencies, rope.longFrequencies,
                               rope.switchLength, rope.attentionFactor});
  return result;
}

/// Values that are false in Python: they mean the same as an absent key, or an
/// error, or something else.
TEST(ModelConfigRecord, EmptyValues) {
  size_t same = 0, refused = 0, other = 0;
  for (const Json &record : readRecords("empty-values.json")) {
    for (const auto &[key, outcomes] : record["keys"].items()) {
      size_t dot = key.find('.');
      auto withKey = [&, key = key](const Json *value) {
        Json config = record["base"];
        Json &object = dot == key.npos ? config : config[key.substr(0, dot)];
        std::string name = dot == key.npos ? key : key.substr(dot + 1);
        object.erase(name);
        if (value)
          object[name] = *value;
        return parseModelConfig(config.dump(), "config.json");
      };
      auto absent = withKey(nullptr);
      auto list = [&](const char *name) {
        return outcomes.contains(name) ? outcomes[name] : Json::array();
      };
      for (const Json &value : list("same")) {
        auto config = withKey(&value);
        std::string text =
            record["base"].dump() + " " + key + " = " + value.dump();
        ++same;
        // No model has zero positions, or parts without settings. An object in
        // rotary settings is taken as the settings of one kind of layers.
        if (!config &&
            (key == "max_position_embeddings" || key == "text_config" ||
             (dot != key.npos && value.is_object())))
          continue;
        EXPECT_TRUE(bool(config)) << config.message() << "\n" << text;
        ASSERT_TRUE(bool(absent)) << absent.message() << "\n" << text;
        if (config)
          EXPECT_EQ(Json::diff(describeAll(*absent), describeAll(*config)),
                    Json::array())
              << text;
      }
      // The value is refused, or has no effect here.
      for (const Json &value : list("refused")) {
        auto config = withKey(&value);
        std::string text =
            record["base"].dump() + " " + key + " = " + value.dump();
        // Version 4 takes a null as the number of heads, for Mistral too.
        bool isOld = key == "num_key_value_heads" && value.is_null();
        if (config && !isOld)
          EXPECT_EQ(absent
                        ? Json::diff(describeAll(*absent), describeAll(*config))
                        : Json("absent is refused"),
                    Json::array())
              << text;
        ++refused;
      }
      // The value is refused, or means the same as in transformers.
      for (const Json &one : list("other")) {
        auto config = withKey(&one["value"]);
        std::string text =
            record["base"].dump() + " " + key + " = " + one["value"].dump();
        ++other;
        if (!config)
          continue;
        // Keys about random weights, and about ids outside the vocabulary, have
        // no effect.
        if (absent && key != "initializer_range" && key != "eos_token_id")
          EXPECT_NE(describeAll(*absent), describeAll(*config)) << text;
        Json expected = one["expected"], found = describe(*config);
        expected.erase("ropes");
        Json ends = Json::array();
        for (const Json &id : expected["eosTokenIds"])
          if (id < expected["vocabSize"])
            ends.push_back(id);
        expected["eosTokenIds"] = ends;
        // The windows become a limit of positions.
        if (key == "is_causal")
          expected["windows"] = found["windows"];
        EXPECT_EQ(Json::diff(expected, found), Json::array()) << text;
      }
    }
  }
  EXPECT_GE(same, 1000u);
  EXPECT_GE(refused, 1000u);
  EXPECT_GE(other, 100u);
}
