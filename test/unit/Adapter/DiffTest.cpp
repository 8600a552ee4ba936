//===- DiffTest.cpp - Two models to an adapter ----------------------------===//
//
// A recorded model with known changes added to some of its tensors, so that the
// expected result is known.
//
//===----------------------------------------------------------------------===//

#include "TestFiles.h"
#include "lora-mlir/Adapter/Algebra.h"
#include "lora-runtime/Checkpoint.h"

#include <nlohmann/json.hpp>

using namespace lora;
using namespace lora::test;

namespace {

const std::string kBase = std::string(LORA_TEST_FIXTURES) + "/llama-bias/model";

/// Copies the model, and adds something to the tensors whose names are in
/// `moved`.
void makeTuned(const std::string &folder, const std::set<std::string> &moved) {
  std::filesystem::create_directory(folder);
  std::filesystem::copy(kBase + "/config.json", folder + "/config.json");
  auto base = lora_rt::Checkpoint::open(kBase);
  ASSERT_TRUE(base) << base.message();
  std::vector<lora_rt::TensorSpec> specs;
  for (std::string_view name : base->names())
    specs.push_back(
        {std::string(name), lora_rt::DType::F32, base->find(name)->shape});
  auto writer =
      lora_rt::SafetensorsWriter::create(folder + "/model.safetensors", specs);
  ASSERT_TRUE(writer) << writer.message();
  size_t found = 0;
  for (const lora_rt::TensorSpec &spec : specs) {
    const lora_rt::TensorView &view = *base->find(spec.name);
    std::vector<float> values(size_t(view.elements()));
    ASSERT_FALSE(
        lora_rt::convertToFloat(view.dtype, view.bytes.data(), values));
    if (moved.count(spec.name)) {
      ++found;
      // A matrix changes by rank 1: the element in row i, column j by (i + 1)
      // (j + 2) / 1024.
      size_t columns = size_t(view.shape.back());
      for (size_t i = 0; i < values.size(); ++i)
        values[i] += float((i / columns + 1) * (i % columns + 2)) / 1024;
    }
    ASSERT_FALSE(writer->writeFloats(spec.name, values));
  }
  ASSERT_EQ(found, moved.size());
  ASSERT_FALSE(writer->commit());
}

const std::string kQ = "model.layers.0.self_attn.q_proj",
                  kDown = "model.layers.1.mlp.down_proj";

TEST(Diff, FindsWhatWasAdded) {
  TemporaryFolder folder;
  makeTuned(folder / "tuned", {kQ + ".weight", "model.norm.weight"});
  auto report = diffModels({kBase, folder / "tuned", folder / "adapter", 1});
  ASSERT_TRUE(report) << report.message();
  ASSERT_EQ(report->targets.size(), 1u);
  // A change of rank 1, but the changed numbers were rounded to f32.
  EXPECT_LT(report->targets[0].lost, 1e-6);
  EXPECT_EQ(report->leftOut, (std::vector<std::string>{"model.norm.weight"}));
  EXPECT_NE(report->text().find(
                "differs, but is not in the adapter: model.norm.weight"),
            std::string::npos);
  auto adapter = BranchedAdapter::open(folder / "adapter");
  ASSERT_TRUE(adapter) << adapter.message();
  DenseMatrix delta = deltaOf(*adapter, kQ);
  for (int64_t i = 0; i < delta.rows(); ++i)
    for (int64_t j = 0; j < delta.columns(); ++j)
      EXPECT_NEAR(delta(i, j), double((i + 1) * (j + 2)) / 1024, 1e-5);
}

TEST(Diff, SavesModulesWhole) {
  TemporaryFolder folder;
  // A layer whose bias changed gets no branch: PEFT saves such a layer whole or
  // not at all.
  makeTuned(folder / "tuned", {kQ + ".weight", kQ + ".bias", kDown + ".weight",
                               "model.norm.weight"});
  auto report =
      diffModels({kBase, folder / "tuned", folder / "adapter", 2, true});
  ASSERT_TRUE(report) << report.message();
  EXPECT_TRUE(report->leftOut.empty());
  ASSERT_EQ(report->targets.size(), 1u);
  EXPECT_EQ(report->targets[0].path, kDown);
  auto text = lora_rt::readTextFile(folder / "adapter/adapter_config.json");
  ASSERT_TRUE(text) << text.message();
  auto config = nlohmann::json::parse(*text);
  EXPECT_EQ(config["modules_to_save"], (nlohmann::json{kQ, "model.norm"}));
  EXPECT_EQ(config["target_modules"], nlohmann::json{kDown});
  EXPECT_EQ(config["task_type"], "CAUSAL_LM");
  auto file = lora_rt::SafetensorsFile::open(
      folder / "adapter/adapter_model.safetensors");
  ASSERT_TRUE(file) << file.message();
  EXPECT_EQ(file->tensors().size(), 5u);
  auto tuned = lora_rt::Checkpoint::open(folder / "tuned");
  for (const char *name : {".weight", ".bias"}) {
    auto saved = file->get("base_model.model." + kQ + name);
    ASSERT_TRUE(saved) << saved.message();
    auto want = tuned->find(kQ + name)->bytes;
    EXPECT_TRUE(std::equal(want.begin(), want.end(), (*saved)->bytes.begin(),
                           (*saved)->bytes.end()));
  }
}

} // namespace
