//===- FolderTest.cpp - The tokenizer that transformers makes of a folder -===//
//
// Compares with AutoTokenizer's results for the folders that
// tools/dev/record_tokenizers.py recorded.
//
//===----------------------------------------------------------------------===//

#include "Records.h"

using namespace lora_rt;
using records::Json;

namespace {

std::string bytesOf(const std::string &hex) {
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2)
    bytes += char(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}

class Folder {
public:
  Folder() {
    std::string pattern = testing::TempDir() + "/tokenizer-XXXXXX";
    EXPECT_TRUE(mkdtemp(pattern.data()));
    path = pattern;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  void write(const std::string &name, const std::string &content) {
    std::ofstream(path + "/" + name, std::ios::binary) << content;
  }
  std::string path;
};

/// The files of a record: texts, or bytes as {"hex": ...}. A file of many
/// folders is referenced by name: {"file": NAME}.
void writeFiles(Folder &folder, const Json &files, const Json &shared) {
  for (const auto &[name, content] : files.items()) {
    const Json &body = content.contains("file")
                           ? shared[content["file"].get<std::string>()]
                           : content;
    folder.write(name, body.is_string()
                           ? body.get<std::string>()
                           : bytesOf(body["hex"].get<std::string>()));
  }
}

TEST(FolderTest, IsAsInTransformers) {
  Json all = records::read("../folders");
  ASSERT_GE(all["folders"].size(), 24u);
  for (const auto &[name, record] : all["folders"].items()) {
    SCOPED_TRACE(name);
    Folder folder;
    writeFiles(folder, record["files"], all["shared"]);
    ASSERT_TRUE(Tokenizer::isPresent(folder.path));
    Expected<Tokenizer> tokenizer = Tokenizer::load(folder.path);
    ASSERT_TRUE(tokenizer) << tokenizer.message();
    for (const Json &entry : record["cases"]) {
      auto text = entry["text"].get<std::string>();
      SCOPED_TRACE(text);
      Expected<TextEncoding> found = tokenizer->encode(text);
      ASSERT_TRUE(found) << found.message();
      auto ids = entry["ids"].get<std::vector<uint32_t>>();
      EXPECT_EQ(found->ids, ids);
      EXPECT_EQ(tokenizer->encode(text, {.addSpecialTokens = false})->ids,
                entry["plain"].get<std::vector<uint32_t>>());
      Expected<TextEncoding> pair = tokenizer->encode(text, "and more");
      ASSERT_TRUE(pair) << pair.message();
      EXPECT_EQ(pair->ids, entry["pair"].get<std::vector<uint32_t>>());
      EXPECT_EQ(pair->typeIds, entry["types"].get<std::vector<uint32_t>>());
      EXPECT_EQ(*tokenizer->decode(ids), entry["decoded"].get<std::string>());
      EXPECT_EQ(*tokenizer->decode(ids, true),
                entry["skipped"].get<std::string>());
    }
    for (const auto &[token, id] : record["named"].items())
      EXPECT_EQ(tokenizer->namedId(token), id.get<uint32_t>()) << token;
    EXPECT_EQ(tokenizer->idLimit(), record["limit"].get<uint32_t>());
    std::vector<uint32_t> special;
    for (const AddedTokenInfo &added : tokenizer->addedTokens())
      if (added.isSpecial)
        special.push_back(added.id);
    EXPECT_EQ(special, record["special"].get<std::vector<uint32_t>>());
    // The form in a compiled file.
    records::Stored stored(tokenizer->store());
    Expected<Tokenizer> again = Tokenizer::fromStored(stored.bytes(), "m.bin");
    ASSERT_TRUE(again) << again.message();
    EXPECT_EQ(again->encode("a <s>human ﬁ</s>")->ids,
              tokenizer->encode("a <s>human ﬁ</s>")->ids);
    EXPECT_EQ(again->namedTokens().size(), tokenizer->namedTokens().size());
  }
}

/// What PEFT's trainers save beside an adapter.
TEST(FolderTest, AnAdaptersFolder) {
  Folder folder;
  folder.write("adapter_config.json", "{}");
  EXPECT_FALSE(Tokenizer::isPresent(folder.path));
  folder.write("tokenizer_config.json",
               R"({"tokenizer_class": "Qwen2Tokenizer"})");
  folder.write("special_tokens_map.json", R"({"eos_token": "<|im_end|>"})");
  folder.write("added_tokens.json", R"({"<|im_end|>": 5})");
  folder.write("vocab.json", "{}"); // without merges.txt
  EXPECT_FALSE(Tokenizer::isPresent(folder.path));
  folder.write("tokenizer.json",
               R"({"model": {"type": "BPE", "vocab": {"a": 0, "b": 1},
                   "merges": []}})");
  ASSERT_TRUE(Tokenizer::isPresent(folder.path));
  Expected<Tokenizer> tokenizer = Tokenizer::load(folder.path);
  ASSERT_TRUE(tokenizer) << tokenizer.message();
  EXPECT_EQ(tokenizer->encode("ab")->ids, (std::vector<uint32_t>{0, 1}));
  EXPECT_EQ(*tokenizer->namedId("eos_token"), tokenizer->id("<|im_end|>"));
}

std::string loadFailure(const std::map<std::string, std::string> &files) {
  Folder folder;
  for (const auto &[name, content] : files)
    folder.write(name, content);
  Expected<Tokenizer> tokenizer = Tokenizer::load(folder.path);
  if (tokenizer)
    return "none";
  std::string message = tokenizer.message();
  EXPECT_EQ(message.find(folder.path), 0u) << message;
  return message.substr(folder.path.size());
}

TEST(FolderTest, WhatIsMissingIsSaid) {
  EXPECT_NE(loadFailure({{"config.json", "{}"}})
                .find("no tokenizer; expected tokenizer.json"),
            std::string::npos);
  EXPECT_NE(loadFailure({{"config.json", R"({"model_type": "gpt2"})"},
                         {"vocab.txt", "a\n"}})
                .find("'GPT2Tokenizer', needs vocab.json and merges.txt"),
            std::string::npos);
  EXPECT_NE(loadFailure({{"config.json", R"({"model_type": "bert"})"},
                         {"tokenizer.model", "x"}})
                .find("'BertTokenizer', needs vocab.txt"),
            std::string::npos);
  EXPECT_NE(loadFailure({{"config.json", R"({"model_type": "t5"})"},
                         {"tokenizer_config.json",
                          R"({"tokenizer_class": "T5Tokenizer"})"},
                         {"tokenizer.model", "x"}})
                .find("'T5Tokenizer', is not one that is known"),
            std::string::npos);
  EXPECT_NE(loadFailure({{"config.json", R"({"model_type": "llama"})"},
                         {"tokenizer.model", "\x0a\x05\x0a\x03"
                                             "abc and so on"}})
                .find("not a sentencepiece model"),
            std::string::npos);
  EXPECT_NE(loadFailure({{"config.json", R"({"model_type": "gpt2"})"},
                         {"vocab.json", R"({"a": 0, "b": 1})"},
                         {"merges.txt", "#version: 0.2\na b c\n"}})
                .find("merges.txt: line 2 is not two pieces"),
            std::string::npos);
  EXPECT_NE(loadFailure({{"config.json", R"({"model_type": "gpt2"})"},
                         {"vocab.json", R"({"a": 0, "b": 1})"},
                         {"merges.txt", "a x\n"}})
                .find("names a piece that is not in the vocabulary: 'x'"),
            std::string::npos);
  EXPECT_NE(
      loadFailure(
          {{"config.json", R"({"model_type": "bert"})"},
           {"tokenizer_config.json", R"({"tokenizer_class": "BertTokenizer"})"},
           {"tokenizer.json",
            R"({"model": {"type": "BPE", "vocab": {}, "merges": []}})"}})
          .find("a model of type \"BPE\", but the tokenizer's class is one for "
                "WordPiece"),
      std::string::npos);
}

} // namespace
