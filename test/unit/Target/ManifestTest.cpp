//===- ManifestTest.cpp - What is written is what the runtime reads -------===//
//
// The manifest that the compiler writes for IR with given attributes, read by
// the runtime's reader.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Target/Manifest.h"
#include "lora-mlir/InitAll.h"
#include "lora-runtime/Manifest.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

using namespace lora;
using lora_rt::Manifest;

namespace {

class ManifestTest : public testing::Test {
protected:
  ManifestTest() {
    mlir::DialectRegistry registry;
    registerAllDialects(registry);
    context.appendDialectRegistry(registry);
  }

  /// The model that the runtime sees for IR with these attributes.
  Manifest::Model model(const std::string &attributes) {
    std::string text =
        "module attributes {rt.target = #rt.target<{cpu = \"any\"}>, "
        "rt.slot_table = []" +
        attributes + "} {}";
    auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    EXPECT_TRUE(module);
    auto built = describeProgram(*module);
    EXPECT_TRUE(succeeded(built));
    auto read = Manifest::parse(built->manifest.print(), "test");
    EXPECT_TRUE(bool(read)) << read.message();
    EXPECT_EQ(read->model, built->manifest.model);
    return read ? read->model : Manifest::Model();
  }

  mlir::MLIRContext context;
};

TEST_F(ManifestTest, AModuleWithoutAModel) {
  Manifest::Model read = model("");
  EXPECT_EQ(read.family, "none");
  EXPECT_EQ(read.head, lora_rt::ModelHead::None);
  EXPECT_EQ(read.outputs, 0);
  EXPECT_FALSE(read.isBidirectional);
  EXPECT_EQ(read.padTokenId, -1);
  EXPECT_FALSE(read.rope);
}

TEST_F(ManifestTest, AnEncoder) {
  Manifest::Model read = model(R"(, transformer.model = #transformer.model<{
    family = "roberta", vocab_size = 50, hidden_size = 12, max_positions = 30,
    eos_token_ids = array<i32: 2, 7>, head = "sequence_classification", outputs = 3,
    attention = "bidirectional", token_types = 1, pad_token_id = 1,
    positions = "skip_padding"}>)");
  EXPECT_EQ(read.family, "roberta");
  EXPECT_EQ(read.vocabSize, 50);
  EXPECT_EQ(read.hiddenSize, 12);
  EXPECT_EQ(read.maxPositions, 30);
  EXPECT_EQ(read.eosTokenIds, (std::vector<int32_t>{2, 7}));
  EXPECT_EQ(read.head, lora_rt::ModelHead::SequenceClassification);
  EXPECT_EQ(read.outputs, 3);
  EXPECT_TRUE(read.isBidirectional);
  EXPECT_EQ(read.tokenTypes, 1);
  EXPECT_EQ(read.padTokenId, 1);
  EXPECT_TRUE(read.skipsPadding);
}

TEST_F(ManifestTest, RotaryFrequencies) {
  Manifest::Model dynamic = model(R"(, transformer.model = #transformer.model<{
    pad_token_id = -1, rope = {kind = "dynamic", width = 10, theta = 1.0e4,
    factor = 2.7, switch_length = 24}}>)");
  ASSERT_TRUE(dynamic.rope);
  EXPECT_EQ(dynamic.rope->kind, Manifest::Rope::Kind::Dynamic);
  EXPECT_EQ(dynamic.rope->width, 10);
  EXPECT_EQ(dynamic.rope->theta, 10000);
  // The values are not rounded to f32.
  EXPECT_EQ(dynamic.rope->factor, 2.7);
  EXPECT_EQ(dynamic.rope->switchLength, 24);

  // Each f32 keeps its value.
  Manifest::Model longrope = model(R"(, transformer.model = #transformer.model<{
    rope = {kind = "longrope", switch_length = 8,
    short = array<f32: 1.0, 0.0909090936>,
    long = array<f32: 0.333333343, 1.0e-7>}}>)");
  ASSERT_TRUE(longrope.rope);
  EXPECT_EQ(longrope.rope->shortFrequencies,
            (std::vector<float>{1.0f, 0.0909090936f}));
  EXPECT_EQ(longrope.rope->longFrequencies,
            (std::vector<float>{0.333333343f, 1.0e-7f}));
}

} // namespace
