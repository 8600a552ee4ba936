//===- GenerationConfigTest.cpp - Reading generation_config.json ----------===//

#include "lora-runtime/GenerationConfig.h"
#include "core/Json.h"
#include "lora-runtime/File.h"

#include <gtest/gtest.h>

#include <filesystem>

using namespace lora_rt;

namespace {

GenerationConfig parse(const std::string &text) {
  auto config = GenerationConfig::parse(text, "G");
  EXPECT_TRUE(config) << config.message();
  return config ? *config : GenerationConfig();
}

std::string failure(const std::string &text) {
  auto config = GenerationConfig::parse(text, "G");
  return config ? "accepted" : config.message();
}

TEST(GenerationConfig, ReadsAllKeys) {
  // The file of Llama 3.2 Instruct has the first five.
  GenerationConfig config = parse(R"({
    "bos_token_id": 128000, "do_sample": true,
    "eos_token_id": [128001, 128008, 128009], "temperature": 0.6, "top_p": 0.9,
    "pad_token_id": 7, "max_new_tokens": 300, "max_length": 400,
    "stop_strings": ["\n\n", "User:"], "top_k": 20, "min_p": 0.05,
    "top_h": 0.4, "typical_p": 0.8, "epsilon_cutoff": 0.001,
    "eta_cutoff": 0.002, "repetition_penalty": 1.05,
    "no_repeat_ngram_size": 3, "bad_words_ids": [[5, 6], [7]],
    "sequence_bias": [[[8, 9], -1.5], [[3], 2]], "min_length": 4,
    "min_new_tokens": 2, "forced_bos_token_id": 10,
    "forced_eos_token_id": 11, "suppress_tokens": [12, -1],
    "begin_suppress_tokens": [13], "remove_invalid_values": true,
    "renormalize_logits": true, "exponential_decay_length_penalty": [5, 1.25],
    "transformers_version": "4.45.0.dev0", "use_cache": false, "num_beams": 1,
    "num_return_sequences": 1, "guidance_scale": 1.0, "penalty_alpha": 0.6,
    "length_penalty": 2.0, "early_stopping": "never", "unknown": {"a": [1]}
  })");
  SamplingOptions sampling;
  sampling.doSample = true;
  sampling.temperature = 0.6;
  sampling.topP = 0.9;
  sampling.topK = 20;
  sampling.minP = 0.05;
  sampling.topH = 0.4;
  sampling.typicalP = 0.8;
  sampling.epsilonCutoff = 0.001;
  sampling.etaCutoff = 0.002;
  sampling.repetitionPenalty = 1.05;
  sampling.noRepeatNgram = 3;
  sampling.badWords = {{5, 6}, {7}};
  sampling.sequenceBias = {{{8, 9}, -1.5}, {{3}, 2}};
  sampling.minLength = 4;
  sampling.minNewTokens = 2;
  sampling.forcedBos = 10;
  sampling.forcedEos = {11};
  sampling.suppressTokens = {12, -1};
  sampling.beginSuppressTokens = {13};
  sampling.removeInvalidValues = true;
  sampling.renormalizeLogits = true;
  sampling.exponentialDecay = {5, 1.25};
  EXPECT_EQ(config.sampling, sampling);
  EXPECT_EQ(config.endOfSequence,
            (std::vector<int32_t>{128001, 128008, 128009}));
  EXPECT_EQ(config.beginOfSequence, 128000);
  EXPECT_EQ(config.padding, 7);
  EXPECT_EQ(config.maxNewTokens, 300);
  EXPECT_EQ(config.maxLength, 400);
  EXPECT_EQ(config.stopTexts, (std::vector<std::string>{"\n\n", "User:"}));
  EXPECT_EQ(parse(config.print()), config);
}

TEST(GenerationConfig, AbsentAndNullAreTheDefaults) {
  GenerationConfig config = parse("{}");
  EXPECT_EQ(config, GenerationConfig());
  EXPECT_FALSE(config.sampling.doSample);
  EXPECT_EQ(config.sampling.topK, 50);
  EXPECT_EQ(config.print(), "{}");
  EXPECT_EQ(parse(R"({"top_k": null, "do_sample": null, "temperature": null,
    "eos_token_id": null, "bad_words_ids": null, "num_beams": null,
    "forced_eos_token_id": null, "stop_strings": null, "constraints": null,
    "exponential_decay_length_penalty": null, "max_length": null})"),
            GenerationConfig());
  // Values that transformers does not act on.
  EXPECT_EQ(parse(R"({"top_p": 1.5, "typical_p": 2, "epsilon_cutoff": -1,
    "eta_cutoff": 1, "no_repeat_ngram_size": -1, "min_length": -5,
    "pad_token_id": -1, "bos_token_id": -1, "eos_token_id": -1})"),
            GenerationConfig());
}

TEST(GenerationConfig, PrintsOnlyWhatIsNotDefault) {
  EXPECT_EQ(parse(R"({"temperature": 0.7, "do_sample": true, "top_k": 50,
    "eos_token_id": 2, "stop_strings": "END"})")
                .print(),
            R"({"do_sample":true,"eos_token_id":[2],"stop_strings":["END"],)"
            R"("temperature":0.7})");
  EXPECT_EQ(parse(R"({"top_k": 0})").print(), R"({"top_k":0})");
}

TEST(GenerationConfig, WrongTypesAreRefused) {
  EXPECT_EQ(failure("[]"), "G: expected a JSON object, but got another value");
  EXPECT_EQ(failure(R"({"do_sample": 1})"),
            "G: do_sample: expected true or false, but got 1");
  EXPECT_EQ(failure(R"({"temperature": "0.7"})"),
            "G: temperature: expected a number, but got \"0.7\"");
  EXPECT_EQ(failure(R"({"temperature": true})"),
            "G: temperature: expected a number, but got true");
  EXPECT_EQ(failure(R"({"top_k": 50.5})"),
            "G: top_k: expected a whole number, but got 50.5");
  EXPECT_EQ(failure(R"({"top_k": 18446744073709551615})"),
            "G: top_k: expected a whole number, but got 18446744073709551615");
  EXPECT_EQ(failure(R"({"eos_token_id": "</s>"})"),
            "G: eos_token_id: expected token ids, but got \"</s>\"");
  EXPECT_EQ(failure(R"({"eos_token_id": [2, 4294967296]})"),
            "G: eos_token_id: expected token ids, but got 4294967296");
  EXPECT_EQ(failure(R"({"bad_words_ids": [4]})"),
            "G: bad_words_ids: expected lists of token ids, but got 4");
  EXPECT_EQ(failure(R"({"bad_words_ids": 4})"),
            "G: bad_words_ids: expected a list, but got 4");
  EXPECT_EQ(failure(R"({"sequence_bias": [[4, 1.5]]})"),
            "G: sequence_bias: expected pairs of a list of token ids and a "
            "number, but got [4,1.5]");
  EXPECT_EQ(failure(R"({"exponential_decay_length_penalty": [1]})"),
            "G: exponential_decay_length_penalty: expected a list of a start "
            "and a factor, but got [1]");
  EXPECT_EQ(failure(R"({"stop_strings": ["a", 5]})"),
            "G: stop_strings: expected texts, but got 5");
  EXPECT_EQ(failure(R"({"stop_strings": ["a", ""]})"),
            "G: stop_strings: an empty text ends every text; remove it");
  EXPECT_NE(failure(R"({"top_k": 5, "top_k": 6})").find("stands twice"),
            std::string::npos);
  EXPECT_NE(failure("{").find("G: not valid JSON"), std::string::npos);
}

TEST(GenerationConfig, RangesAreChecked) {
  EXPECT_EQ(failure(R"({"do_sample": true, "top_p": -0.1})"),
            "G: top_p: expected a number from 0 to 1, but got -0.1");
  EXPECT_EQ(failure(R"({"repetition_penalty": -2})"),
            "G: repetition_penalty: expected a number above 0, but got -2");
  EXPECT_EQ(failure(R"({"bad_words_ids": [[-3]]})"),
            "G: bad_words_ids: expected token ids from 0, but got -3");
  EXPECT_EQ(failure(R"({"max_new_tokens": 0})"),
            "G: max_new_tokens: expected a whole number above 0, but got 0");
  // Without draws, transformers does not look at it.
  EXPECT_EQ(failure(R"({"top_p": -0.1})"), "accepted");
}

TEST(GenerationConfig, OtherProceduresAreRefused) {
  EXPECT_EQ(failure(R"({"num_beams": 4})"),
            "G: num_beams is 4: beam search is not supported; remove the key "
            "to generate without");
  for (const char *text :
       {R"({"num_beams": 2, "do_sample": true})", R"({"constraints": [{}]})",
        R"({"force_words_ids": [[3]]})", R"({"num_return_sequences": 2})",
        R"({"penalty_alpha": 0.6})", R"({"guidance_scale": 1.5})",
        R"({"dola_layers": "high"})", R"({"watermarking_config": {}})",
        R"({"encoder_repetition_penalty": 1.1})",
        R"({"encoder_no_repeat_ngram_size": 3})", R"({"token_healing": true})",
        R"({"max_time": 3.5})"}) {
    EXPECT_NE(failure(text).find("not supported; remove the key"),
              std::string::npos)
        << failure(text);
  }
  // These have no effect.
  for (const char *text :
       {R"({"penalty_alpha": 0.6, "do_sample": true})",
        R"({"penalty_alpha": 0.6, "top_k": 1})", R"({"penalty_alpha": 0})",
        R"({"guidance_scale": null})", R"({"num_beam_groups": 2})",
        R"({"diversity_penalty": 0.5})", R"({"token_healing": false})",
        R"({"prompt_lookup_num_tokens": 10})"})
    EXPECT_EQ(failure(text), "accepted") << text;
  EXPECT_EQ(failure(R"({"num_beams": "4"})"),
            "G: num_beams: expected a whole number, but got \"4\"");
}

TEST(GenerationConfig, OldModelsHaveItInTheirConfig) {
  auto parseOld = [](const std::string &text) {
    auto config = GenerationConfig::parseModelConfig(text, "C");
    EXPECT_TRUE(config) << config.message();
    return config ? *config : GenerationConfig();
  };
  GenerationConfig config = parseOld(
      R"({"hidden_size": 64, "eos_token_id": 9, "temperature": 0.5,
          "bos_token_id": null, "text_config": {"eos_token_id": 8,
          "bos_token_id": 4, "pad_token_id": 5}})");
  EXPECT_EQ(config.endOfSequence, std::vector<int32_t>{9});
  EXPECT_EQ(config.sampling.temperature, 0.5);
  EXPECT_EQ(config.beginOfSequence, 4);
  EXPECT_EQ(config.padding, 5);
  EXPECT_EQ(parseOld(R"({"force_bos_token_to_be_generated": true,
                        "bos_token_id": 6})")
                .sampling.forcedBos,
            6);
}

/// What transformers takes from files; tools/dev/record_sampling.py wrote it.
TEST(GenerationConfig, ReadsAsTransformers) {
  auto text = readTextFile(std::string(LORA_TEST_INPUTS) + "/sampling.json");
  ASSERT_TRUE(text) << text.message();
  auto record = parseJson(*text, "sampling.json");
  ASSERT_TRUE(record) << record.message();
  ASSERT_GT((*record)["configs"].size(), 40u);
  for (const Json &item : (*record)["configs"]) {
    SCOPED_TRACE(item.dump());
    auto config = item[0].get<bool>()
                      ? GenerationConfig::parseModelConfig(item[1].dump(), "C")
                      : GenerationConfig::parse(item[1].dump(), "G");
    ASSERT_EQ(bool(config), !item[2].is_null()) << config.message();
    if (config) {
      EXPECT_EQ(config->print(), parse(item[2].dump()).print());
    }
  }
}

TEST(GenerationConfig, LoadsAFolder) {
  std::string folder = testing::TempDir() + "/generation-config";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  auto missing = GenerationConfig::load(folder);
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.message().find("config.json"), std::string::npos);
  ASSERT_FALSE(writeTextFile(folder + "/config.json", R"({"top_k": 5})"));
  EXPECT_EQ(GenerationConfig::load(folder)->sampling.topK, 5);
  std::string file = folder + "/generation_config.json";
  ASSERT_FALSE(writeTextFile(file, R"({"top_p": 0.5})"));
  EXPECT_EQ(GenerationConfig::load(folder)->sampling.topK, 50);
  EXPECT_EQ(GenerationConfig::load(folder)->sampling.topP, 0.5);
  ASSERT_FALSE(writeTextFile(file, R"({"top_p": {}})"));
  EXPECT_EQ(GenerationConfig::load(folder).message(),
            file + ": top_p: expected a number, but got {}");
  std::filesystem::remove_all(folder);
}

} // namespace
