//===- SafetensorsTest.cpp - Safe reading, exact writing ------------------===//

#include "TestFiles.h"
#include "lora-runtime/Checkpoint.h"
#include "lora-runtime/File.h"

#include <cstring>
#include <gtest/gtest.h>
#include <limits>

using namespace lora_rt;

namespace {

std::string file(const std::string &header, const std::string &data) {
  uint64_t length = header.size();
  return std::string(reinterpret_cast<const char *>(&length), 8) + header +
         data;
}

/// The message of the failure to read this file; empty if it can be read.
std::string failure(const std::string &bytes) {
  Expected<SafetensorsFile> parsed =
      SafetensorsFile::parse(std::as_bytes(std::span(bytes)), "x.safetensors");
  return parsed ? "" : parsed.message();
}

std::string tensor(const std::string &fields) {
  return "{\"a.weight\":{" + fields + "}}";
}

#define EXPECT_FAILURE(BYTES, PART)                                            \
  EXPECT_NE(failure(BYTES).find(PART), std::string::npos) << failure(BYTES)

TEST(Safetensors, ReadsWhatItWrote) {
  TestFolder folder;
  std::string path = folder.path("t.safetensors");
  Expected<SafetensorsWriter> writer =
      SafetensorsWriter::create(path, {{"b", DType::F32, {2, 3}},
                                       {"a", DType::F32, {1}},
                                       {"h", DType::BF16, {3}},
                                       {"i", DType::I64, {1}},
                                       {"empty", DType::F32, {0, 4}}});
  ASSERT_TRUE(writer) << writer.message();
  float b[] = {1, 2, 3, 4, 5, 6}, a[] = {7}, h[] = {0.5f, 1.00390625f, -2};
  int64_t i[] = {-9};
  EXPECT_FALSE(writer->writeFloats("h", h));
  EXPECT_FALSE(writer->write("i", std::as_bytes(std::span(i))));
  EXPECT_FALSE(writer->write("b", std::as_bytes(std::span(b)).subspan(8), 8));
  EXPECT_FALSE(writer->writeFloats("a", a));
  EXPECT_TRUE(writer->commit()); // Two elements of b are missing.
  EXPECT_FALSE(writer->write("b", std::as_bytes(std::span(b)).first(8)));
  Error committed = writer->commit();
  ASSERT_FALSE(committed) << committed.message();

  Expected<SafetensorsFile> read = SafetensorsFile::open(path);
  ASSERT_TRUE(read) << read.message();
  std::vector<std::string> order;
  for (const TensorView &view : read->tensors())
    order.push_back(view.name);
  // PEFT's order: by type, then by name. "empty" and "b" start at one offset.
  EXPECT_EQ(order.front(), "i");
  EXPECT_EQ(order.back(), "h");
  EXPECT_EQ(read->metadata().at("format"), "pt");
  const TensorView *view = read->find("b");
  ASSERT_NE(view, nullptr);
  EXPECT_EQ(std::memcmp(view->bytes.data(), b, sizeof(b)), 0);
  view = read->find("h");
  std::vector<float> values(3);
  EXPECT_FALSE(convertToFloat(view->dtype, view->bytes.data(), values));
  EXPECT_EQ(values, (std::vector<float>{0.5f, 1.0f, -2})); // A tie, to even.
}

TEST(Safetensors, HeaderIsPaddedAndOrdered) {
  TestFolder folder;
  std::string path = folder.path("t.safetensors");
  Expected<SafetensorsWriter> writer = SafetensorsWriter::create(
      path, {{"z", DType::BF16, {1}}, {"y", DType::F32, {1}}});
  ASSERT_TRUE(writer);
  float one[] = {1};
  EXPECT_FALSE(writer->writeFloats("z", one));
  EXPECT_FALSE(writer->writeFloats("y", one));
  EXPECT_FALSE(writer->commit());
  std::string text = *readTextFile(path);
  uint64_t length;
  std::memcpy(&length, text.data(), 8);
  EXPECT_EQ(length % 8, 0u);
  EXPECT_EQ(
      text.substr(8, length).find("{\"__metadata__\":{\"format\":\"pt\"},"
                                  "\"y\":{\"dtype\":\"F32\",\"shape\":[1],"
                                  "\"data_offsets\":[0,4]},\"z\":"),
      0u);
}

TEST(Safetensors, RefusesHostileHeaders) {
  std::string good = "\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]";
  EXPECT_EQ(failure(file(tensor(good), "abcd")), "");
  EXPECT_FAILURE("abc", "too short");
  EXPECT_FAILURE(std::string("\xff\xff\xff\xff\xff\xff\xff\xff", 8) + "{}",
                 "not a safetensors file");
  EXPECT_FAILURE(std::string("\x10\0\0\0\0\0\0\0", 8) + "{}", "does not fit");
  EXPECT_FAILURE(file("[]", ""), "does not start with '{'");
  EXPECT_FAILURE(file("{\"a\":", ""), "not valid JSON");
  EXPECT_FAILURE(file(std::string(100000, '{'), ""), "not valid JSON");
  EXPECT_FAILURE(file("{\"a\":" + std::string(1000, '['), ""), "64 levels");
  EXPECT_FAILURE(file("{\"a\":" + std::string(1 << 20, '['), ""), "64 levels");
  EXPECT_FAILURE(file("{\n\"a\": tru}", ""), "line 2, column 9");
  std::string zeros = "{\"a\":[0";
  for (int i = 0; i < 2'000'000; ++i)
    zeros += ",0";
  EXPECT_FAILURE(file(zeros + "]}", ""), "more than 2000000 values");
  EXPECT_FAILURE(file("{\"a\":1}", ""), "tensor 'a'");
  EXPECT_FAILURE(file("{\"a\":{},\"a\":{}}", ""), "stands twice");
  EXPECT_FAILURE(file("{\"__metadata__\":{\"k\":1}}", ""), "to be a text");
  EXPECT_FAILURE(file("{}", "abcd"), "belong to no tensor");
  auto with = [&](const char *dtype, const char *shape, const char *offsets) {
    return failure(
        file(tensor(std::string("\"dtype\":") + dtype + ",\"shape\":" + shape +
                    ",\"data_offsets\":" + offsets),
             "abcd"));
  };
  EXPECT_NE(with("\"F31\"", "[1]", "[0,4]").find("unknown dtype"),
            std::string::npos);
  EXPECT_NE(with("3", "[1]", "[0,4]").find("dtype to be"), std::string::npos);
  EXPECT_NE(with("\"F32\"", "[-1]", "[0,4]").find("whole number"),
            std::string::npos);
  EXPECT_NE(with("\"F32\"", "[1.0]", "[0,4]").find("whole number"),
            std::string::npos);
  EXPECT_NE(with("\"F32\"", "[1]", "[0,8]").find("outside"), std::string::npos);
  EXPECT_NE(with("\"F32\"", "[1]", "[4,0]").find("outside"), std::string::npos);
  EXPECT_NE(with("\"F32\"", "[2]", "[0,4]").find("needs 8 bytes"),
            std::string::npos);
  EXPECT_NE(with("\"F32\"", "[4611686018427387905]", "[0,4]").find("too large"),
            std::string::npos);
  EXPECT_NE(
      with("\"F32\"", "[9223372036854775807,3]", "[0,4]").find("too large"),
      std::string::npos);
  EXPECT_NE(with("\"F32\"", "[1]", "[0]").find("two whole"), std::string::npos);
  EXPECT_NE(with("\"U8\"", "[2]", "[1,3]").find("gap"), std::string::npos);
  EXPECT_NE(with("\"U8\"", "[2]", "[0,2]").find("the tensors fill 2"),
            std::string::npos);
  EXPECT_FAILURE(
      file("{\"a\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]},"
           "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[2,4]}}",
           "abcd"),
      "overlap");
  EXPECT_FAILURE(file(tensor(good + ",\"x\":1"), "abcd"), "unknown key 'x'");
}

TEST(Safetensors, MessagesCanBeShown) {
  std::string name = "\\u001b[2J" + std::string(100000, 'x');
  std::string message = failure(file("{\"" + name + "\":1}", ""));
  EXPECT_LT(message.size(), 5000u);
  EXPECT_NE(message.find("tensor '?[2Jxxx"), std::string::npos) << message;
  EXPECT_NE(message.find("xxx': expected an object"), std::string::npos)
      << message;
}

TEST(Safetensors, NonFiniteNumbersAreLocated) {
  const float values[6] = {1,
                           2,
                           3,
                           -4,
                           std::numeric_limits<float>::infinity(),
                           std::numeric_limits<float>::quiet_NaN()};
  TensorView tensor{
      "q.weight", DType::F32, {2, 3}, std::as_bytes(std::span(values))};
  Error error = checkFinite(tensor, "dir/a.safetensors");
  EXPECT_EQ(error.message().find(
                "dir/a.safetensors: tensor 'q.weight': 2 of its 6 numbers are "
                "not finite (1 NaN, 1 infinity), the first at [1, 1]; "),
            0u)
      << error.message();
  tensor.shape = {2, 2};
  tensor.bytes = tensor.bytes.first(16);
  EXPECT_FALSE(checkFinite(tensor, "f"));
  EXPECT_FALSE(checkFinite({"none", DType::F32, {0, 3}, {}}, "f"));
}

TEST(OutputFile, WritesToADeviceAsItStands) {
  ASSERT_TRUE(std::filesystem::is_character_file("/dev/null"));
  TestFolder folder;
  std::string path = folder.path("null");
  std::filesystem::create_symlink("/dev/null", path);
  Expected<OutputFile> output = OutputFile::create(path);
  ASSERT_TRUE(output) << output.message();
  std::string text = "gone";
  EXPECT_FALSE(output->append(std::as_bytes(std::span(text))));
  EXPECT_FALSE(output->commit());
  EXPECT_TRUE(std::filesystem::is_symlink(path));
}

TEST(Checkpoint, OpensShardsThatFitTheIndex) {
  TestFolder folder;
  auto shard = [&](const char *name, const char *tensor, float value) {
    Expected<SafetensorsWriter> writer = SafetensorsWriter::create(
        folder.path(name), {{tensor, DType::F32, {1}}});
    ASSERT_TRUE(writer);
    EXPECT_FALSE(writer->writeFloats(tensor, std::span(&value, 1)));
    EXPECT_FALSE(writer->commit());
  };
  shard("m-1.safetensors", "layers.0.weight", 1);
  shard("m-2.safetensors", "layers.1.weight", 2);
  std::string index = "model.safetensors.index.json";
  folder.write(index,
               "{\"weight_map\":{\"layers.0.weight\":\"m-1.safetensors\","
               "\"layers.1.weight\":\"m-2.safetensors\"}}");
  Expected<Checkpoint> checkpoint = Checkpoint::open(folder.root());
  ASSERT_TRUE(checkpoint) << checkpoint.message();
  EXPECT_EQ(checkpoint->size(), 2u);
  EXPECT_EQ(checkpoint->fileOf("layers.1.weight"),
            folder.path("m-2.safetensors"));
  Expected<const TensorView *> missing = checkpoint->get("layers.2.weight");
  EXPECT_NE(missing.message().find("did you mean 'layers.0.weight'"),
            std::string::npos)
      << missing.message();

  folder.write(index,
               "{\"weight_map\":{\"layers.0.weight\":\"m-2.safetensors\"}}");
  EXPECT_NE(Checkpoint::open(folder.root()).message().find("different models"),
            std::string::npos);
  folder.write(index, "{\"weight_map\":{\"layers.0.weight\":\"../etc\"}}");
  EXPECT_NE(Checkpoint::open(folder.root()).message().find("same folder"),
            std::string::npos);
  EXPECT_NE(Checkpoint::open(folder.root(), "other").message().find("neither"),
            std::string::npos);
}

TEST(OutputFile, ReplacesWhatALinkPointsTo) {
  TestFolder folder;
  folder.write("target", "old");
  std::filesystem::create_symlink(folder.path("target"), folder.path("link"));
  Expected<OutputFile> file = OutputFile::create(folder.path("link"));
  ASSERT_TRUE(file) << file.message();
  ASSERT_FALSE(file->append(std::as_bytes(std::span("new", 3))));
  ASSERT_FALSE(file->commit());
  EXPECT_TRUE(std::filesystem::is_symlink(folder.path("link")));
  Expected<std::string> text = readTextFile(folder.path("target"));
  ASSERT_TRUE(text) << text.message();
  EXPECT_EQ(*text, "new");
}

} // namespace
