//===- PeftConfigTest.cpp - Every key is used or refused by name ----------===//
//
// Each key of adapter_config.json with values that are used, that have no
// effect, and that are refused.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Import/PeftAdapter.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using namespace lora::peft;

namespace {

lora_rt::Expected<PeftConfig> parse(const std::string &rest) {
  return parsePeftConfig(R"({"peft_type": "LORA", "target_modules": ["q"])" +
                             (rest.empty() ? "" : ", " + rest) + "}",
                         "a/adapter_config.json");
}

TEST(PeftConfig, HasPeftsDefaults) {
  auto config = parse("");
  ASSERT_TRUE(config) << config.message();
  EXPECT_EQ(config->rank, 8);
  EXPECT_EQ(config->alpha, 8);
  EXPECT_FALSE(config->rankStabilized);
  EXPECT_EQ(config->dropout, 0);
  EXPECT_EQ(config->targets, PeftConfig::Targets::List);
}

TEST(PeftConfig, KeepsTheOrderOfPatterns) {
  auto config = parse(
      R"("rank_pattern": {"z": 1, "a": 2}, "alpha_pattern": {"y": 0.5, "b": 3})");
  ASSERT_TRUE(config) << config.message();
  ASSERT_EQ(config->rankPattern.size(), 2u);
  EXPECT_EQ(config->rankPattern[0].first, "z");
  EXPECT_EQ(config->alphaPattern[0],
            (std::pair<std::string, double>("y", 0.5)));
}

TEST(PeftConfig, AcceptsWhatHasNoEffect) {
  for (const char *rest : {
           R"("megatron_core": "megatron.core")",
           R"("loftq_config": {})",
           R"("qalora_group_size": 16)",
           R"("eva_config": {"rho": 2.0})",
           R"("auto_mapping": {"base_model_class": "LlamaForCausalLM"})",
           R"("inference_mode": false)",
           R"("runtime_config": {"ephemeral_gpu_offload": true})",
           R"("fan_in_fan_out": true)",
           R"("init_lora_weights": true)",
           R"("init_lora_weights": false)",
           R"("init_lora_weights": "gaussian")",
           R"("init_lora_weights": "eva")",
           R"("bias": "none")",
           R"("modules_to_save": [])",
           R"("use_dora": false)",
           R"("from_the_future": null)",
           R"("from_the_future": false)",
           R"("from_the_future": [])",
           R"("from_the_future": {})",
           R"("task_type": "CAUSAL_LM")",
           R"("ensure_weight_tying": false)",
           R"("velora_config": {"num_groups": 4})",
           R"("monteclora_config": {"num_samples": 8})",
       })
    EXPECT_TRUE(parse(rest)) << rest << ": " << parse(rest).message();
}

TEST(PeftConfig, ReadsWhatChangesTheModel) {
  auto config = parse(
      R"("use_dora": true, "bias": "lora_only", "ensure_weight_tying": true, "modules_to_save": ["norm"], "trainable_token_indices": {"wte": [7, 3], "lm_head": [1]}, "auto_mapping": {"base_model_class": "BertModel", "parent_library": "t"})");
  ASSERT_TRUE(config) << config.message();
  EXPECT_TRUE(config->dora);
  EXPECT_TRUE(config->ensureWeightTying);
  EXPECT_FALSE(config->loraBias);
  EXPECT_EQ(config->bias, PeftConfig::Bias::LoraOnly);
  EXPECT_EQ(config->modulesToSave, std::vector<std::string>{"norm"});
  EXPECT_EQ(config->modelClass, "BertModel");
  ASSERT_EQ(config->trainableTokens.size(), 2u);
  EXPECT_EQ(config->trainableTokens[0].first, "wte");
  EXPECT_EQ(config->trainableTokens[0].second, (std::vector<int64_t>{7, 3}));

  config = parse(R"("trainable_token_indices": [2, 5], "lora_bias": true)");
  ASSERT_TRUE(config) << config.message();
  EXPECT_TRUE(config->loraBias);
  ASSERT_EQ(config->trainableTokens.size(), 1u);
  EXPECT_EQ(config->trainableTokens[0].first, "");
}

TEST(PeftConfig, ReadsHowBranchesBegin) {
  using Init = PeftConfig::Init;
  for (auto [text, init] : std::initializer_list<std::pair<const char *, Init>>{
           {"true", Init::Kaiming},
           {"false", Init::Random},
           {"null", Init::Random},
           {"\"gaussian\"", Init::Gaussian},
           {"\"Gaussian\"", Init::Gaussian},
           {"\"orthogonal\"", Init::Orthogonal},
           {"\"eva\"", Init::FromData},
           {"\"mica\"", Init::FromData},
           {"\"lora_ga\"", Init::FromData},
           {"\"pissa\"", Init::Pissa},
           {"\"OLoRA\"", Init::Olora}}) {
    auto config = parse(std::string("\"init_lora_weights\": ") + text);
    ASSERT_TRUE(config) << config.message();
    EXPECT_EQ(config->init, init) << text;
  }
}

TEST(PeftConfig, TasksTrainTheirHeads) {
  for (const char *task : {"SEQ_CLS", "TOKEN_CLS"}) {
    auto config = parse(std::string("\"task_type\": \"") + task +
                        "\", \"modules_to_save\": [\"norm\", \"score\"]");
    ASSERT_TRUE(config) << config.message();
    EXPECT_EQ(config->modulesToSave,
              (std::vector<std::string>{"norm", "score", "classifier"}));
    EXPECT_TRUE(isSavedInFull(*config, "score"));
    // As with str.endswith, no dot is needed before the name.
    EXPECT_TRUE(isSavedInFull(*config, "layers.1.input_layernorm"));
    EXPECT_FALSE(isSavedInFull(*config, "score.dense"));
  }
}

TEST(PeftConfig, RefusesByName) {
  struct Case {
    const char *rest, *message;
  } cases[] = {
      {R"("use_qalora": true)", "'use_qalora' is set"},
      {R"("use_bdlora": {"nblocks": 2})", "'use_bdlora' is set"},
      {R"("alora_invocation_tokens": [1])", "'alora_invocation_tokens' is set"},
      {R"("arrow_config": {"top_k": 3})", "'arrow_config' is set"},
      {R"("kasa_config": {"a": 1})", "'kasa_config' is set"},
      {R"("layer_replication": [[0, 2]])", "'layer_replication' is set"},
      {R"("target_parameters": ["w"])", "'target_parameters' is set"},
      {R"("megatron_config": {"a": 1})", "'megatron_config' is set"},
      {R"("init_lora_weights": "pissa_niter_16")", "\"pissa_niter_16\""},
      {R"("init_lora_weights": "loftq")", "\"loftq\""},
      {R"("init_lora_weights": "PiSSA")", "\"PiSSA\""},
      {R"("init_lora_weights": 3)", "expected 'init_lora_weights' to be"},
      {R"("task_type": "QUESTION_ANS")", "'task_type' is \"QUESTION_ANS\""},
      {R"("task_type": "SEQ_2_SEQ_LM")", "'task_type' is \"SEQ_2_SEQ_LM\""},
      {R"("bias": "some")", "expected 'bias' to be \"none\", \"all\""},
      {R"("use_dora": 1)", "expected 'use_dora' to be true or false"},
      {R"("use_dora": true, "lora_bias": true)",
       "'lora_bias' cannot be used with 'use_dora'"},
      {R"("lora_bias": true, "init_lora_weights": "gaussian")",
       "'lora_bias' can only be used when 'init_lora_weights' is true"},
      {R"("modules_to_save": "lm_head")",
       "expected 'modules_to_save' to be a list of strings"},
      {R"("trainable_token_indices": [-1])",
       "expected 'trainable_token_indices' to be a list of token ids"},
      {R"("trainable_token_indices": {"wte": 3})",
       "expected 'trainable_token_indices.wte' to be a list of token ids"},
      {R"("trainable_token_indices": {"q": [3]}, "modules_to_save": ["q"])",
       "'q' is in both"},
      {R"("auto_mapping": {"base_model_class": 3})",
       "expected 'auto_mapping.base_model_class' to be a string"},
      {R"("init_lora_weights": "corda")", "\"corda\""},
      {R"("from_the_future": 3)", "unknown key 'from_the_future' with value 3"},
      {R"("r": 0)", "expected 'r' to be a positive integer, but got 0"},
      {R"("r": 2.5)", "expected 'r' to be a positive integer, but got 2.5"},
      {R"("lora_alpha": "x")", "expected 'lora_alpha' to be a number"},
      {R"("lora_dropout": 1.5)", "expected 'lora_dropout' to be in [0, 1)"},
      {R"("rank_pattern": {"q": -1})", "expected 'rank_pattern.q' to be"},
      {R"("rank_pattern": [])", "expected 'rank_pattern' to be an object"},
      {R"("exclude_modules": 3)", "expected 'exclude_modules' to be a string"},
      {R"("layers_to_transform": "1")", "expected 'layers_to_transform' to be"},
      {R"("layers_pattern": "h")", "'layers_to_transform' is not"},
      {R"("r": 4, "r": 8)", "the key 'r' stands twice"},
  };
  for (const Case &test : cases) {
    auto config = parse(test.rest);
    ASSERT_FALSE(config) << test.rest;
    EXPECT_EQ(config.message().find("a/adapter_config.json: "), 0u)
        << config.message();
    EXPECT_NE(config.message().find(test.message), std::string::npos)
        << config.message();
  }
}

TEST(PeftConfig, RefusesLayersWithARegularExpression) {
  auto config = parsePeftConfig(
      R"({"peft_type": "LORA", "target_modules": "q", "layers_to_transform": [1]})",
      "c");
  ASSERT_FALSE(config);
  EXPECT_NE(config.message().find("cannot be used when"), std::string::npos);
}

TEST(PeftConfig, RefusesWhatIsNoLoraAdapter) {
  for (auto [text, message] :
       std::initializer_list<std::pair<const char *, const char *>>{
           {"[]", "expected a JSON object"},
           {"{", "not valid JSON"},
           {R"({"r": 8})", "'peft_type' is missing"},
           {R"({"peft_type": "IA3"})", "'peft_type' is \"IA3\""}}) {
    auto config = parsePeftConfig(text, "c");
    ASSERT_FALSE(config) << text;
    EXPECT_NE(config.message().find(message), std::string::npos)
        << config.message();
  }
}

TEST(PeftConfig, WritesAllKeysSortedAndKeepsTheSource) {
  auto config = parse(
      R"("r": 3, "lora_alpha": 7, "rank_pattern": {"z": 1, "a": 2}, "inference_mode": false, "base_model_name_or_path": "h\u00f6me")");
  ASSERT_TRUE(config);
  std::string text = writePeftConfig(*config);
  auto json = nlohmann::ordered_json::parse(text);
  EXPECT_EQ(json.size(), 41u);
  EXPECT_EQ(json["r"], 3);
  EXPECT_EQ(json["lora_alpha"], 7);
  EXPECT_EQ(json["inference_mode"], true);
  EXPECT_EQ(json["rank_pattern"].begin().key(), "z");
  std::string previous;
  for (const auto &[key, value] : json.items()) {
    EXPECT_LT(previous, key);
    previous = key;
  }
  EXPECT_NE(text.find("\n  \"base_model_name_or_path\": \"h\\u00f6me\","),
            std::string::npos)
      << text;
}

} // namespace
