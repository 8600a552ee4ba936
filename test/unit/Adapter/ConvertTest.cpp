//===- ConvertTest.cpp - loralib to PEFT and back -------------------------===//
//
// The test computes what loralib computes, from its source (loralib/layers.py).
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Adapter/Convert.h"
#include "TestFiles.h"

#include <fstream>
#include <iterator>

using namespace lora;
using namespace lora::test;

namespace {

constexpr int64_t kRank = 3, kIn = 11, kPart = 5;

void write(const std::string &file,
           const std::vector<std::pair<std::string, DenseMatrix>> &tensors) {
  std::vector<lora_rt::TensorSpec> specs;
  for (const auto &[name, matrix] : tensors)
    specs.push_back(
        {name, lora_rt::DType::F32, {matrix.rows(), matrix.columns()}});
  auto writer = lora_rt::SafetensorsWriter::create(file, specs);
  ASSERT_TRUE(writer) << writer.message();
  for (const auto &[name, matrix] : tensors)
    ASSERT_FALSE(writer->writeFloats(name, matrix.toFloat()));
  ASSERT_FALSE(writer->commit());
}

std::string read(const std::string &file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// A fused projection of three parts, of which the second has no branch.
std::vector<std::pair<std::string, DenseMatrix>> mergedLinear() {
  std::vector<std::pair<std::string, DenseMatrix>> tensors;
  tensors.emplace_back("h.0.attn.c_attn.lora_A", random(2 * kRank, kIn, 1));
  tensors.emplace_back("h.0.attn.c_attn.lora_B", random(2 * kPart, kRank, 2));
  return tensors;
}

/// MergedLinear.merge_AB and zero_pad: a grouped convolution, in which group j
/// uses its own rows of B and of A. The result is written to the rows of the
/// enabled parts.
DenseMatrix loralibDelta(const DenseMatrix &a, const DenseMatrix &b,
                         double scale) {
  DenseMatrix delta = std::move(*DenseMatrix::create(3 * kPart, kIn));
  int64_t parts[] = {0, 2};
  for (int64_t group = 0; group < 2; ++group)
    for (int64_t i = 0; i < kPart; ++i)
      for (int64_t j = 0; j < kIn; ++j)
        for (int64_t k = 0; k < kRank; ++k)
          delta(parts[group] * kPart + i, j) +=
              scale * b(group * kPart + i, k) * a(group * kRank + k, j);
  return delta;
}

TEST(Convert, MergedLinearIsABlockDiagonalBranch) {
  TemporaryFolder folder;
  auto tensors = mergedLinear();
  write(folder / "lib.safetensors", tensors);
  ConvertOptions options;
  options.input = folder / "lib.safetensors";
  options.output = folder / "peft";
  options.alpha = 7;
  options.prefix = "transformer.";
  options.enableLora = {{"c_attn", {true, false, true}}};
  auto report = convertAdapter(options);
  ASSERT_TRUE(report) << report.message();
  auto adapter = BranchedAdapter::open(folder / "peft");
  ASSERT_TRUE(adapter) << adapter.message();
  ASSERT_EQ(adapter->branches.size(), 1u);
  EXPECT_EQ(adapter->branches[0].target, "transformer.h.0.attn.c_attn");
  EXPECT_EQ(adapter->branches[0].rank(), 2 * kRank);
  EXPECT_EQ(adapter->adapter.config().alpha, 2 * 7);
  EXPECT_LT(
      distance(deltaOf(*adapter, "transformer.h.0.attn.c_attn"),
               loralibDelta(tensors[0].second, tensors[1].second, 7.0 / kRank)),
      1e-13);

  // And back: the numbers are the same; now the file contains r and alpha.
  options.input = folder / "peft";
  options.output = folder / "back.safetensors";
  options.format = AdapterFormat::Loralib;
  options.alpha.reset();
  report = convertAdapter(options);
  ASSERT_TRUE(report) << report.message();
  auto back = lora_rt::SafetensorsFile::open(folder / "back.safetensors");
  ASSERT_TRUE(back) << back.message();
  EXPECT_EQ(back->metadata().at("r"), "3");
  EXPECT_EQ(back->metadata().at("lora_alpha"), "7");
  for (const auto &[name, matrix] : tensors)
    EXPECT_EQ(distance(*toMatrix(**back->get(name)), matrix), 0);
  options.input = folder / "back.safetensors";
  options.output = folder / "again";
  options.format = AdapterFormat::Peft;
  ASSERT_TRUE(convertAdapter(options));
  EXPECT_EQ(read(folder / "again/adapter_model.safetensors"),
            read(folder / "peft/adapter_model.safetensors"));
}

TEST(Convert, WhatTheFileDoesNotSayIsAskedFor) {
  TemporaryFolder folder;
  write(folder / "lib.safetensors", mergedLinear());
  ConvertOptions options;
  options.input = folder / "lib.safetensors";
  options.output = folder / "peft";
  options.alpha = 7;
  EXPECT_NE(convertAdapter(options).message().find(
                "--enable-lora h.0.attn.c_attn=101"),
            std::string::npos);
  options.enableLora = {{"c_attn", {true, true, true}}};
  EXPECT_NE(convertAdapter(options).message().find(
                "are not a MergedLinear's with 3 parts enabled"),
            std::string::npos);
  options.enableLora = {{"c_attn", {true, false, true}}};
  options.alpha.reset();
  EXPECT_NE(convertAdapter(options).message().find("give it with --alpha"),
            std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(folder / "peft"));
}

TEST(Convert, TheWeightBesideABranchTellsAMergedLinear) {
  TemporaryFolder folder;
  std::vector<std::pair<std::string, DenseMatrix>> tensors;
  // One part of three: the ranks agree, but the rows do not.
  tensors.emplace_back("qkv.lora_A", random(kRank, kIn, 1));
  tensors.emplace_back("qkv.lora_B", random(kPart, kRank, 2));
  tensors.emplace_back("qkv.weight", random(3 * kPart, kIn, 3));
  write(folder / "lib.safetensors", tensors);
  ConvertOptions options;
  options.input = folder / "lib.safetensors";
  options.output = folder / "peft";
  options.alpha = 1;
  EXPECT_NE(convertAdapter(options).message().find(
                "the branch is [5, 11], but the weight beside it [15, 11]"),
            std::string::npos);
  options.enableLora = {{"qkv", {false, false, true}}};
  auto report = convertAdapter(options);
  ASSERT_TRUE(report) << report.message();
  EXPECT_EQ(report->ignored, (std::vector<std::string>{"qkv.weight"}));
  auto adapter = BranchedAdapter::open(folder / "peft");
  ASSERT_TRUE(adapter) << adapter.message();
  DenseMatrix delta = deltaOf(*adapter, "qkv");
  EXPECT_EQ(delta(2 * kPart - 1, 4), 0);
  EXPECT_NE(delta(2 * kPart, 4), 0);
}

TEST(Convert, PaddingKeepsTheChange) {
  TemporaryFolder folder;
  ConvertOptions options;
  options.input = std::string(LORA_TEST_FIXTURES) + "/qwen2/adapter";
  options.output = folder / "padded";
  options.rank = 16;
  auto report = convertAdapter(options);
  ASSERT_TRUE(report) << report.message();
  auto before = BranchedAdapter::open(options.input),
       after = BranchedAdapter::open(options.output);
  ASSERT_TRUE(before && after) << after.message();
  ASSERT_EQ(before->branches.size(), after->branches.size());
  for (const AdapterBranch &branch : after->branches) {
    EXPECT_EQ(branch.rank(), 16);
    EXPECT_LT(distance(deltaOf(*after, branch.target),
                       deltaOf(*before, branch.target)),
              1e-15);
  }
  EXPECT_TRUE(after->adapter.config().rankPattern.empty());
  options.output = folder / "cut";
  options.rank = 4;
  EXPECT_NE(convertAdapter(options).message().find("has rank 5, above 4"),
            std::string::npos);
}

} // namespace
