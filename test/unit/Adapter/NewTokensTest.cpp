//===- NewTokensTest.cpp - Adapters of models with another vocabulary -----===//
//
// The cases: vocabularies that grew, shrank or stayed; embedding and head
// trained in full, by low rank, by rows, or not at all; one shared weight or
// two. What PEFT computes is recorded (tools/dev/record_new_tokens.py). The
// merged model must have the same embedding and head. What PEFT cannot restore
// is refused.
//
//===----------------------------------------------------------------------===//

#include "TestFiles.h"
#include "lora-mlir/Adapter/Models.h"
#include "lora-runtime/Checkpoint.h"
#include "lora-runtime/File.h"
#include "lora-runtime/Numeric.h"

#include <nlohmann/json.hpp>

using namespace lora;
using namespace lora::test;
using lora_rt::Checkpoint;
using lora_rt::SafetensorsFile;
using lora_rt::TensorView;
using Json = nlohmann::json;

namespace {

const std::string inputs = LORA_TEST_INPUTS "/new-tokens";

std::string readText(const std::string &path) {
  auto text = lora_rt::readTextFile(path);
  EXPECT_TRUE(text) << path;
  return text ? *text : std::string();
}

/// Makes the adapter folder of a case. `common` has what all cases share.
void writeAdapter(const std::string &folder, const Json &adapter,
                  const Json &common, const SafetensorsFile &pool) {
  std::filesystem::create_directory(folder);
  Json config = common.at("config"), tensors = common.at("tensors");
  config.update(adapter.at("config"));
  tensors.update(adapter.at("tensors"));
  ASSERT_FALSE(
      lora_rt::writeTextFile(folder + "/adapter_config.json", config.dump()));
  std::vector<lora_rt::TensorSpec> specs;
  std::vector<const TensorView *> views;
  for (const auto &[name, value] : tensors.items()) {
    views.push_back(pool.find(value.get<std::string>()));
    ASSERT_TRUE(views.back()) << name;
    specs.push_back(
        {"base_model.model." + name, views.back()->dtype, views.back()->shape});
  }
  auto writer = lora_rt::SafetensorsWriter::create(
      folder + "/adapter_model.safetensors", specs);
  ASSERT_TRUE(writer) << writer.message();
  for (size_t i = 0; i < specs.size(); ++i)
    ASSERT_FALSE(writer->write(specs[i].name, views[i]->bytes));
  ASSERT_FALSE(writer->commit());
}

std::vector<float> toFloats(const TensorView &tensor) {
  std::vector<float> values(size_t(tensor.elements()));
  EXPECT_FALSE(
      lora_rt::convertToFloat(tensor.dtype, tensor.bytes.data(), values));
  return values;
}

const TensorView *findFirst(const Checkpoint &model,
                            const std::vector<std::string> &names) {
  for (const std::string &name : names)
    if (const TensorView *tensor = model.find(name))
      return tensor;
  return nullptr;
}

/// Compares a tensor with the recorded one.
void expectEqual(const TensorView *found, const TensorView *expected,
                 const std::string &what) {
  ASSERT_TRUE(found) << what;
  ASSERT_TRUE(expected) << what;
  ASSERT_EQ(found->shape, expected->shape) << what;
  std::vector<float> a = toFloats(*found), b = toFloats(*expected);
  for (size_t i = 0; i < a.size(); ++i)
    ASSERT_NEAR(a[i], b[i], 2e-6) << what << ", element " << i;
}

const std::vector<std::string> embeddings = {
    "model.embed_tokens.weight", "transformer.wte.weight",
    "bert.embeddings.word_embeddings.weight",
    "roberta.embeddings.word_embeddings.weight"};

/// Checks what transformers would read from the merged folder.
void checkModel(const std::string &folder, const Json &adapter,
                const SafetensorsFile &pool) {
  auto model = Checkpoint::open(folder);
  ASSERT_TRUE(model) << model.message();
  Json config = Json::parse(readText(folder + "/config.json"));
  auto expected = [&](const char *name) {
    return pool.find(adapter.at(name).get<std::string>());
  };
  const TensorView *embedding = findFirst(*model, embeddings);
  expectEqual(embedding, expected("embedding"), "the embedding");
  EXPECT_EQ(config.at("vocab_size"), expected("embedding")->shape[0]);
  const TensorView *head = findFirst(
      *model, {"lm_head.weight", "cls.predictions.decoder.weight",
               "lm_head.decoder.weight", "score.weight", "classifier.weight"});
  bool tied = config.value("tie_word_embeddings", true) &&
              expected("head")->shape == expected("embedding")->shape;
  expectEqual(head && !tied ? head : embedding, expected("head"), "the head");
  if (tied && head)
    expectEqual(head, expected("head"), "the head's copy");
  if (adapter.contains("bias"))
    expectEqual(findFirst(*model, {"cls.predictions.decoder.bias",
                                   "cls.predictions.bias",
                                   "lm_head.decoder."
                                   "bias",
                                   "lm_head.bias", "classifier.bias"}),
                expected("bias"), "the head's bias");
}

class NewTokens : public ::testing::TestWithParam<const char *> {};

TEST_P(NewTokens, MergeAsInPeft) {
  Json models = Json::parse(readText(inputs + "/cases.json"));
  auto pool = SafetensorsFile::open(inputs + "/tensors.safetensors");
  ASSERT_TRUE(pool) << pool.message();
  TemporaryFolder work;
  size_t merged = 0, refused = 0;
  const Json &common = models.at(GetParam()).at("common");
  for (const auto &[label, adapter] : models.at(GetParam()).items()) {
    if (label == "common")
      continue;
    SCOPED_TRACE(label);
    std::string number = std::to_string(merged + refused);
    std::string folder = work / ("adapter" + number);
    writeAdapter(folder, adapter, common, *pool);
    MergeOptions options{inputs + "/models/" + GetParam(), folder,
                         work / ("merged" + number)};
    auto report = mergeModel(options);
    if (adapter.contains("head")) {
      ++merged;
      EXPECT_TRUE(report) << report.message();
      if (report)
        checkModel(options.outputFolder, adapter, *pool);
      continue;
    }
    ++refused;
    EXPECT_FALSE(report) << "PEFT does not give this adapter back";
    if (!report) {
      EXPECT_NE(report.message().find(folder), std::string::npos)
          << report.message();
      EXPECT_EQ(report.message().find("config.json calls"), std::string::npos)
          << report.message();
    }
  }
  EXPECT_GT(merged, 0u);
}

INSTANTIATE_TEST_SUITE_P(
    Models, NewTokens,
    ::testing::Values("llama-tied", "llama-untied", "gpt2-tied", "gpt2-untied",
                      "qwen2-tied", "qwen2-untied", "gemma2-tied",
                      "gemma2-untied", "llama-seqcls", "bert-seqcls",
                      "bert-maskedlm-tied", "bert-maskedlm-untied",
                      "roberta-maskedlm-tied", "roberta-maskedlm-untied"),
    [](const auto &info) {
      std::string name = info.param;
      std::replace(name.begin(), name.end(), '-', '_');
      return name;
    });

} // namespace
