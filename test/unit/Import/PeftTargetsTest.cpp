//===- PeftTargetsTest.cpp - Targeting rules against PEFT's own -----------===//
//
// Inputs/peft-targets.json holds the results of PEFT's functions, recorded by
// tools/dev/record_peft_targets.py.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Import/PeftAdapter.h"

#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using namespace lora::peft;

namespace {

using Json = nlohmann::ordered_json;

TEST(PeftTargets, SelectsWhatPeftSelects) {
  Json recorded =
      Json::parse(std::ifstream(LORA_TEST_INPUTS "/peft-targets.json"));
  std::vector<LayerInfo> layers;
  for (const Json &name : recorded["modules"])
    layers.push_back({name.get<std::string>(), LayerKind::Linear});
  ASSERT_GT(recorded["cases"].size(), 50u);
  for (const Json &entry : recorded["cases"]) {
    std::string text = entry["config"].dump();
    SCOPED_TRACE(text);
    auto config = parsePeftConfig(text, "config");
    ASSERT_TRUE(config) << config.message();
    auto selection = selectTargets(*config, layers, {});
    ASSERT_TRUE(selection) << selection.message();
    Json selected = Json::object();
    for (const Target &target : selection->targets)
      selected[layers[target.layer].path] = {target.rank, target.scale};
    ASSERT_EQ(selected.size(), entry["selected"].size()) << selected.dump();
    for (const auto &[name, expected] : entry["selected"].items()) {
      ASSERT_TRUE(selected.contains(name)) << name;
      EXPECT_EQ(selected[name][0], expected[0]) << name;
      EXPECT_DOUBLE_EQ(selected[name][1].get<double>(),
                       expected[1].get<double>())
          << name;
    }
  }
}

std::vector<LayerInfo> smallModel() {
  return {{"model.embed_tokens", LayerKind::Embedding},
          {"model.layers.0.self_attn.q_proj", LayerKind::Linear},
          {"model.layers.0.self_attn.v_proj", LayerKind::Linear},
          {"model.layers.0.norm", LayerKind::Other},
          {"lm_head", LayerKind::OutputEmbedding},
          {"model.layers.0.self_attn", LayerKind::Other}};
}

lora_rt::Expected<TargetSelection>
select(const std::string &rest, std::vector<std::string> defaults = {}) {
  auto config = parsePeftConfig(R"({"peft_type": "LORA", )" + rest + "}", "c");
  if (!config)
    return config.takeError();
  return selectTargets(*config, smallModel(), defaults);
}

TEST(PeftTargets, AllLinearLeavesOutTheOutputEmbedding) {
  for (const char *word : {"all-linear", "ALL-Linear"}) {
    auto selection =
        select(std::string(R"("target_modules": ")") + word + "\"");
    ASSERT_TRUE(selection) << selection.message();
    ASSERT_EQ(selection->targets.size(), 2u);
    EXPECT_EQ(selection->targets[1].layer, 2u);
  }
}

TEST(PeftTargets, NullTakesTheArchitecturesTargets) {
  auto selection =
      select(R"("target_modules": null)", defaultTargetModules("llama"));
  ASSERT_TRUE(selection);
  EXPECT_EQ(selection->targets.size(), 2u);
  EXPECT_TRUE(selection->unmatchedTargets.empty());
  auto unknown =
      select(R"("target_modules": null)", defaultTargetModules("phi3"));
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.message().find("no usual targets"), std::string::npos);
}

TEST(PeftTargets, NamesWhatMatchesNothing) {
  auto selection = select(R"("target_modules": ["q_proj", "qkv"],
                             "rank_pattern": {"x": 2, "q_proj": 3},
                             "alpha_pattern": {"y": 2})");
  ASSERT_TRUE(selection);
  EXPECT_EQ(selection->unmatchedTargets, std::vector<std::string>{"qkv"});
  EXPECT_EQ(selection->unmatchedPatterns, (std::vector<std::string>{"x", "y"}));
}

TEST(PeftTargets, RefusesModulesThatCannotHaveABranch) {
  struct Case {
    const char *targets, *message;
  } cases[] = {
      {R"(["embed_tokens"], "lora_bias": true)",
       "selects the embedding 'model.embed_tokens', which cannot have"},
      {R"(".*norm")",
       "selects 'model.layers.0.norm', which is neither a linear"},
      {R"(".*self_attn.*")",
       "selects 'model.layers.0.self_attn', which is neither"},
      {R"("all-linear", "task_type": "TOKEN_CLS")",
       "which PEFT refuses for the task TOKEN_CLS"},
  };
  for (const Case &test : cases) {
    auto selection = select(std::string("\"target_modules\": ") + test.targets);
    ASSERT_FALSE(selection) << test.targets;
    EXPECT_NE(selection.message().find(test.message), std::string::npos)
        << selection.message();
  }
}

TEST(PeftTargets, WhatIsTrainedInFullIsNoTarget) {
  auto paths = [](const std::string &rest) {
    auto selection = select(rest);
    EXPECT_TRUE(selection) << selection.message();
    std::string text;
    for (const Target &target : selection->targets)
      text += smallModel()[target.layer].path + " ";
    return text;
  };
  EXPECT_EQ(paths(R"("target_modules": ["q_proj", "lm_head"],
                     "modules_to_save": ["lm_head"])"),
            "model.layers.0.self_attn.q_proj ");
  // Layers below an entry match by whole components of the path.
  EXPECT_EQ(paths(R"("target_modules": ["q_proj", "lm_head"],
                     "modules_to_save": ["self_attn"])"),
            "lm_head ");
  EXPECT_EQ(paths(R"("target_modules": ["q_proj", "lm_head"],
                     "modules_to_save": ["attn", "head"])"),
            "model.layers.0.self_attn.q_proj lm_head ");
  EXPECT_EQ(paths(R"("target_modules": ["q_proj", "embed_tokens"])"),
            "model.embed_tokens model.layers.0.self_attn.q_proj ");
}

TEST(PeftTargets, TiedWeightsAreTargetedTogether) {
  std::vector<LayerInfo> layers = smallModel();
  layers[0].tied = layers[4].tied = true;
  auto count = [&](const std::string &rest) {
    auto config =
        parsePeftConfig(R"({"peft_type": "LORA", )" + rest + "}", "c");
    EXPECT_TRUE(config) << config.message();
    auto selection = selectTargets(*config, layers, {});
    EXPECT_TRUE(selection) << selection.message();
    return selection->targets.size();
  };
  EXPECT_EQ(count(R"("target_modules": ["lm_head"])"), 1u);
  for (
      const char *rest :
      {R"("target_modules": ["lm_head"], "ensure_weight_tying": true)",
       R"("target_modules": ["model.embed_tokens"], "ensure_weight_tying": true)",
       R"("target_modules": "embed_tokens|x", "ensure_weight_tying": true)"})
    EXPECT_EQ(count(rest), 2u) << rest;
  EXPECT_EQ(
      count(R"("target_modules": ["q_proj"], "ensure_weight_tying": true)"),
      1u);
  EXPECT_EQ(
      count(R"("target_modules": "all-linear", "ensure_weight_tying": true)"),
      2u);
}

TEST(PeftTargets, RefusesWhatPythonRefuses) {
  struct Case {
    const char *pattern, *message;
  } cases[] = {
      {"(", "is not a regular expression"},
      {"*a", "is not a regular expression"},
      {"(*FAIL)", "nothing to repeat"},
      {"(?R)", "unknown extension"},
      {"(?<n>a)", "unknown extension"},
      {"(?|a|b)", "unknown extension"},
      {"\\\\Qa\\\\E", "unknown escape \\Q"},
      {"\\\\p{L}", "unknown escape \\p"},
      {"a\\\\", "ends in a backslash"},
  };
  for (const Case &test : cases) {
    auto selection =
        select(std::string("\"target_modules\": \"") + test.pattern + "\"");
    ASSERT_FALSE(selection) << test.pattern;
    EXPECT_NE(selection.message().find(test.message), std::string::npos)
        << selection.message();
  }
}

TEST(PeftTargets, GivesUpOnARunawayPattern) {
  auto selection = select(R"x("target_modules": "(([a-z._0-9]+)+)+(!|,)")x");
  ASSERT_FALSE(selection);
  EXPECT_NE(selection.message().find("takes too long"), std::string::npos)
      << selection.message();
}

} // namespace
