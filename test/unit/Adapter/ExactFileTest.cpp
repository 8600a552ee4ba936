//===- ExactFileTest.cpp - What rounding lost, to the bit -----------------===//
//
// Writes lora_exact.safetensors for tensors of random bits and restores them:
// every bit must come back, and wrong inputs must be noticed.
//
//===----------------------------------------------------------------------===//

#include "ExactFile.h"
#include "TestFiles.h"

#include <algorithm>
#include <cstring>
#include <fstream>

using namespace lora;
using namespace lora::test;
using lora_rt::DType;
using lora_rt::TensorView;

namespace {

/// A folder with the two files that an adapter's checksum covers.
std::string makeAdapter(const TemporaryFolder &folder,
                        const std::string &name) {
  std::filesystem::create_directory(folder / name);
  std::ofstream(folder / (name + "/adapter_config.json")) << name;
  std::ofstream(folder / (name + "/adapter_model.safetensors")) << "weights";
  return folder / name;
}

/// Writes a checkpoint with one tensor of random bits.
void makeCheckpoint(const std::string &folder, TensorView &tensor,
                    std::vector<std::byte> &bytes, unsigned seed) {
  std::mt19937 generator(seed);
  for (std::byte &byte : bytes)
    byte = std::byte(generator());
  tensor.bytes = bytes;
  std::filesystem::create_directory(folder);
  auto writer = lora_rt::SafetensorsWriter::create(
      folder + "/model.safetensors",
      {{tensor.name, tensor.dtype, tensor.shape}});
  ASSERT_TRUE(writer) << writer.message();
  ASSERT_FALSE(writer->write(tensor.name, bytes));
  ASSERT_FALSE(writer->commit());
}

class ExactFile : public ::testing::TestWithParam<DType> {};

TEST_P(ExactFile, AnyBitsComeBackFromAnyOthers) {
  TemporaryFolder folder;
  std::string adapter = makeAdapter(folder, "adapter");
  TensorView merged{"w", GetParam(), {7, 191}, {}}, original = merged;
  size_t bytes = size_t(7 * 191) * lora_rt::sizeOf(GetParam());
  std::vector<std::byte> mergedBytes(bytes), originalBytes(bytes);
  makeCheckpoint(folder / "original", original, originalBytes, 1);
  makeCheckpoint(folder / "merged", merged, mergedBytes, 2);
  // Half of the elements are close to each other, in either direction.
  for (size_t i = 0; i < bytes / 2; ++i)
    mergedBytes[i] = originalBytes[i];
  size_t size = lora_rt::sizeOf(GetParam());
  for (size_t i = 0; i < bytes / 2; i += size)
    mergedBytes[i] = std::byte(uint8_t(mergedBytes[i]) ^ 0x55);

  auto staged = StagedFolder::create(folder / "exact");
  ASSERT_TRUE(staged) << staged.message();
  auto writer = ExactWriter::create(*staged, adapter);
  ASSERT_TRUE(writer) << writer.message();
  // The prediction may be any tensor; here it is the merged tensor.
  ASSERT_FALSE(writer->addDifference(original, mergedBytes));
  auto checkpoint = lora_rt::Checkpoint::open(folder / "merged");
  ASSERT_TRUE(checkpoint) << checkpoint.message();
  writer->addMerged("w", checkpoint->find("w")->bytes);
  ASSERT_FALSE(writer->commit());
  ASSERT_FALSE(staged->commit());

  auto reader = ExactReader::open(folder / "exact");
  ASSERT_TRUE(reader && *reader) << reader.message();
  lora_rt::Error error = (*reader)->check(adapter, *checkpoint);
  EXPECT_FALSE(error) << error.message();
  EXPECT_TRUE((*reader)->wasChanged("w"));
  std::vector<std::byte> restored = mergedBytes;
  error = (*reader)->restore("w", GetParam(), restored);
  ASSERT_FALSE(error) << error.message();
  EXPECT_EQ(restored, originalBytes);

  // A wrong prediction is noticed, and so are wrong inputs.
  restored = mergedBytes;
  restored[5] ^= std::byte(1);
  EXPECT_NE((*reader)
                ->restore("w", GetParam(), restored)
                .message()
                .find("tensor 'w' does not come out as it was"),
            std::string::npos);
  EXPECT_NE((*reader)
                ->check(makeAdapter(folder, "other"), *checkpoint)
                .message()
                .find("is not the adapter that"),
            std::string::npos);
  auto wrong = lora_rt::Checkpoint::open(folder / "original");
  EXPECT_NE((*reader)
                ->check(adapter, *wrong)
                .message()
                .find("tensor 'w' is not what it was"),
            std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Types, ExactFile,
                         ::testing::Values(DType::BF16, DType::F16, DType::F32),
                         [](const auto &info) {
                           return std::string(
                               lora_rt::safetensorsName(info.param));
                         });

TEST(ExactFileOnly, NeighboursAreOneStepApartAcrossZero) {
  TemporaryFolder folder;
  std::string adapter = makeAdapter(folder, "adapter");
  auto staged = StagedFolder::create(folder / "exact");
  auto writer = ExactWriter::create(*staged, adapter);
  ASSERT_TRUE(writer) << writer.message();
  // The originals are 0, -0, the smallest number below zero, and 1. The
  // predictions are -0, 0, 0, and the number after 1.
  std::vector<uint16_t> original = {0, 0x8000, 0x8001, 0x3f80},
                        predicted = {0x8000, 0, 0, 0x3f81};
  TensorView view{"w", DType::BF16, {4}, std::as_bytes(std::span(original))};
  ASSERT_FALSE(
      writer->addDifference(view, std::as_bytes(std::span(predicted))));
  ASSERT_FALSE(writer->commit());
  auto file =
      lora_rt::SafetensorsFile::open(staged->pathOf("lora_exact.safetensors"));
  ASSERT_TRUE(file) << file.message();
  ASSERT_EQ(file->tensors().size(), 1u);
  std::vector<int8_t> steps(4);
  std::memcpy(steps.data(), file->find("w")->bytes.data(), 4);
  EXPECT_EQ(steps, (std::vector<int8_t>{1, -1, -2, -1}));
}

} // namespace
