//===- ModelConfigTest.cpp - Every rule of config.json --------------------===//
//
// The rules that all families share: required keys, types, defaults, rotary
// settings, windows. Messages name the file and the key.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Import/ModelConfig.h"
#include "lora-runtime/Rotary.h"

#include "../Runtime/TestFiles.h"
#include <gtest/gtest.h>

#include <cmath>

using namespace lora;

/// A configuration of `family` with `more` keys, which begin with a comma. All
/// sizes are different, so that an exchange of two of them is noticed.
static std::string config(const std::string &family,
                          const std::string &more = "") {
  return R"({"model_type": ")" + family +
         R"(", "vocab_size": 131, "hidden_size": 128, "intermediate_size": 200,
            "num_hidden_layers": 6, "num_attention_heads": 32)" +
         more + "}";
}

static ModelConfig parse(const std::string &text) {
  auto result = parseModelConfig(text, "dir/config.json");
  EXPECT_TRUE(bool(result)) << result.message() << "\n" << text;
  return result ? *result : ModelConfig();
}

static void expectError(const std::string &text, const std::string &part) {
  auto result = parseModelConfig(text, "dir/config.json");
  EXPECT_FALSE(bool(result)) << text;
  EXPECT_EQ(result.message().find("dir/config.json: "), 0u) << result.message();
  EXPECT_NE(result.message().find(part), std::string::npos)
      << text << "\n  gave: " << result.message() << "\n  expected: " << part;
}

static std::string windows(const std::string &text) {
  std::string result;
  ModelConfig parsed = parse(text);
  for (const LayerConfig &layer : parsed.layers)
    result += layer.window ? std::to_string(*layer.window) + " " : "- ";
  return result;
}

TEST(ModelConfig, Sizes) {
  ModelConfig llama = parse(config("llama", R"(, "head_dim": 6,
    "num_key_value_heads": 16, "max_position_embeddings": 77,
    "rms_norm_eps": 1e-5)"));
  EXPECT_EQ(llama.vocabSize, 131);
  EXPECT_EQ(llama.hiddenSize, 128);
  EXPECT_EQ(llama.intermediateSize, 200);
  EXPECT_EQ(llama.layers.size(), 6u);
  EXPECT_EQ(llama.heads, 32);
  EXPECT_EQ(llama.kvHeads, 16);
  EXPECT_EQ(llama.headDim, 6);
  EXPECT_EQ(llama.maxPositions, 77);
  EXPECT_EQ(llama.normEps, 1e-5);
}

TEST(ModelConfig, AbsentKeysAreThoseOfTransformers) {
  ModelConfig llama = parse(config("llama")),
              mistral = parse(config("mistral"));
  ModelConfig qwen2 = parse(config("qwen2")), qwen3 = parse(config("qwen3"));
  EXPECT_EQ(llama.kvHeads, 32);
  EXPECT_EQ(mistral.kvHeads, 8);
  EXPECT_EQ(qwen2.kvHeads, 32);
  EXPECT_EQ(qwen3.kvHeads, 32);
  EXPECT_EQ(llama.headDim, 4);
  EXPECT_EQ(mistral.headDim, 4);
  EXPECT_EQ(qwen2.headDim, 4);
  EXPECT_EQ(qwen3.headDim, 128);
  for (const ModelConfig &config : {llama, mistral, qwen2, qwen3}) {
    EXPECT_EQ(config.normEps, 1e-6);
    EXPECT_EQ(config.ropes.at(0).theta, 10000.0);
    EXPECT_EQ(config.activation, MLPActivation::Silu);
    EXPECT_FALSE(config.tied);
    EXPECT_EQ(config.head, ModelHead::LanguageModel);
    EXPECT_FALSE(config.padTokenId);
    EXPECT_TRUE(config.warnings.empty());
  }
  EXPECT_EQ(llama.eosTokenIds, std::vector<int64_t>({2}));
  EXPECT_EQ(mistral.eosTokenIds, std::vector<int64_t>({2}));
  EXPECT_TRUE(qwen2.eosTokenIds.empty());
  EXPECT_TRUE(qwen3.eosTokenIds.empty());
  EXPECT_TRUE(
      parse(config("llama", R"(, "eos_token_id": null)")).eosTokenIds.empty());
  // A null differs from an absent key.
  EXPECT_EQ(
      parse(config("mistral", R"(, "num_key_value_heads": null)")).kvHeads, 32);
}

TEST(ModelConfig, RefusesSizesThatMakeNoSense) {
  for (const char *key : {"vocab_size", "hidden_size", "intermediate_size",
                          "num_hidden_layers", "num_attention_heads"}) {
    std::string text = config("llama");
    size_t at = text.find(std::string("\"") + key),
           end = text.find_first_of(",}", at);
    expectError(std::string(text).replace(at, end - at, "\"x\": 1"),
                std::string(key) + " is missing; take the config.json");
    for (const char *value :
         {"0", "-4", "4.0", "2.5", "1e3", "true", "\"4\"", "[4]", "{}",
          "9223372036854775807", "18446744073709551616", "1e400"}) {
      std::string wrong = std::string("\"") + key + "\": " + value;
      auto result = parseModelConfig(
          std::string(text).replace(at, end - at, wrong), "dir/config.json");
      EXPECT_FALSE(bool(result)) << wrong;
    }
    expectError(std::string(text).replace(at, end - at,
                                          std::string("\"") + key + "\": -4"),
                std::string(key) + ": expected a whole number from 1 to ");
  }
  expectError(config("llama", R"(, "num_key_value_heads": 0)"),
              "num_key_value_heads: expected a whole number");
  expectError(
      config("llama", R"(, "num_key_value_heads": 5)"),
      "num_attention_heads 32 is not a multiple of num_key_value_heads 5");
  expectError(config("llama", R"(, "head_dim": 7)"),
              "head_dim: expected an even number");
  expectError(config("llama", R"(, "head_dim": 16777216)"),
              "is above 16777216");
  expectError(config("llama", R"(, "max_position_embeddings": 4294967296)"),
              "max_position_embeddings: expected a whole number");
  expectError(R"({"model_type": "llama", "vocab_size": 1, "hidden_size": 10,
                  "intermediate_size": 1, "num_hidden_layers": 1,
                  "num_attention_heads": 4})",
              "hidden_size 10 is not a multiple of num_attention_heads 4");
}

TEST(ModelConfig, RefusesWhatIsNotAConfiguration) {
  expectError("", "JSON");
  expectError("{", "JSON");
  expectError("[1]", "expected a JSON object, but got [1]");
  expectError("{}", "neither model_type nor architectures is there");
  expectError(R"({"model_type": 3})", "model_type: expected a text, but got 3");
  expectError(R"({"model_type": "llama", "model_type": "qwen3"})", "twice");
  expectError(config("llama", R"(, "rms_norm_eps": 0)"),
              "rms_norm_eps: expected a number above 0, but got 0");
  expectError(config("llama", R"(, "rms_norm_eps": "1e-6")"), "rms_norm_eps");
  expectError(config("llama", R"(, "rope_theta": -1)"), "rope_theta");
  expectError(config("llama", R"(, "tie_word_embeddings": 1)"),
              "tie_word_embeddings: expected true or false, but got 1");
  expectError(config("llama", R"(, "eos_token_id": -1)"),
              "eos_token_id: expected token ids, but got -1");
}

TEST(ModelConfig, Causality) {
  for (const char *family : {"llama", "mistral", "qwen3", "gemma2"}) {
    EXPECT_TRUE(parse(config(family)).causal);
    EXPECT_TRUE(parse(config(family, R"(, "is_causal": true)")).causal);
    EXPECT_FALSE(parse(config(family, R"(, "is_causal": false)")).causal);
    // transformers takes these as true or false, or fails.
    for (const char *value : {"null", "0", "1", "\"\"", "\"no\"", "[]", "{}"})
      expectError(config(family, std::string(", \"is_causal\": ") + value),
                  "is_causal: expected true (each token sees those before it) "
                  "or false (all tokens see each other), but got");
  }
}

TEST(ModelConfig, TheFileOfTheWeights) {
  parse(config("llama", R"(, "transformers_weights": null)"));
  parse(config("llama", R"(, "transformers_weights": "model.safetensors")"));
  expectError(
      config("llama", R"(, "transformers_weights": "other.safetensors")"),
      "transformers_weights = \"other.safetensors\" names the file of the "
      "weights; call it model.safetensors");
}

TEST(ModelConfig, EmptyValuesThatMeanNothing) {
  for (const char *more :
       {R"("quantization_config": {})", R"("architectures": "")",
        R"("architectures": {})", R"("architectures": false)",
        R"("use_bidirectional_attention": false)", R"("pruned_heads": {})"}) {
    ModelConfig model = parse(config("llama", std::string(", ") + more));
    EXPECT_EQ(model.head, ModelHead::LanguageModel) << more;
    EXPECT_TRUE(model.warnings.empty()) << more;
  }
  for (const char *value : {"[]", "false", "0", "\"\""})
    expectError(
        config("llama", std::string(", \"quantization_config\": ") + value),
        "quantization_config: quantized checkpoints");
}

TEST(ModelConfig, FamiliesAndArchitectures) {
  expectError(config("gemma"),
              "model_type 'gemma' is not supported; supported are: llama, "
              "mistral, qwen2, qwen3, gemma2, gemma3_text, phi3, gpt2, bert, "
              "roberta, xlm-roberta, camembert");
  expectError(config("gemma3"), "the model of texts and images; save its "
                                "language model by itself (gemma3_text)");
  expectError(R"({"architectures": ["T5Model"]})",
              "architecture 'T5Model' is not supported");
  expectError(
      config("llama", R"(, "architectures": ["LlamaForQuestionAnswering"])"),
      "architecture 'LlamaForQuestionAnswering' is not supported for "
      "model_type 'llama'; supported are: LlamaForCausalLM, "
      "LlamaModel, LlamaForSequenceClassification, "
      "LlamaForTokenClassification");
  expectError(config("qwen2", R"(, "architectures": ["Qwen3ForCausalLM"])"),
              "architecture 'Qwen3ForCausalLM' is not supported for model_type "
              "'qwen2'");
  expectError(config("llama", R"(, "architectures": "LlamaForCausalLM")"),
              "architectures: expected a list of names");

  ModelConfig headless =
      parse(config("qwen3", R"(, "architectures": ["Qwen3Model"])"));
  EXPECT_EQ(headless.head, ModelHead::None);
  EXPECT_EQ(headless.prefix(), "");
  EXPECT_EQ(parse(config("qwen3")).prefix(), "model.");

  // Without model_type the architecture decides.
  std::string text =
      config("x", R"(, "architectures": ["MistralForCausalLM"])");
  text.replace(text.find(R"("model_type": "x")"), 17, R"("y": 0)");
  EXPECT_EQ(parse(text).family, ModelFamily::Mistral);
}

TEST(ModelConfig, RefusesByName) {
  expectError(config("llama", R"(, "quantization_config": {"bits": 4})"),
              "quantization_config: quantized checkpoints are not supported");
  expectError(config("llama", R"(, "text_config": {})"), "text_config");
  expectError(config("qwen3", R"(, "use_bidirectional_attention": true)"),
              "use_bidirectional_attention = true is not supported");
  expectError(config("llama", R"(, "partial_rotary_factor": 0.5)"),
              "partial_rotary_factor = 0.5 is not supported");
  expectError(config("llama", R"(, "hidden_act": "quick_gelu")"),
              "hidden_act 'quick_gelu' is not supported; supported are: silu");
  // Unset values do not matter.
  parse(config("llama", R"(, "quantization_config": null, "text_config": null,
    "use_bidirectional_attention": false, "partial_rotary_factor": 1.0,
    "hidden_act": "swish", "unknown": 7)"));
}

TEST(ModelConfig, Activations) {
  auto activation = [](const std::string &name) {
    return parse(config("llama", ", \"hidden_act\": \"" + name + "\""))
        .activation;
  };
  EXPECT_EQ(activation("silu"), MLPActivation::Silu);
  EXPECT_EQ(activation("gelu"), MLPActivation::GeluErf);
  EXPECT_EQ(activation("gelu_new"), MLPActivation::GeluTanh);
  EXPECT_EQ(activation("gelu_pytorch_tanh"), MLPActivation::GeluTanh);
  EXPECT_EQ(activation("relu"), MLPActivation::Relu);
}

TEST(ModelConfig, Rope) {
  auto theta = [](const std::string &more) {
    return parse(config("llama", more)).ropes.at(0).theta;
  };
  EXPECT_EQ(theta(R"(, "rope_theta": 5e5)"), 5e5);
  EXPECT_EQ(theta(R"(, "rope_theta": 7, "rope_parameters": {"rope_theta": 8})"),
            8);
  EXPECT_EQ(
      theta(
          R"(, "rope_theta": 7, "rope_parameters": {"rope_type": "default"})"),
      7);
  EXPECT_EQ(theta(R"(, "rope_theta": 7, "rope_parameters": {"rope_theta": 8},
                      "rope_scaling": {"type": "default", "rope_theta": 9})"),
            9);
  EXPECT_EQ(
      theta(R"(, "rope_parameters": {"rope_theta": 8}, "rope_scaling": {})"),
      8);
  EXPECT_EQ(theta(R"(, "rope_parameters": null, "rope_scaling": null)"), 10000);

  expectError(
      config("llama", R"(, "rope_scaling": {"rope_type": "su", "factor": 8})"),
      "rope_scaling: rope_type 'su' is not supported; supported are: default, "
      "linear, dynamic, yarn, longrope, llama3");
  expectError(
      config("llama",
             R"(, "rope_scaling": {"rope_type": "llama3", "factor": 8})"),
      "rope_scaling: low_freq_factor is missing; rope_type 'llama3' needs it");
  expectError(config("llama", R"(, "rope_scaling": {"type": "linear"})"),
              "rope_scaling: factor is missing; rope_type 'linear' needs it");
  expectError(config("llama", R"(, "rope_parameters": {"rope_type": "yarn"})"),
              "rope_parameters: factor is missing");
  expectError(config("llama", R"(, "rope_parameters": {"full_attention": {}})"),
              "rotary positions per layer type ('full_attention')");
  expectError(
      config("llama", R"(, "rope_parameters": {"partial_rotary_factor": 0.5})"),
      "partial_rotary_factor = 0.5");
  expectError(config("llama", R"(, "rope_scaling": "linear")"),
              "rope_scaling: expected an object, but got \"linear\"");
  expectError(config("llama", R"(, "rope_parameters": {"rope_theta": 0})"),
              "rope_parameters: rope_theta: expected a number above 0");
}

TEST(ModelConfig, Biases) {
  auto biases = [](const std::string &family, const std::string &more) {
    ModelConfig c = parse(config(family, more));
    return std::string(c.qkvBias ? "qkv " : "") + (c.outputBias ? "o " : "") +
           (c.mlpBias ? "mlp " : "") + (c.qkNorm ? "norm" : "");
  };
  std::string all = R"(, "attention_bias": true, "mlp_bias": true)";
  EXPECT_EQ(biases("llama", ""), "");
  EXPECT_EQ(biases("llama", all), "qkv o mlp ");
  EXPECT_EQ(biases("mistral", all), "");
  EXPECT_EQ(biases("qwen2", ""), "qkv ");
  EXPECT_EQ(biases("qwen2", all), "qkv ");
  EXPECT_EQ(biases("qwen3", ""), "norm");
  EXPECT_EQ(biases("qwen3", all), "qkv o norm");
}

TEST(ModelConfig, Windows) {
  std::string none = "- - - - - - ", all = "9 9 9 9 9 9 ";
  std::string window = R"(, "sliding_window": 9)";
  std::string use = R"(, "use_sliding_window": true)";
  EXPECT_EQ(windows(config("llama", window)), none);
  EXPECT_EQ(windows(config("mistral", window)), all);
  EXPECT_EQ(windows(config("mistral")), "4096 4096 4096 4096 4096 4096 ");
  EXPECT_EQ(windows(config("mistral", R"(, "sliding_window": null)")), none);
  for (const char *qwen : {"qwen2", "qwen3"}) {
    EXPECT_EQ(windows(config(qwen, window)), none);
    EXPECT_EQ(windows(config(qwen, window + use)), none) << "28 full layers";
    EXPECT_EQ(
        windows(config(qwen, window + use + R"(, "max_window_layers": 4)")),
        "- - - - 9 9 ");
    EXPECT_EQ(
        windows(config(qwen, window + use + R"(, "max_window_layers": 0)")),
        all);
    EXPECT_EQ(windows(config(qwen, use + R"(, "sliding_window": null)")), none);
    std::string types =
        R"(, "layer_types": ["full_attention", "sliding_attention",
      "full_attention", "full_attention", "full_attention", "sliding_attention"])";
    EXPECT_EQ(windows(config(qwen, window + use + types)), "- 9 - - - 9 ");
    expectError(config(qwen, window + types),
                "layer 1 is sliding_attention, but use_sliding_window is "
                "false; give a window, or set layer_types to full_attention");
    expectError(
        config(qwen, window + use + R"(, "layer_types": ["full_attention"])"),
        "layer_types: expected a list of 6 kinds of layers");
    expectError(
        config(qwen, window + use + R"(, "layer_types": [1, 2, 3, 4, 5, 6])"),
        "layer_types: layer 0 is 1; supported are");
    expectError(config(qwen, window + use + R"(, "max_window_layers": -1)"),
                "max_window_layers: expected a whole number");
    expectError(config(qwen, use + R"(, "sliding_window": -1)"),
                "sliding_window: expected a whole number");
  }
}

TEST(ModelConfig, Warnings) {
  ModelConfig c = parse(config("llama", R"(, "attention_dropout": 0.25,
    "auto_map": {"AutoModel": "code.Model"})"));
  ASSERT_EQ(c.warnings.size(), 1u);
  EXPECT_NE(c.warnings[0].find("auto_map"), std::string::npos);
  ASSERT_EQ(c.trainingWarnings.size(), 1u);
  EXPECT_NE(c.trainingWarnings[0].find("attention_dropout = 0.25"),
            std::string::npos);
}

TEST(ModelConfig, EndOfSequence) {
  TestFolder folder;
  folder.write("config.json", config("llama", R"(, "eos_token_id": 5)"));
  auto ids = [&]() {
    auto result = readModelConfig(folder.root());
    EXPECT_TRUE(bool(result)) << result.message();
    return result ? result->eosTokenIds : std::vector<int64_t>();
  };
  EXPECT_EQ(ids(), std::vector<int64_t>({5}));
  folder.write("generation_config.json", R"({"eos_token_id": [7, 8]})");
  EXPECT_EQ(ids(), std::vector<int64_t>({7, 8}));
  folder.write("generation_config.json", R"({"do_sample": true})");
  EXPECT_EQ(ids(), std::vector<int64_t>({5}));
  folder.write("generation_config.json", R"({"eos_token_id": "</s>"})");
  auto result = readModelConfig(folder.root());
  ASSERT_FALSE(bool(result));
  EXPECT_NE(result.message().find("generation_config.json: eos_token_id"),
            std::string::npos);
}

TEST(ModelConfig, KeysWithoutEffectAreNamed) {
  auto warnings = [](const std::string &more) {
    std::string text;
    for (const std::string &warning : parse(config("llama", more)).warnings)
      text += warning + "\n";
    return text;
  };
  EXPECT_EQ(warnings(R"(, "use_cache": true, "torch_dtype": "float16",
    "initializer_range": 0.1, "some_flag": false, "other": null)"),
            "");
  EXPECT_EQ(warnings(R"(, "sliding_window": 9, "zeta": [1])"),
            "dir/config.json: of llama, transformers does not read "
            "'sliding_window', 'zeta', and neither do we\n");
  EXPECT_EQ(warnings(R"(, "rope_scaling": {"type": "linear", "factor": 2,
                         "beta_fast": 32})"),
            "dir/config.json: rope_scaling: 'beta_fast' has no effect with "
            "rope_type 'linear'\n");
}

TEST(ModelConfig, LengthThatPositionsAreGoodFor) {
  auto length = [](const std::string &family, const std::string &rope) {
    return parse(config(family, R"(, "num_key_value_heads": 4,
      "max_position_embeddings": 100, )" +
                                    rope))
        .maxPositions;
  };
  EXPECT_EQ(length("llama", R"("rope_scaling": {"type": "default"})"), 100);
  EXPECT_EQ(
      length("llama", R"("rope_scaling": {"type": "linear", "factor": 2.5})"),
      250);
  EXPECT_EQ(
      length("qwen2", R"("rope_scaling": {"type": "dynamic", "factor": 3})"),
      300);
  EXPECT_EQ(length("llama", R"("rope_scaling": {"type": "yarn", "factor": 3,
                               "original_max_position_embeddings": 60})"),
            180);
  EXPECT_EQ(length("llama", R"("rope_scaling": {"type": "yarn", "factor": 3,
                               "original_max_position_embeddings": 20})"),
            100);
  // The layers with a window do not support a longer context than they say.
  EXPECT_EQ(length("gemma3_text",
                   R"("rope_scaling": {"rope_type": "linear", "factor": 8})"),
            100);
  EXPECT_EQ(
      length("llama", R"("rope_scaling": {"type": "linear", "factor": 1e12})"),
      2147483647);
}

TEST(ModelConfig, InverseFrequencies) {
  std::vector<float> frequencies = lora_rt::rotaryFrequencies(1e6, 24);
  ASSERT_EQ(frequencies.size(), 12u);
  for (int i = 0; i < 12; ++i) {
    double exact = std::pow(1e6, -2.0 * i / 24);
    EXPECT_NEAR(frequencies[size_t(i)] / exact, 1.0, 4e-7) << i;
  }
  EXPECT_EQ(frequencies[0], 1.0f);
}
