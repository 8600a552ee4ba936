//===- FamilyConfigTest.cpp - Heads, and what each family refuses ---------===//
//
// The keys of config.json that only some families have: heads, families without
// a head, and values that are refused by name.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Import/ModelConfig.h"

#include <gtest/gtest.h>

using namespace lora;

namespace {

struct Sample {
  std::string family, className, prefix;
};

} // namespace

static const Sample samples[] = {
    {"llama", "Llama", "model."},
    {"mistral", "Mistral", "model."},
    {"qwen2", "Qwen2", "model."},
    {"qwen3", "Qwen3", "model."},
    {"gemma2", "Gemma2", "model."},
    {"gemma3_text", "Gemma3Text", "model."},
    {"phi3", "Phi3", "model."},
    {"gpt2", "GPT2", "transformer."},
    {"bert", "Bert", "bert."},
    {"roberta", "Roberta", "roberta."},
    {"xlm-roberta", "XLMRoberta", "roberta."},
    {"camembert", "Camembert", "roberta."},
};

/// The sizes that every family can be built with, and more keys.
static std::string config(const std::string &family,
                          const std::string &more = "") {
  return R"({"model_type": ")" + family +
         R"(", "vocab_size": 33000, "hidden_size": 64,
            "intermediate_size": 200, "num_hidden_layers": 3,
            "num_attention_heads": 32)" +
         (more.empty() ? "" : ", ") + more + "}";
}

static ModelConfig parse(const std::string &text,
                         std::optional<HeadRequest> head = std::nullopt) {
  auto result = parseModelConfig(text, "config.json", head);
  EXPECT_TRUE(bool(result)) << result.message() << "\n" << text;
  return result ? *result : ModelConfig();
}

static std::string errorOf(const std::string &text,
                           std::optional<HeadRequest> head = std::nullopt) {
  auto result = parseModelConfig(text, "config.json", head);
  EXPECT_FALSE(bool(result)) << text;
  return result ? "" : result.message();
}

static void expectError(const std::string &text, const std::string &part,
                        std::optional<HeadRequest> head = std::nullopt) {
  std::string message = errorOf(text, head);
  EXPECT_EQ(message.find("config.json: "), 0u) << message;
  EXPECT_NE(message.find(part), std::string::npos)
      << text << "\n  gave: " << message << "\n  expected: " << part;
}

TEST(FamilyConfig, HeadsOfEveryFamily) {
  for (const auto &[family, className, prefix] : samples) {
    auto with = [&](const std::string &suffix) {
      return config(family, "\"architectures\": [\"" + className + suffix +
                                "\"], \"num_labels\": 7");
    };
    ModelConfig none = parse(with("Model"));
    EXPECT_EQ(none.head, ModelHead::None);
    EXPECT_EQ(none.prefix(), "");
    EXPECT_EQ(none.labels, 0);
    ModelConfig sequence = parse(with("ForSequenceClassification"));
    EXPECT_EQ(sequence.head, ModelHead::SequenceClassification);
    EXPECT_EQ(sequence.prefix(), prefix);
    EXPECT_EQ(sequence.labels, 7);
    if (family == "gemma3_text") {
      errorOf(with("ForTokenClassification"));
      errorOf(config(family, R"("architectures": ["Gemma3Model"])"));
    } else {
      EXPECT_EQ(parse(with("ForTokenClassification")).head,
                ModelHead::TokenClassification);
    }
    // Without an architecture, the head is the usual one of the family.
    EXPECT_EQ(parse(config(family)).head, parse(config(family)).isEncoder()
                                              ? ModelHead::None
                                              : ModelHead::LanguageModel);
    expectError(with("ForQuestionAnswering"),
                "ForQuestionAnswering' is not supported for model_type '" +
                    family + "'");
  }
}

TEST(FamilyConfig, HeadsThatAreNotComputedAreNamed) {
  ModelConfig model =
      parse(config("bert", R"("architectures": ["BertForPreTraining"])"));
  EXPECT_EQ(model.head, ModelHead::LanguageModel);
  ASSERT_EQ(model.warnings.size(), 1u);
  EXPECT_NE(model.warnings[0].find("of BertForPreTraining, the head for the "
                                   "next sentence is not computed"),
            std::string::npos)
      << model.warnings[0];
  for (const char *name : {"bert", "roberta"}) {
    model = parse(config(name, std::string("\"architectures\": [\"") +
                                   (*name == 'b' ? "Bert" : "Roberta") +
                                   "ForMaskedLM\"]"));
    EXPECT_EQ(model.head, ModelHead::LanguageModel);
    EXPECT_TRUE(model.warnings.empty());
  }
  expectError(
      config("roberta", R"("architectures": ["RobertaForPreTraining"])"),
      "'RobertaForPreTraining' is not supported");
  for (const char *name :
       {"BertLMHeadModel", "BertForNextSentencePrediction", "RobertaModel"})
    expectError(
        config("bert", std::string("\"architectures\": [\"") + name + "\"]"),
        std::string("architecture '") + name + "' is not supported");
  expectError(config("gpt2", R"("architectures": ["GPT2DoubleHeadsModel"])"),
              "supported are: GPT2LMHeadModel, GPT2Model, "
              "GPT2ForSequenceClassification, GPT2ForTokenClassification");
}

TEST(FamilyConfig, AnAdapterSaysWhichHead) {
  std::string masked =
      config("bert", R"("architectures": ["BertForMaskedLM"])");
  ModelConfig model =
      parse(masked, HeadRequest{ModelHead::SequenceClassification, 5});
  EXPECT_EQ(model.head, ModelHead::SequenceClassification);
  EXPECT_EQ(model.labels, 5);
  EXPECT_EQ(model.prefix(), "bert.");
  EXPECT_TRUE(model.warnings.empty());
  model = parse(masked, HeadRequest{ModelHead::TokenClassification});
  EXPECT_EQ(model.labels, 2);
  // The head of the file is replaced, even if it is not supported.
  model = parse(
      config("llama", R"("architectures": ["LlamaForQuestionAnswering"])"),
      HeadRequest{ModelHead::SequenceClassification, 3});
  EXPECT_EQ(model.labels, 3);
  expectError(
      config("llama", R"("architectures": ["Qwen2ForQuestionAnswering"])"),
      "is not supported for model_type 'llama'",
      HeadRequest{ModelHead::SequenceClassification, 3});
  EXPECT_EQ(parse(masked, HeadRequest{ModelHead::LanguageModel}).head,
            ModelHead::LanguageModel);
  expectError(config("gemma3_text"),
              "with a head for token classification is not supported",
              HeadRequest{ModelHead::TokenClassification});
  expectError(masked, "expected a number of labels from 1 to ",
              HeadRequest{ModelHead::TokenClassification, -1});
}

TEST(FamilyConfig, NamesOfWrappersInPlaceOfTheClass) {
  struct Case {
    const char *family, *name;
    ModelHead head;
  };
  for (auto [family, name, head] : {
           Case{"llama", "FSDPLlamaForCausalLM", ModelHead::LanguageModel},
           Case{"llama", "LLaMAForCausalLM", ModelHead::LanguageModel},
           Case{"qwen2", "PeftModelForCausalLM", ModelHead::LanguageModel},
           Case{"gpt2", "PeftModelForCausalLM", ModelHead::LanguageModel},
           Case{"bert", "PeftModelForSequenceClassification",
                ModelHead::SequenceClassification},
           Case{"bert", "PeftModelForFeatureExtraction", ModelHead::None},
           Case{"roberta", "FSDPRobertaForMaskedLM", ModelHead::LanguageModel},
       }) {
    std::string text =
        config(family, R"("architectures": [")" + std::string(name) + "\"]");
    ModelConfig model = parse(text);
    EXPECT_EQ(model.head, head) << name;
    std::string warnings;
    for (const std::string &warning : model.warnings)
      warnings += warning + "\n";
    EXPECT_NE(warnings.find("architecture '" + std::string(name) +
                            "' is not a class of transformers"),
              std::string::npos)
        << warnings;
    EXPECT_EQ(
        parse(text, HeadRequest{ModelHead::SequenceClassification, 3}).labels,
        3);
  }
  // A class whose name only ends in the same way may be anything, unless an
  // adapter says which head it was made for.
  std::string unknown =
      config("llama", R"("architectures": ["MyLlamaForCausalLM"])");
  expectError(unknown, "architecture 'MyLlamaForCausalLM' is not supported");
  EXPECT_EQ(parse(unknown, HeadRequest{ModelHead::LanguageModel}).head,
            ModelHead::LanguageModel);
  expectError(config("llama", R"("architectures": ["FSDPQwen2ForCausalLM"])"),
              "is not supported for model_type 'llama'");
}

TEST(FamilyConfig, RopeTypesAreWholeNames) {
  expectError(
      config("llama", R"("rope_parameters": {"rope_type": "default, linear"})"),
      "rope_type 'default, linear' is not supported");
}

TEST(FamilyConfig, Labels) {
  auto labels = [](const std::string &more) {
    return config(
        "phi3", R"("architectures": ["Phi3ForTokenClassification"], )" + more);
  };
  EXPECT_EQ(
      parse(labels(R"("id2label": {"0": "a", "1": "b", "2": "c"})")).labels, 3);
  expectError(labels(R"("id2label": ["a", "b"])"),
              "id2label: expected an object of labels by number, but got [");
  expectError(labels(R"("id2label": {})"), "id2label is empty");
  expectError(labels(R"("id2label": {"one": "a"})"),
              "id2label: expected numbers as keys, but got 'one'");
  expectError(labels(R"("num_labels": 0)"), "num_labels: expected a whole");
  expectError(labels(R"("num_labels": "3")"), "num_labels: expected a whole");
  expectError(labels(R"("num_labels": null)"), "num_labels: null");
  expectError(labels(R"("token_classification_bias": false)"),
              "token_classification_bias = false is not supported");
}

TEST(FamilyConfig, WhatChangesTheNumbersIsRefusedByName) {
  for (const Sample &sample : samples)
    for (const char *key :
         {R"("quantization_config": {"bits": 4})", R"("text_config": {})",
          R"("vision_config": {})", R"("use_bidirectional_attention": true)",
          R"("add_cross_attention": true)", R"("is_encoder_decoder": true)",
          R"("pruned_heads": {"0": [1]})",
          R"("per_layer_config": [{"hidden_size": 3}])"}) {
      std::string name = std::string(key).substr(1);
      expectError(config(sample.family, key), name.substr(0, name.find('"')));
    }
  for (const char *family : {"bert", "roberta", "xlm-roberta", "camembert"}) {
    expectError(config(family, R"("is_decoder": true)"),
                "is_decoder = true is not supported");
    expectError(config(family, R"("position_embedding_type": "relative_key")"),
                "position_embedding_type 'relative_key' is not supported");
  }
  expectError(config("gpt2", R"("scale_attn_by_inverse_layer_idx": true)"),
              "scale_attn_by_inverse_layer_idx = true is not supported");
  expectError(config("gpt2", R"("n_embd": 96)"),
              "n_embd is 96, but hidden_size is 64");
  expectError(config("phi3", R"("rope_scaling": {"type": "su",
    "short_factor": [1], "long_factor": [2]})"),
              "rope_scaling: rope_type 'su' is not supported; supported are: "
              "default, longrope");
  expectError(config("phi3", R"("rope_scaling": {"type": "longrope",
    "short_factor": [1, 2], "long_factor": [2]})"),
              "rope_scaling: short_factor: expected a list of 1 numbers above "
              "0, but got [1,2] (2 of them)");
  expectError(config("phi3", R"("head_dim": 16, "partial_rotary_factor": 2)"),
              "partial_rotary_factor = 2 gives 32 of head_dim 16 to turn");
  expectError(config("gemma2", R"("hidden_activation": "quick_gelu")"),
              "hidden_activation 'quick_gelu' is not supported");
  expectError(config("gemma2", R"("sliding_window": null)"),
              "layer 0 is sliding_attention, but sliding_window is null");
  expectError(config("gemma2", R"("attn_logit_softcapping": 0)"),
              "attn_logit_softcapping: expected a number above 0");
  expectError(config("roberta", R"("max_position_embeddings": 2)"),
              "max_position_embeddings: expected more than 2");
}

TEST(FamilyConfig, TokenIds) {
  expectError(config("bert", R"("pad_token_id": 33000)"),
              "pad_token_id: expected a token id below vocab_size 33000, but "
              "got 33000");
  expectError(config("llama", R"("pad_token_id": 1.5)"),
              "pad_token_id: expected a token id, but got 1.5");
  // The default of transformers, which is outside this vocabulary.
  std::string phi = config("phi3");
  phi.replace(phi.find("33000"), 5, "31000");
  expectError(phi, "but got 32000, the value of an absent key");
  EXPECT_EQ(parse(config("gpt2", R"("pad_token_id": 50257)")).padTokenId,
            50257);
  ModelConfig none = parse(config("llama", R"("pad_token_id": -1)"));
  EXPECT_FALSE(none.padTokenId);
  ASSERT_EQ(none.warnings.size(), 1u);
  EXPECT_NE(none.warnings[0].find("pad_token_id = -1 is no token"),
            std::string::npos);
  expectError(config("roberta", R"("pad_token_id": -1)"),
              "pad_token_id: expected a token id");
  ModelConfig ends = parse(config("llama", R"("eos_token_id": [3, 40000])"));
  EXPECT_EQ(ends.eosTokenIds, std::vector<int64_t>({3}));
  ASSERT_EQ(ends.warnings.size(), 1u);
  EXPECT_NE(ends.warnings[0].find("eos_token_id 40000 is outside"),
            std::string::npos);
}

/// Any value of any key gives a config, or a message that names the file.
TEST(FamilyConfig, HostileValuesAnywhere) {
  static const char *keys[] = {
      "model_type",
      "architectures",
      "vocab_size",
      "hidden_size",
      "intermediate_size",
      "num_hidden_layers",
      "num_attention_heads",
      "num_key_value_heads",
      "head_dim",
      "max_position_embeddings",
      "rms_norm_eps",
      "layer_norm_eps",
      "layer_norm_epsilon",
      "hidden_act",
      "hidden_activation",
      "activation_function",
      "attention_bias",
      "mlp_bias",
      "sliding_window",
      "use_sliding_window",
      "max_window_layers",
      "sliding_window_pattern",
      "layer_types",
      "rope_theta",
      "rope_local_base_freq",
      "rope_scaling",
      "rope_parameters",
      "partial_rotary_factor",
      "original_max_position_embeddings",
      "query_pre_attn_scalar",
      "attn_logit_softcapping",
      "final_logit_softcapping",
      "tie_word_embeddings",
      "pad_token_id",
      "eos_token_id",
      "type_vocab_size",
      "n_embd",
      "n_head",
      "n_layer",
      "n_positions",
      "n_inner",
      "scale_attn_weights",
      "id2label",
      "num_labels",
      "position_embedding_type",
      "is_decoder",
      "attention_dropout",
      "auto_map",
      "unknown",
  };
  static const char *values[] = {
      "null",
      "true",
      "-1",
      "0",
      "1",
      "0.5",
      "1e300",
      "5e-324",
      "16777216",
      "16777217",
      "2147483648",
      "9223372036854775807",
      "18446744073709551615",
      "\"\"",
      "\"1\"",
      "\"\\u0000\\ud83d\\ude00\"",
      "[]",
      "[0]",
      "[null, {}, -1, \"x\"]",
      "{}",
      "{\"\": {\"a\": [[[[]]]]}}",
      R"({"rope_type": null})",
      R"({"rope_type": "linear", "factor": 1e-300})",
      R"({"rope_type": "yarn", "factor": 1e300, "beta_fast": 1e-300})",
      R"({"rope_type": "yarn", "factor": null, "rope_theta": 1})",
      R"({"rope_type": "dynamic", "factor": 5e-324})",
      R"({"rope_type": "llama3", "factor": 1e300, "low_freq_factor": 1e-300,
          "high_freq_factor": 1e300})",
      R"({"rope_type": "longrope", "short_factor": "x", "long_factor": {}})",
      R"({"full_attention": 3, "sliding_attention": {"rope_type": []}})",
      R"({"full_attention": {"rope_type": "dynamic", "factor": 2}})"};
  size_t refused = 0;
  for (const Sample &sample : samples)
    for (const char *key : keys)
      for (const char *value : values) {
        std::string text = "{\"" + std::string(key) + "\": " + value;
        for (const char *other :
             {R"("vocab_size": 33000)", R"("hidden_size": 64)",
              R"("intermediate_size": 20)", R"("num_hidden_layers": 3)",
              R"("num_attention_heads": 32)"})
          if (std::string(other).find(std::string("\"") + key + "\"") ==
              std::string::npos)
            text += std::string(", ") + other;
        if (std::string(key) != "model_type")
          text += ", \"model_type\": \"" + sample.family + "\"";
        auto result = parseModelConfig(text + "}", "config.json");
        if (result) {
          EXPECT_GE(result->headDim, 1) << text;
          EXPECT_GE(result->maxPositions, 1) << text;
          EXPECT_EQ(result->ropes.empty(), result->positionRows > 0) << text;
          continue;
        }
        ++refused;
        EXPECT_EQ(result.message().find("config.json: "), 0u)
            << text << "\n"
            << result.message();
        EXPECT_LT(result.message().size(), 500u) << text;
      }
  EXPECT_GE(refused, 5000u);
}
