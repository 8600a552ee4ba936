//===- SafetensorsTest.cpp - Safe reading, exact writing ------------------===//
//
// Files that the safetensors library writes, files with one wrong value each,
// and files that we write, byte for byte.
//
//===----------------------------------------------------------------------===//

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

/// The error message when this file is read; empty if it can be read.
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
  // The order of PEFT's files: by type, then by name. "empty" and "b" begin at
  // the same offset.
  EXPECT_EQ(order.front(), "i");
  EXPECT_EQ(order.back(), "h");
  EXPECT_EQ(read->metadata().at("format"), "pt");
  const TensorView *view = read->find("b");
  ASSERT_NE(view, nullptr);
  EXPECT_EQ(std::memcmp(view->bytes.data(), b, sizeof(b)), 0);
  view = read->find("h");
  std::vector<float> values(3);
  EXPECT_FALSE(convertToFloat(view->dtype, view->bytes.data(), values));
  // A tie is rounded to even.
  EXPECT_EQ(values, (std::vector<float>{0.5f, 1.0f, -2}));
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

  folder.write(index, "{\"weight_map\":{\"layers.0.weight\":\"../etc\"}}");
  EXPECT_NE(Checkpoint::open(folder.root()).message().find("same folder"),
            std::string::npos);
}

namespace {

/// The files of a folder as users have them. Each tensor has one value.
class WhichFile : public ::testing::Test {
protected:
  using Tensors = std::map<std::string, float>;

  WhichFile() { folder.write("config.json", "{}"); }

  void file(const std::string &name, const Tensors &tensors) const {
    std::filesystem::create_directories(
        std::filesystem::path(folder.path(name)).parent_path());
    std::vector<TensorSpec> specs;
    for (const auto &[tensor, value] : tensors)
      specs.push_back({tensor, DType::F32, {1}});
    Expected<SafetensorsWriter> writer =
        SafetensorsWriter::create(folder.path(name), std::move(specs));
    ASSERT_TRUE(writer) << writer.message();
    for (const auto &[tensor, value] : tensors)
      EXPECT_FALSE(writer->writeFloats(tensor, std::span(&value, 1)));
    EXPECT_FALSE(writer->commit());
  }
  void index(const std::map<std::string, std::string> &map) const {
    std::string text;
    for (const auto &[tensor, name] : map)
      text += (text.empty() ? "\"" : ", \"") + tensor + "\": \"" + name + "\"";
    folder.write("model.safetensors.index.json",
                 "{\"weight_map\": {" + text + "}}");
  }
  Tensors read() const {
    Expected<Checkpoint> checkpoint = Checkpoint::open(folder.root());
    EXPECT_TRUE(checkpoint) << checkpoint.message();
    Tensors result;
    if (!checkpoint)
      return result;
    for (std::string_view name : checkpoint->names()) {
      float value = 0;
      std::memcpy(&value, checkpoint->find(name)->bytes.data(), sizeof value);
      result[std::string(name)] = value;
    }
    return result;
  }
  void expectError(const std::string &part) const {
    Expected<Checkpoint> checkpoint = Checkpoint::open(folder.root());
    ASSERT_FALSE(checkpoint);
    EXPECT_NE(checkpoint.message().find(part), std::string::npos)
        << checkpoint.message();
  }

  TestFolder folder;
};

} // namespace

// Each as transformers 5.24 does it.

TEST_F(WhichFile, TheSingleFileWins) {
  file("model.safetensors", {{"a", 1}, {"b", 2}});
  file("model-1.safetensors", {{"a", 3}});
  file("model-2.safetensors", {{"b", 4}, {"c", 5}});
  index({{"a", "model-1.safetensors"}, {"b", "model-2.safetensors"}});
  EXPECT_EQ(read(), (Tensors{{"a", 1}, {"b", 2}}));
  // The index is not read.
  folder.write("model.safetensors.index.json", "{");
  EXPECT_EQ(read(), (Tensors{{"a", 1}, {"b", 2}}));
  // A variant is only used if it is named.
  file("model.fp16.safetensors", {{"a", 6}});
  EXPECT_EQ(read(), (Tensors{{"a", 1}, {"b", 2}}));
}

TEST_F(WhichFile, OnlyAFileCounts) {
  file("model-1.safetensors", {{"a", 3}});
  index({{"a", "model-1.safetensors"}});
  std::filesystem::create_directory(folder.path("model.safetensors"));
  EXPECT_EQ(read(), (Tensors{{"a", 3}}));
  std::filesystem::remove(folder.path("model.safetensors"));
  std::filesystem::create_symlink("nowhere", folder.path("model.safetensors"));
  EXPECT_EQ(read(), (Tensors{{"a", 3}}));
}

TEST_F(WhichFile, TheIndexNamesFilesAndTheFilesTensors) {
  file("1.safetensors", {{"a", 1}, {"b", 2}});
  file("2.safetensors", {{"c", 3}});
  file("left-over.safetensors", {{"a", 9}, {"d", 9}});
  // The index names the wrong file for two tensors, and lacks the third.
  index({{"a", "2.safetensors"}, {"b", "1.safetensors"}});
  EXPECT_EQ(read(), (Tensors{{"a", 1}, {"b", 2}, {"c", 3}}));
  // The index has a name too many, which matters only if that tensor is asked
  // for.
  index(
      {{"a", "1.safetensors"}, {"c", "2.safetensors"}, {"x", "2.safetensors"}});
  EXPECT_EQ(read(), (Tensors{{"a", 1}, {"b", 2}, {"c", 3}}));
  Expected<Checkpoint> checkpoint = Checkpoint::open(folder.root());
  EXPECT_NE(checkpoint->get("x").message().find(
                "the index says that it is in 2.safetensors, which does not "
                "have it"),
            std::string::npos);
  EXPECT_EQ(checkpoint->whereListed("a"), "");
  // Folders inside this folder are permitted, others are not.
  file("sub/3.safetensors", {{"d", 4}});
  index({{"a", "1.safetensors"}, {"d", "sub/3.safetensors"}});
  EXPECT_EQ(read(), (Tensors{{"a", 1}, {"b", 2}, {"d", 4}}));
  for (const char *name : {"../x", "sub/../../x", "/etc/x", "", ".", "a//b"}) {
    index({{"a", name}});
    expectError("expected a file in the same folder");
  }
}

TEST_F(WhichFile, FilesThatTheIndexNamesAndTheFolderLacks) {
  file("1.safetensors", {{"a", 1}});
  index({{"a", "1.safetensors"}, {"b", "2.safetensors"}});
  expectError("names 2.safetensors, which is not there (of 2 files in all); "
              "fetch it, too");
  index({});
  expectError("the weight_map is empty");
}

TEST_F(WhichFile, ATensorInTwoFiles) {
  file("1.safetensors", {{"a", 1}, {"b", 2}});
  file("2.safetensors", {{"a", 1}, {"c", 3}});
  index({{"a", "1.safetensors"}, {"c", "2.safetensors"}});
  EXPECT_EQ(read(), (Tensors{{"a", 1}, {"b", 2}, {"c", 3}}));
  // If the values differ, transformers takes those of the last file.
  file("2.safetensors", {{"a", 7}, {"c", 3}});
  index({{"b", "1.safetensors"}, {"a", "2.safetensors"}});
  EXPECT_EQ(read(), (Tensors{{"a", 7}, {"b", 2}, {"c", 3}}));
  index({{"a", "1.safetensors"}, {"c", "2.safetensors"}});
  expectError("tensor 'a' is also in " + folder.path("1.safetensors") +
              ", with other values, which the index names, but which "
              "transformers does not take");
  index({{"b", "1.safetensors"}, {"c", "2.safetensors"}});
  expectError("with other values, and the index names neither");
}

TEST(SafetensorsFile, TypesThatNothingComputesIn) {
  // The layout is that of the safetensors library.
  for (auto [type, bytes] :
       {std::pair("F4", 3), std::pair("F6_E2M3", 0), std::pair("F8_E8M0", 6),
        std::pair("F8_E4M3FNUZ", 6), std::pair("C64", 48)}) {
    TestFolder folder;
    int64_t count = bytes ? 6 : 8;
    int64_t size = bytes ? bytes : 6;
    std::string header = "{\"t\":{\"dtype\":\"" + std::string(type) +
                         "\",\"shape\":[2," + std::to_string(count / 2) +
                         "],\"data_offsets\":[0," + std::to_string(size) +
                         "]}}";
    header.resize((header.size() + 7) / 8 * 8, ' ');
    uint64_t length = header.size();
    std::string text(reinterpret_cast<const char *>(&length), 8);
    folder.write("x", text + header + std::string(size_t(size), '\1'));
    Expected<SafetensorsFile> file = SafetensorsFile::open(folder.path("x"));
    ASSERT_TRUE(file) << file.message();
    const TensorView &tensor = file->tensors().front();
    EXPECT_EQ(tensor.elements(), count);
    EXPECT_EQ(safetensorsName(tensor.dtype), type);
    // A copied tensor keeps its type and its bytes.
    Expected<SafetensorsWriter> writer = SafetensorsWriter::create(
        folder.path("y"), {{tensor.name, tensor.dtype, tensor.shape}});
    ASSERT_TRUE(writer) << writer.message();
    ASSERT_FALSE(writer->write("t", tensor.bytes));
    ASSERT_FALSE(writer->commit());
    Expected<SafetensorsFile> copy = SafetensorsFile::open(folder.path("y"));
    ASSERT_TRUE(copy) << copy.message();
    EXPECT_EQ(copy->tensors().front().shape, tensor.shape);
    EXPECT_EQ(copy->tensors().front().dtype, tensor.dtype);
  }
  EXPECT_EQ(bytesOf(DType::F4, 3), std::nullopt);
  EXPECT_EQ(bytesOf(DType::F6E3M2, 4), 3u);
  EXPECT_EQ(bytesOf(DType::F64, uint64_t(1) << 60), std::nullopt);
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
