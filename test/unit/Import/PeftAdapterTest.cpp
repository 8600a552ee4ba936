//===- PeftAdapterTest.cpp - Adapter folders, read and written ------------===//

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
    std::vector<float> zeros(shape[0] * shape[1]);
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
    // Backwards: the order in the file is the format's, not ours.
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
    // The fixture's config ends in a newline that PEFT does not write.
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
  // The model without its head.
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
  expectFailure("an adapter without weights cannot be attached");
  folder.write("adapter_model.bin", "");
  expectFailure("adapter_model.bin is a pickle");
  writeTensors(folder, {{"model.layers.0.q.lora_A.weight", {2, 3}}});
  expectFailure("to begin with 'base_model.model.'");
  writeTensors(folder, {{"base_model.model.q.lora_A.weight", {2, 3}},
                        {"base_model.model.q.lora_A.default.weight", {2, 3}}});
  expectFailure("are the same one");
}

} // namespace
