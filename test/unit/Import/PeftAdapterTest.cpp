//===- PeftAdapterTest.cpp - Adapter folders, read and written ------------===//
//
// Names of tensors in adapter_model.safetensors, with their prefixes and
// wrappers, and folders that are written as PEFT writes them.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Import/PeftAdapter.h"

#include "../Runtime/TestFiles.h"
#include <gtest/gtest.h>

using namespace lora::peft;
using namespace lora_rt;

namespace {

std::string readAll(const std::string &path) {
  auto text = readTextFile(path);
  EXPECT_TRUE(text) << text.message();
  return text ? *text : "";
}

/// Writes a checkpoint of f32 zeros.
void writeTensors(const TestFolder &folder,
                  std::map<std::string, std::vector<int64_t>> shapes,
                  const std::string &file = "adapter_model.safetensors") {
  std::vector<TensorSpec> specs;
  for (const auto &[name, shape] : shapes)
    specs.push_back({name, DType::F32, shape});
  auto writer = SafetensorsWriter::create(folder.path(file), specs);
  ASSERT_TRUE(writer) << writer.message();
  for (const auto &[name, shape] : shapes) {
    int64_t count = 1;
    for (int64_t size : shape)
      count *= size;
    std::vector<float> zeros(static_cast<size_t>(count));
    Error error = writer->writeFloats(name, zeros);
    ASSERT_FALSE(error) << error.message();
  }
  Error error = writer->commit();
  ASSERT_FALSE(error) << error.message();
}

const char *const config =
    R"({"peft_type": "LORA", "r": 2, "target_modules": ["q"]})";

TEST(PeftAdapter, WritesTheBytesThatPeftWrote) {
  for (const char *name :
       {"llama", "llama-bias", "mistral", "qwen2", "qwen3"}) {
    SCOPED_TRACE(name);
    std::string source =
        std::string(LORA_TEST_FIXTURES "/") + name + "/adapter";
    auto adapter = PeftAdapter::open(source);
    ASSERT_TRUE(adapter) << adapter.message();
    EXPECT_FALSE(adapter->isHeadless());
    std::vector<AdapterTensor> tensors;
    // In reverse order: the order in the file is that of the format.
    auto names = adapter->names();
    for (auto it = names.rbegin(); it != names.rend(); ++it) {
      const TensorView *view = adapter->find(*it);
      ASSERT_NE(view, nullptr) << *it;
      AdapterTensor tensor{adapter->keyOf(*it), view->shape, {}};
      tensor.values.resize(view->elements());
      Error error =
          convertToFloat(view->dtype, view->bytes.data(), tensor.values);
      ASSERT_FALSE(error) << error.message();
      tensors.push_back(std::move(tensor));
    }
    TestFolder folder;
    Error error =
        writePeftAdapter(folder.path("out"), adapter->config(), tensors);
    ASSERT_FALSE(error) << error.message();
    // The config of the fixture ends in a newline, which PEFT does not write.
    EXPECT_EQ(readAll(folder.path("out/adapter_config.json")) + "\n",
              readAll(source + "/adapter_config.json"));
    EXPECT_TRUE(readAll(folder.path("out/adapter_model.safetensors")) ==
                readAll(source + "/adapter_model.safetensors"));
  }
}

TEST(PeftAdapter, FindsTensorsByModule) {
  TestFolder folder;
  folder.write("adapter_config.json", config);
  writeTensors(
      folder,
      {{"base_model.model.model.layers.0.q.lora_A.default.weight", {2, 3}},
       {"base_model.model.model.layers.0.q.lora_B.weight", {4, 2}}});
  auto adapter = PeftAdapter::open(folder.root());
  ASSERT_TRUE(adapter) << adapter.message();
  ASSERT_NE(adapter->find("model.layers.0.q.lora_A.weight"), nullptr);
  EXPECT_EQ(adapter->find("model.layers.0.q.lora_A.weight")->shape,
            (std::vector<int64_t>{2, 3}));
  // An adapter for the model without its head.
  EXPECT_NE(adapter->find("layers.0.q.lora_A.weight"), nullptr);
  EXPECT_EQ(adapter->keyOf("layers.0.q.lora_B.weight"),
            "base_model.model.model.layers.0.q.lora_B.weight");
  EXPECT_EQ(adapter->find("layers.0.k.lora_A.weight"), nullptr);
  EXPECT_EQ(adapter->keyOf("model.layers.0.q.lora_B.weight"),
            "base_model.model.model.layers.0.q.lora_B.weight");
}

TEST(PeftAdapter, OfAModelWithoutItsHead) {
  TestFolder folder;
  folder.write("adapter_config.json", config);
  writeTensors(folder, {{"base_model.model.layers.0.q.lora_A.weight", {2, 3}}});
  auto adapter = PeftAdapter::open(folder.root());
  ASSERT_TRUE(adapter) << adapter.message();
  EXPECT_TRUE(adapter->isHeadless());
  EXPECT_NE(adapter->find("model.layers.0.q.lora_A.weight"), nullptr);
  EXPECT_EQ(adapter->keyOf("model.layers.0.q.lora_A.weight"),
            "base_model.model.layers.0.q.lora_A.weight");
}

TEST(PeftAdapter, ReadsTheNamesOfAllVersions) {
  TestFolder folder;
  folder.write("adapter_config.json",
               R"({"peft_type": "LORA", "r": 2, "target_modules": ["q"],
                   "velora_config": {"num_groups": 4}, "bias": "all",
                   "modules_to_save": ["norm", "d"]})");
  std::string base = "base_model.model.model.";
  writeTensors(
      folder,
      {{base + "q.lora_A.default.weight", {2, 3}},
       {base + "q.lora_B.default.bias", {4}},
       {base + "q.lora_magnitude_vector.default.weight", {4}},
       {base + "q.lora_velora_embed", {4}},
       {base + "q.base_layer.bias", {4}},
       {base + "k.lora_magnitude_vector", {4}},
       {base + "embed_tokens.lora_embedding_A.default", {2, 7}},
       {base + "embed_tokens.token_adapter.trainable_tokens_delta", {1, 3}},
       {base + "norm.modules_to_save.default.weight", {3}},
       {base + "d.bias", {3}},
       {base + "d.modules_to_save.bias", {3}},
       {base + "d.original_module.bias", {3}}});
  auto adapter = PeftAdapter::open(folder.root());
  ASSERT_TRUE(adapter) << adapter.message();
  std::vector<std::string> names;
  for (std::string_view name : adapter->names())
    names.emplace_back(name);
  EXPECT_EQ(names,
            (std::vector<std::string>{
                "model.d.bias", "model.embed_tokens.lora_embedding_A",
                "model.embed_tokens.token_adapter.trainable_tokens_delta",
                "model.k.lora_magnitude_vector", "model.norm.weight",
                "model.q.base_layer.bias", "model.q.lora_A.weight",
                "model.q.lora_B.bias", "model.q.lora_magnitude_vector"}));
  EXPECT_EQ(adapter->ignored(),
            (std::vector<std::string>{base + "d.modules_to_save.bias",
                                      base + "d.original_module.bias",
                                      base + "q.lora_velora_embed"}));
  EXPECT_EQ(adapter->overwriting("model.q.bias"), "model.q.base_layer.bias");
  EXPECT_EQ(adapter->overwriting("norm.weight"), "norm.weight");
  EXPECT_EQ(adapter->overwriting("model.q.weight"), "");
  EXPECT_EQ(adapter->overwriting("model.q.lora_A.weight"), "");
}

TEST(PeftAdapter, OfATiedWeightMayHoldOne) {
  TestFolder folder;
  auto open = [&](const char *saved, const char *name) {
    folder.write("adapter_config.json",
                 std::string(R"({"peft_type": "LORA", "modules_to_save": )") +
                     saved + "}");
    writeTensors(folder, {{"base_model.model." + std::string(name), {7, 3}}});
    return PeftAdapter::open(folder.root());
  };
  // A resized vocabulary gives one parameter.
  auto adapter = open("null", "model.embed_tokens.base_layer.weight");
  ASSERT_TRUE(adapter) << adapter.message();
  EXPECT_NE(adapter->find("lm_head.weight"), nullptr);
  EXPECT_EQ(adapter->findOwn("lm_head.weight"), nullptr);
  EXPECT_EQ(adapter->find("lm_head.lora_A.weight"), nullptr);
  // A head that is a target, and its base weight.
  adapter = open("null", "lm_head.base_layer.weight");
  ASSERT_TRUE(adapter) << adapter.message();
  EXPECT_NE(adapter->find("model.embed_tokens.weight"), nullptr);
  EXPECT_EQ(adapter->findOwn("model.embed_tokens.weight"), nullptr);
  // A copy that was trained.
  adapter = open("[\"embed_tokens\"]", "model.embed_tokens.weight");
  ASSERT_TRUE(adapter) << adapter.message();
  EXPECT_EQ(adapter->find("lm_head.weight"), nullptr);
}

TEST(PeftAdapter, ReadsOneOfThreeCopies) {
  // A resized vocabulary, embed_tokens trained in full, the head tied.
  TestFolder folder;
  folder.write("adapter_config.json",
               R"({"peft_type": "LORA", "modules_to_save": ["embed_tokens"]})");
  std::string table = "base_model.model.model.embed_tokens.";
  std::string magnitude = "base_model.model.q.lora_magnitude_vector";
  writeTensors(folder, {{table + "weight", {7, 3}},
                        {table + "modules_to_save.weight", {7, 4}},
                        {table + "original_module.weight", {7, 5}},
                        {magnitude, {6}},
                        {magnitude + ".weight", {6}}});
  auto adapter = PeftAdapter::open(folder.root());
  ASSERT_TRUE(adapter) << adapter.message();
  EXPECT_EQ(adapter->find("model.embed_tokens.weight")->shape[1], 3);
  EXPECT_EQ(adapter->findOriginal("model.embed_tokens.weight")->shape[1], 5);
  EXPECT_EQ(adapter->findOriginal("lm_head.weight"), nullptr);
  // The head has the weight of the base model.
  EXPECT_EQ(adapter->findOwn("lm_head.weight"), nullptr);
  EXPECT_EQ(adapter->find("lm_head.weight")->shape[1], 5);
  // PEFT saves a targeted embedding of GPT-2 with its magnitudes twice.
  EXPECT_EQ(adapter->names().size(), 2u);
  EXPECT_EQ(adapter->ignored().size(), 3u);
}

TEST(PeftAdapter, SaysWhatTheModelMustBe) {
  using Head = lora_rt::ModelHead;
  struct Case {
    const char *config, *name;
    std::vector<int64_t> shape;
    std::optional<Head> head;
    int64_t labels;
    std::optional<int64_t> vocabSize;
  } cases[] = {
      {R"("task_type": "CAUSAL_LM")",
       "model.q.lora_A.weight",
       {2, 3},
       Head::LanguageModel,
       0,
       std::nullopt},
      {R"("task_type": "SEQ_CLS")",
       "score.weight",
       {5, 3},
       Head::SequenceClassification,
       5,
       std::nullopt},
      {R"("task_type": "SEQ_CLS")",
       "classifier.out_proj.weight",
       {4, 3},
       Head::SequenceClassification,
       4,
       std::nullopt},
      {R"("task_type": "TOKEN_CLS")",
       "classifier.weight",
       {6, 3},
       Head::TokenClassification,
       6,
       std::nullopt},
      {R"("auto_mapping": {"base_model_class": "GPT2LMHeadModel"})",
       "transformer.wte.weight",
       {77, 3},
       Head::LanguageModel,
       0,
       77},
      {R"("auto_mapping": {"base_model_class": "RobertaModel"})",
       "embeddings.word_embeddings.base_layer.weight",
       {78, 3},
       Head::None,
       0,
       78},
      {R"("r": 2)",
       "layers.0.q.lora_A.weight",
       {2, 3},
       Head::None,
       0,
       std::nullopt},
      {R"("r": 2)",
       "h.0.attn.c_attn.lora_A.weight",
       {2, 3},
       Head::None,
       0,
       std::nullopt},
      {R"("r": 2)",
       "bert.q.lora_A.weight",
       {2, 3},
       std::nullopt,
       0,
       std::nullopt},
      {R"("r": 2)", "lm_head.lora_B.weight", {79, 2}, std::nullopt, 0, 79},
      {R"("r": 2)",
       "transformer.wte.lora_embedding_A",
       {2, 80},
       std::nullopt,
       0,
       80},
      {R"("r": 2)",
       "cls.predictions.decoder.lora_B.weight",
       {81, 2},
       std::nullopt,
       0,
       81},
  };
  for (const Case &test : cases) {
    TestFolder folder;
    folder.write("adapter_config.json",
                 std::string(R"({"peft_type": "LORA", )") + test.config + "}");
    writeTensors(folder,
                 {{"base_model.model." + std::string(test.name), test.shape}});
    auto adapter = PeftAdapter::open(folder.root());
    ASSERT_TRUE(adapter) << adapter.message();
    auto facts = adapter->facts();
    ASSERT_TRUE(facts) << facts.message();
    EXPECT_EQ(facts->head, test.head) << test.name;
    EXPECT_EQ(facts->labels, test.labels) << test.name;
    EXPECT_EQ(facts->vocabSize, test.vocabSize) << test.name;
  }
  TestFolder rows;
  rows.write("adapter_config.json",
             R"({"peft_type": "LORA", "trainable_token_indices":
                 {"wte": [5, 88], "lm_head": [7]}})");
  writeTensors(rows, {{"base_model.model.transformer.wte.token_adapter."
                       "trainable_tokens_delta",
                       {2, 3}}});
  auto tokens = PeftAdapter::open(rows.root());
  ASSERT_TRUE(tokens) << tokens.message();
  EXPECT_EQ(tokens->facts()->leastVocabSize, 89);
  EXPECT_EQ(tokens->facts()->vocabSize, std::nullopt);
  TestFolder folder;
  folder.write(
      "adapter_config.json",
      R"({"peft_type": "LORA", "auto_mapping": {"base_model_class": "BertForQuestionAnswering"}})");
  writeTensors(folder, {{"base_model.model.bert.q.lora_A.weight", {2, 3}}});
  auto adapter = PeftAdapter::open(folder.root());
  ASSERT_TRUE(adapter) << adapter.message();
  auto facts = adapter->facts();
  ASSERT_FALSE(facts);
  EXPECT_NE(facts.message().find("was made for BertForQuestionAnswering"),
            std::string::npos)
      << facts.message();
}

TEST(PeftAdapter, ClassesThatEndAlikeAreOtherModels) {
  for (const char *name : {"GPT2DoubleHeadsModel", "LlamaBiModel",
                           "LlamaBiForCausalLM", "XForCausalLM", "Model"}) {
    TestFolder folder;
    folder.write(
        "adapter_config.json",
        R"({"peft_type": "LORA", "auto_mapping": {"base_model_class": ")" +
            std::string(name) + "\"}}");
    writeTensors(folder, {{"base_model.model.h.q.lora_A.weight", {2, 3}}});
    auto adapter = PeftAdapter::open(folder.root());
    ASSERT_TRUE(adapter) << adapter.message();
    auto facts = adapter->facts();
    ASSERT_FALSE(facts) << name;
    EXPECT_NE(facts.message().find("was made for " + std::string(name)),
              std::string::npos)
        << facts.message();
  }
}

TEST(PeftAdapter, TensorsThatHoldNothing) {
  TestFolder folder;
  folder.write("adapter_config.json", R"({"peft_type": "LORA"})");
  writeTensors(folder, {{"base_model.model.h.q.lora_A.weight", {0}}});
  auto adapter = PeftAdapter::open(folder.root());
  ASSERT_FALSE(adapter);
  EXPECT_NE(adapter.message().find("tensor 'base_model.model.h.q.lora_A.weight'"
                                   " is [0], so it holds nothing: the adapter "
                                   "was saved under DeepSpeed ZeRO-3"),
            std::string::npos)
      << adapter.message();
}

TEST(PeftAdapter, SaysWhatIsMissing) {
  TestFolder folder;
  auto expectFailure = [&](const char *message) {
    auto adapter = PeftAdapter::open(folder.root());
    ASSERT_FALSE(adapter);
    EXPECT_NE(adapter.message().find(message), std::string::npos)
        << adapter.message();
  };
  expectFailure("no adapter_config.json");
  folder.write("adapter_config.json", config);
  expectFailure("neither adapter_model.safetensors nor "
                "adapter_model.safetensors.index.json is there");
  folder.write("adapter_model.bin", "");
  expectFailure(
      "adapter_model.bin holds weights as a pickle, which can run code");
  writeTensors(folder, {{"model.layers.0.q.lora_A.weight", {2, 3}}});
  expectFailure("to begin with 'base_model.model.'");
  writeTensors(folder, {{"base_model.model.q.lora_A.weight", {2, 3}},
                        {"base_model.model.q.lora_A.default.weight", {2, 4}}});
  expectFailure("are the same one, but their values differ");
  writeTensors(folder, {{"base_model.model.norm.modules_to_save.weight", {3}}});
  expectFailure("'modules_to_save' in adapter_config.json does not name "
                "'norm'");
}

} // namespace
