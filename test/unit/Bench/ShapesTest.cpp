//===- ShapesTest.cpp - Published shapes and the importer -----------------===//
//
// The numbers of parameters are those in the models' pages and papers. They
// check the table and the importer's list of tensors together.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Bench/Shapes.h"
#include "lora-mlir/Bench/ModelCost.h"
#include "lora-mlir/Import/CheckpointTensors.h"
#include "lora-mlir/Import/Import.h"
#include "mlir/IR/MLIRContext.h"

#include <gtest/gtest.h>
#include <map>

#include "../Runtime/TestFiles.h"

using namespace lora;
using namespace lora::bench;
using namespace lora_rt;

namespace {

/// A checkpoint whose tensors have shapes, but no bytes; nobody reads them.
Checkpoint emptyCheckpoint(const std::vector<CheckpointTensor> &tensors) {
  std::vector<TensorView> views;
  for (const CheckpointTensor &tensor : tensors) {
    TensorView view;
    view.name = tensor.name;
    view.shape = tensor.shape;
    views.push_back(std::move(view));
  }
  return Checkpoint::fromTensors("memory", std::move(views));
}

class Shapes : public ::testing::TestWithParam<Shape> {};

} // namespace

TEST_P(Shapes, IsImportedWithItsOwnTensorsAndNoOthers) {
  Expected<ModelConfig> config =
      parseModelConfig(GetParam().config, std::string(GetParam().name));
  ASSERT_TRUE(config) << config.message();
  std::vector<CheckpointTensor> tensors = checkpointTensors(*config);
  mlir::MLIRContext context;
  ImportOptions options;
  std::string warnings;
  options.warning = [&](const std::string &text) { warnings += text + "\n"; };
  auto module =
      importModel(context, *config, emptyCheckpoint(tensors), options);
  ASSERT_TRUE(module) << module.message();
  EXPECT_EQ(warnings.find("not used"), std::string::npos) << warnings;

  // Each tensor is needed, except for a pooler.
  for (size_t i = 0; i < tensors.size(); i += 1 + tensors.size() / 7) {
    if (tensors[i].name.find("pooler") != std::string::npos)
      continue;
    std::vector<CheckpointTensor> fewer = tensors;
    fewer.erase(fewer.begin() + ptrdiff_t(i));
    auto incomplete = importModel(context, *config, emptyCheckpoint(fewer));
    ASSERT_FALSE(incomplete) << tensors[i].name;
    EXPECT_NE(incomplete.message().find(tensors[i].name), std::string::npos)
        << incomplete.message();
  }
}

TEST_P(Shapes, HasAsManyParametersAsPublished) {
  const std::map<std::string_view, int64_t> published = {
      {"llama-3.2-1b", 1'235'814'400}, {"llama-3.2-3b", 3'212'749'824},
      {"llama-3.1-8b", 8'030'261'248}, {"qwen2.5-0.5b", 494'032'768},
      {"qwen3-0.6b", 596'049'920},     {"gemma-2-2b", 2'614'341'888},
      {"phi-3-mini", 3'821'079'552},   {"gpt2", 124'439'808},
      {"minilm-l6", 22'713'216},       {"bert-base", 109'514'298},
      {"stories-260k", 260'032},       {"bert-tiny", 4'385'920}};
  Expected<ModelConfig> config =
      parseModelConfig(GetParam().config, std::string(GetParam().name));
  ASSERT_TRUE(config) << config.message();
  auto known = published.find(GetParam().name);
  ASSERT_NE(known, published.end()) << "a shape without a published number";
  EXPECT_EQ(ModelCost(*config, DType::BF16, 0).parameters(), known->second);
}

INSTANTIATE_TEST_SUITE_P(All, Shapes, ::testing::ValuesIn(shapes()),
                         [](const auto &info) {
                           std::string name(info.param.name);
                           for (char &c : name)
                             if (!isalnum(static_cast<unsigned char>(c)))
                               c = '_';
                           return name;
                         });

TEST(FindShape, ByNameFileAndFolder) {
  Expected<ShapeChoice> byName = findShape("gpt2");
  ASSERT_TRUE(byName);
  EXPECT_EQ(byName->name, "gpt2");
  TestFolder folder;
  folder.write("config.json", "{\"my\": \"own\"}");
  for (std::string path : {folder.root(), folder.path("config.json")}) {
    Expected<ShapeChoice> own = findShape(path);
    ASSERT_TRUE(own) << own.message();
    EXPECT_EQ(own->config, "{\"my\": \"own\"}");
  }
}

TEST(FindShape, UnknownNamesAreRefusedWithTheKnownOnes) {
  Expected<ShapeChoice> shape = findShape("llama-3.2-1");
  ASSERT_FALSE(shape);
  EXPECT_NE(shape.message().find("'llama-3.2-1'"), std::string::npos);
  EXPECT_NE(shape.message().find("did you mean 'llama-3.2-1b'"),
            std::string::npos)
      << shape.message();
  EXPECT_NE(shape.message().find("minilm-l6"), std::string::npos);
}
