//===- RecordTest.cpp - Probabilities as transformers computes them -------===//
//
// tools/dev/record_sampling.py wrote logits, settings and probabilities. Each
// processor is recorded alone, at ties, and with others.
//
//===----------------------------------------------------------------------===//

#include "core/Json.h"
#include "lora-runtime/File.h"
#include "lora-runtime/GenerationConfig.h"
#include "lora-runtime/Safetensors.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

using namespace lora_rt;

namespace {

std::vector<float> floats(const SafetensorsFile &file, const std::string &name,
                          size_t row = 0) {
  for (const TensorView &tensor : file.tensors()) {
    if (tensor.name != name)
      continue;
    std::vector<float> result(size_t(tensor.shape.back()));
    size_t bytes = result.size() * sizeof(float);
    EXPECT_LE((row + 1) * bytes, tensor.bytes.size());
    std::memcpy(result.data(), tensor.bytes.data() + row * bytes, bytes);
    return result;
  }
  ADD_FAILURE() << name;
  return {};
}

/// The options that are no keys of generation_config.json.
void addExtra(const Json &extra, SamplingOptions &options) {
  options.presencePenalty = extra.value("presence_penalty", 0.0);
  options.frequencyPenalty = extra.value("frequency_penalty", 0.0);
  for (const Json &bias : extra.value("logit_bias", Json::array()))
    options.logitBias.push_back(
        {bias[0].get<int32_t>(), bias[1].get<double>()});
}

TEST(SamplingRecord, ProbabilitiesAreTransformers) {
  std::string inputs = LORA_TEST_INPUTS;
  auto text = readTextFile(inputs + "/sampling.json");
  ASSERT_TRUE(text) << text.message();
  auto record = parseJson(*text, "sampling.json");
  ASSERT_TRUE(record) << record.message();
  auto file = SafetensorsFile::open(inputs + "/sampling.safetensors");
  ASSERT_TRUE(file) << file.message();
  auto ends = (*record)["eos"].get<std::vector<int32_t>>();

  ASSERT_GT((*record)["cases"].size(), 250u);
  for (const Json &item : (*record)["cases"]) {
    SCOPED_TRACE(item.dump());
    auto config = GenerationConfig::parse(item["settings"].dump(), "case");
    ASSERT_TRUE(config) << config.message();
    addExtra(item.value("extra", Json::object()), config->sampling);
    std::vector<float> logits =
        floats(*file, "logits." + item["logits"].get<std::string>());
    std::string size = std::to_string(logits.size());
    std::vector<float> expected =
        floats(*file, "probabilities." + size, item["row"].get<size_t>());

    auto sampler =
        Sampler::create(config->sampling, int64_t(logits.size()), ends);
    ASSERT_TRUE(sampler) << sampler.message();
    TextStart start;
    if (item.contains("max_new_tokens"))
      start.maxNewTokens = item["max_new_tokens"].get<int64_t>();
    sampler->prompt(item["prompt"].get<std::vector<int32_t>>(), start);
    for (const Json &id : item["new"])
      sampler->take(id.get<int32_t>());
    auto found = sampler->probabilities(logits);
    ASSERT_TRUE(found) << found.message();
    ASSERT_EQ(found->size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      ASSERT_NEAR((*found)[i], expected[i], 1e-6) << "token " << i;
      ASSERT_EQ((*found)[i] == 0, expected[i] == 0) << "token " << i;
    }

    // What is chosen agrees with the probabilities.
    size_t best =
        size_t(std::max_element(found->begin(), found->end()) - found->begin());
    auto choice = sampler->next(logits);
    ASSERT_TRUE(choice) << choice.message();
    if (config->sampling.isGreedy()) {
      EXPECT_EQ(choice->id, int32_t(best));
    } else {
      EXPECT_GT(expected[size_t(choice->id)], 0);
    }
  }
}

} // namespace
