//===- EncoderSettingsTest.cpp - Poolings and labels in a folder ----------===//
//
// Files as versions of sentence-transformers and transformers write them, what
// is refused, and what is damaged.
//
//===----------------------------------------------------------------------===//

#include "lora-runtime/EncoderSettings.h"
#include "TestFiles.h"

#include <gtest/gtest.h>

using namespace lora_rt;

namespace {

using Poolings = std::vector<Pooling>;

/// A folder of a sentence encoder, whose files a test replaces.
struct EncoderFolder : TestFolder {
  EncoderFolder() {
    std::filesystem::create_directory(path("1_Pooling"));
    setModules("Transformer", "Pooling");
    setPooling(R"("pooling_mode_mean_tokens": true)");
  }

  template <typename... Names> void setModules(const Names &...names) {
    std::string text;
    int index = 0;
    auto add = [&](const std::string &name) {
      text += (index ? ", " : "") + std::string("{\"idx\": ") +
              std::to_string(index) + ", \"name\": \"0\", \"path\": \"" +
              (index ? std::to_string(index) + "_" + name : "") +
              "\", \"type\": \"sentence_transformers.models." + name + "\"}";
      ++index;
    };
    (add(names), ...);
    write("modules.json", "[" + text + "]");
  }

  void setPooling(const std::string &fields) {
    write("1_Pooling/config.json", "{" + fields + "}");
  }

  PoolingSettings read() const {
    Expected<std::optional<PoolingSettings>> settings =
        PoolingSettings::load(root());
    EXPECT_TRUE(settings) << settings.message();
    if (!settings || !*settings) {
      ADD_FAILURE() << "no settings";
      return {};
    }
    Expected<PoolingSettings> again =
        PoolingSettings::parse((*settings)->print(), "printed");
    EXPECT_TRUE(again) << again.message();
    if (again) {
      EXPECT_EQ(*again, **settings);
    }
    return **settings;
  }

  std::string error() const {
    Expected<std::optional<PoolingSettings>> settings =
        PoolingSettings::load(root());
    EXPECT_FALSE(settings);
    return settings.message();
  }
};

#define EXPECT_HAS(text, part)                                                 \
  EXPECT_NE((text).find(part), std::string::npos) << (text)

TEST(PoolingSettings, AFolderWithoutModulesHasNone) {
  TestFolder folder;
  Expected<std::optional<PoolingSettings>> settings =
      PoolingSettings::load(folder.root());
  ASSERT_TRUE(settings) << settings.message();
  EXPECT_FALSE(*settings);
  EXPECT_EQ(PoolingSettings().poolings, Poolings{Pooling::Mean});
}

TEST(PoolingSettings, FlagsAreJoinedInTheirOwnOrder) {
  EncoderFolder folder;
  EXPECT_EQ(folder.read().poolings, Poolings{Pooling::Mean});
  EXPECT_FALSE(folder.read().normalizes);
  EXPECT_EQ(folder.read().hiddenSize, 0);
  folder.setPooling(R"("word_embedding_dimension": 24,
    "pooling_mode_lasttoken": true, "pooling_mode_weightedmean_tokens": false,
    "pooling_mode_mean_sqrt_len_tokens": true, "pooling_mode_mean_tokens": true,
    "pooling_mode_max_tokens": true, "pooling_mode_cls_token": true)");
  EXPECT_EQ(folder.read().poolings,
            (Poolings{Pooling::First, Pooling::Max, Pooling::Mean,
                      Pooling::MeanSqrtLength, Pooling::Last}));
  EXPECT_EQ(folder.read().hiddenSize, 24);
  folder.setPooling(R"("pooling_mode_mean_tokens": false)");
  EXPECT_EQ(folder.read().poolings, Poolings{Pooling::Mean});
}

TEST(PoolingSettings, NamesKeepTheirOrder) {
  EncoderFolder folder;
  folder.setModules("Transformer", "Pooling", "Normalize");
  folder.setPooling(R"("pooling_mode": ["lasttoken", "max", "weightedmean"],
    "embedding_dimension": 12, "include_prompt": false,
    "pooling_mode_cls_token": true)");
  PoolingSettings settings = folder.read();
  EXPECT_EQ(settings.poolings,
            (Poolings{Pooling::Last, Pooling::Max, Pooling::WeightedMean}));
  EXPECT_EQ(settings.hiddenSize, 12);
  EXPECT_FALSE(settings.poolsPrompt);
  EXPECT_TRUE(settings.normalizes);
  folder.setPooling(R"("pooling_mode": "mean_sqrt_len_tokens")");
  EXPECT_EQ(folder.read().poolings, Poolings{Pooling::MeanSqrtLength});
}

TEST(PoolingSettings, TextsAreLimitedLoweredAndPrompted) {
  EncoderFolder folder;
  folder.write("sentence_bert_config.json", "{}");
  folder.write("sentence_roberta_config.json",
               R"({"max_seq_length": 77, "do_lower_case": true})");
  folder.write("config_sentence_transformers.json",
               R"({"__version__": {"torch": "1"}, "prompts":
    {"query": "query: ", "document": null, "s": ""},
    "default_prompt_name": "query", "truncate_dim": 9,
    "similarity_fn_name": "cosine"})");
  PoolingSettings settings = folder.read();
  EXPECT_EQ(settings.maxTokens, 77);
  EXPECT_TRUE(settings.lowersCase);
  EXPECT_EQ(settings.defaultPrompt, "query");
  EXPECT_EQ(settings.prompts, (std::map<std::string, std::string>{
                                  {"query", "query: "}, {"s", ""}}));
  EXPECT_EQ(settings.keptWidth, 9);
  EXPECT_EQ(settings.describe(),
            "mean, the first 9 values, lower case, at most 77 tokens, prompts "
            "query (default) s");
  // The number of a tokenizer without a limit.
  folder.write("sentence_bert_config.json",
               R"({"max_seq_length": 1000000000000000019884624838656})");
  EXPECT_EQ(folder.read().maxTokens, 0);
}

TEST(PoolingSettings, TheTransformerMayHaveAFolderOfItsOwn) {
  EncoderFolder folder;
  folder.write("modules.json", R"([{"type":
    "sentence_transformers.models.Transformer", "path": "0_Transformer"},
    {"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"}])");
  folder.setPooling(R"("pooling_mode": "cls")");
  std::filesystem::create_directory(folder.path("0_Transformer"));
  Expected<std::optional<PoolingSettings>> settings =
      PoolingSettings::load(folder.path("0_Transformer"));
  ASSERT_TRUE(settings) << settings.message();
  ASSERT_TRUE(*settings);
  EXPECT_EQ((*settings)->poolings, Poolings{Pooling::First});
  // Another folder beside it is no part of that model.
  settings = PoolingSettings::load(folder.path("1_Pooling"));
  ASSERT_TRUE(settings) << settings.message();
  EXPECT_FALSE(*settings);
}

TEST(PoolingSettings, WhatIsNotSupportedIsNamed) {
  EncoderFolder folder;
  EXPECT_EQ(folder.read().refusal, "");
  folder.setModules("Transformer", "Pooling", "Dropout", "Normalize");
  EXPECT_EQ(folder.read().refusal, "");
  folder.setModules("Transformer", "Pooling", "Dense", "Normalize");
  EXPECT_HAS(folder.read().refusal, "sentence_transformers.models.Dense");
  folder.setModules("Transformer");
  EXPECT_HAS(folder.read().refusal, "no Pooling");
  EXPECT_HAS(folder.read().describe(), "none: modules.json has no Pooling");
  folder.setModules("Transformer", "Pooling", "Pooling");
  EXPECT_HAS(folder.read().refusal, "module 2");
  folder.write("modules.json",
               R"([{"type": "custom_st.Transformer", "path": ""}])");
  EXPECT_HAS(folder.read().refusal, "custom_st.Transformer");
  folder.setModules("Transformer", "Pooling");
  folder.setPooling(R"("pooling_mode": "median")");
  EXPECT_HAS(folder.read().refusal, "'median'");
  folder.setPooling(R"("pooling_mode": "mean", "window": 3)");
  EXPECT_HAS(folder.read().refusal, "'window'");
  folder.setPooling("");
  for (const char *fields :
       {R"("transformer_task": "fill-mask")",
        R"("config_args": {"is_causal": false})", R"("query_length": 32)",
        R"("tokenizer_args": {"add_bos_token": true})",
        R"("modality_config": {"text": {"method": "forward",
            "method_output_name": "logits"}})"}) {
    folder.write("sentence_bert_config.json", "{" + std::string(fields) + "}");
    std::string key = std::string(fields).substr(1);
    EXPECT_HAS(folder.read().refusal, key.substr(0, key.find('"')));
  }
  folder.write("sentence_bert_config.json",
               R"({"model_args": {"attn_implementation": "sdpa"},
               "tokenizer_args": {"model_max_length": 55}, "config_args": {}})");
  EXPECT_EQ(folder.read().refusal, "");
  EXPECT_EQ(folder.read().maxTokens, 55);
  folder.write("config_sentence_transformers.json",
               R"({"model_type": "CrossEncoder"})");
  EXPECT_HAS(folder.read().refusal, "a CrossEncoder");
}

TEST(PoolingSettings, DamageIsAnError) {
  EncoderFolder folder;
  folder.setPooling(R"("pooling_mode": 3)");
  EXPECT_HAS(folder.error(), "1_Pooling/config.json: 'pooling_mode'");
  folder.setPooling(R"("pooling_mode": [])");
  EXPECT_HAS(folder.error(), "'pooling_mode'");
  folder.setPooling(R"("pooling_mode_mean_tokens": 1)");
  EXPECT_HAS(folder.error(), "'pooling_mode_mean_tokens': expected true");
  folder.setPooling(R"("word_embedding_dimension": -4)");
  EXPECT_HAS(folder.error(), "'word_embedding_dimension'");
  std::filesystem::remove(folder.path("1_Pooling/config.json"));
  EXPECT_HAS(folder.error(), "there is no");
  folder.setPooling("");
  folder.write("config_sentence_transformers.json",
               R"({"prompts": {"a": "b"}, "default_prompt_name": "c"})");
  EXPECT_HAS(folder.error(), "default_prompt_name is 'c'");
  folder.write("config_sentence_transformers.json", R"({"prompts": {"a": 1}})");
  EXPECT_HAS(folder.error(), "'prompts': expected an object of texts");
  folder.write("config_sentence_transformers.json", "{}");
  folder.write("modules.json", "{}");
  EXPECT_HAS(folder.error(), "expected a list of modules");
  folder.write("modules.json", "[[]]");
  EXPECT_HAS(folder.error(), "module 0");
  for (const char *path : {"../1_Pooling", "/etc", "a/../../b"}) {
    folder.write("modules.json",
                 R"([{"type": "x", "path": ")" + std::string(path) + "\"}]");
    EXPECT_HAS(folder.error(), "leads out of the folder");
  }
}

TEST(PoolingSettings, StoredTextIsReadStrictly) {
  std::string text = PoolingSettings().print();
  EXPECT_TRUE(PoolingSettings::parse(text, "part"));
  auto changed = [&](const std::string &from, const std::string &to) {
    std::string copy = text;
    size_t at = copy.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    if (at != std::string::npos)
      copy.replace(at, from.size(), to);
    Expected<PoolingSettings> read = PoolingSettings::parse(copy, "part");
    EXPECT_FALSE(read) << copy;
    return read.message();
  };
  EXPECT_HAS(changed("\"mean\"", "\"medium\""), "part: unknown pooling");
  EXPECT_HAS(changed("[\"mean\"]", "[]"), "one to six names");
  EXPECT_HAS(changed("\"kept_width\":0", "\"kept_width\":-1"), "'kept_width'");
  EXPECT_HAS(changed("\"prompts\":{}", "\"prompts\":{\"a\":{}}"),
             "texts in 'prompts'");
  EXPECT_HAS(changed("\"default_prompt\":\"\"", "\"default_prompt\":\"q\""),
             "not in 'prompts'");
  EXPECT_HAS(changed("\"poolings\"", "\"pools\""), "'poolings'");
}

Expected<LabelSettings> labels(const std::string &config) {
  return LabelSettings::fromConfig("{" + config + "}", "config.json");
}

TEST(LabelSettings, LabelsAreOrderedByNumber) {
  Expected<LabelSettings> read = labels(
      R"("id2label": {"10": "k", "0": "a", "1": "b", "2": "c", "3": "d",
      "4": "e", "5": "f", "6": "g", "7": "h", "8": "i", "9": 5})");
  ASSERT_TRUE(read) << read.message();
  std::vector<std::string> expected = {"a", "b", "c", "d", "e", "f",
                                       "g", "h", "i", "5", "k"};
  EXPECT_EQ(read->names, expected);
  EXPECT_EQ(read->namesOf(11), expected);
  // An adapter has another number of labels.
  EXPECT_EQ(read->namesOf(2), (std::vector<std::string>{"LABEL_0", "LABEL_1"}));
  EXPECT_EQ(labels("")->namesOf(1), std::vector<std::string>{"LABEL_0"});
  EXPECT_TRUE(labels(R"("id2label": null, "problem_type": null)"));
}

TEST(LabelSettings, HolesAreRefused) {
  auto message = [](const std::string &config) {
    Expected<LabelSettings> read = labels(config);
    EXPECT_FALSE(read) << config;
    return read.message();
  };
  EXPECT_HAS(message(R"("id2label": {"0": "a", "2": "c"})"),
             "2 labels, but one has the number 2; expected 0 to 1");
  EXPECT_HAS(message(R"("id2label": {"0": "a", "00": "c"})"),
             "two labels have the number 0");
  EXPECT_HAS(message(R"("id2label": {"0": "a", "x": "c"})"), "'x'");
  EXPECT_HAS(message(R"("id2label": {"-1": "a"})"), "'-1'");
  EXPECT_HAS(message(R"("id2label": {"99999999999999999999": "a"})"), "9999");
  EXPECT_HAS(message(R"("id2label": ["a"])"), "an object");
  EXPECT_HAS(message(R"("problem_type": "ranking")"), "'ranking'");
  EXPECT_HAS(message(R"("problem_type": 3)"), "'3'");
}

TEST(LabelSettings, ProblemTypesHaveTheNamesOfTransformers) {
  for (size_t type = 0; type < problemTypeNames.size(); ++type) {
    Expected<LabelSettings> made =
        LabelSettings::make({"a"}, problemTypeNames[type], "part");
    ASSERT_TRUE(made) << made.message();
    EXPECT_EQ(made->problem, ProblemType(type));
  }
  EXPECT_EQ(labels(R"("problem_type": "regression")")->problem,
            ProblemType::Regression);
  EXPECT_FALSE(LabelSettings::make({}, "other", "part"));
}

} // namespace
