//===- HostileTest.cpp - Tokenizers and texts that mean no good -----------===//
//
// Each error message must say what is wrong, in bounded time and memory.
//
//===----------------------------------------------------------------------===//

#include "Records.h"

using namespace lora_rt;
using records::Json;

namespace {

Json bpe() {
  return {{"version", "1.0"},
          {"model",
           {{"type", "BPE"},
            {"unk_token", "u"},
            {"vocab", {{"u", 0}, {"a", 1}, {"b", 2}, {"ab", 3}}},
            {"merges", {"a b"}}}}};
}

std::string failure(const Json &json) {
  Expected<Tokenizer> tokenizer = Tokenizer::fromJson(json.dump(), "t.json");
  return tokenizer ? "none" : tokenizer.message();
}

void expectFailure(const Json &json, const std::string &part) {
  std::string message = failure(json);
  EXPECT_NE(message.find(part), std::string::npos) << message;
  EXPECT_EQ(message.find("t.json"), 0u) << message;
}

TEST(HostileTest, VocabulariesAndMerges) {
  EXPECT_EQ(failure(bpe()), "none");
  Json json = bpe();
  json["model"]["merges"] = {"a c"};
  expectFailure(json, "merge 1 ('a' and 'c') names a piece that is not in the "
                      "vocabulary: 'c'");
  json["model"]["merges"] = {"b a"};
  expectFailure(json, "makes 'ba', which is not in the vocabulary");
  json["model"]["merges"] = {"a b c"};
  expectFailure(json, "merge 1 is not two pieces");
  json["model"]["merges"] = {3};
  expectFailure(json, "merge 1 is not two pieces");
  json = bpe();
  json["model"]["vocab"]["c"] = 3;
  expectFailure(json, "the pieces 'ab' and 'c' of the vocabulary have the same "
                      "id, 3");
  json["model"]["vocab"]["c"] = -1;
  expectFailure(json, "as the id of 'c'");
  json["model"]["vocab"] = Json::array();
  expectFailure(json, "expected an object for the vocabulary");
  json["model"]["vocab"] = {{"a", Json::array({"b", 0.5})}};
  expectFailure(json, "expected a whole number for each piece");
  json["model"] = {{"type", "Unigram"}, {"vocab", {0, 1}}};
  expectFailure(json, "expected a text and a score for each piece");
  json["model"]["vocab"] = {{"a", 0}};
  expectFailure(json, "expected a list for the vocabulary");
  std::string twice = bpe().dump();
  twice.insert(twice.find("\"ab\":3"), "\"a\":7,");
  Expected<Tokenizer> refused = Tokenizer::fromJson(twice, "t.json");
  EXPECT_NE(refused.message().find("the key 'a' stands twice"),
            std::string::npos)
      << refused.message();
  json = bpe();
  json["model"]["dropout"] = 0.1;
  expectFailure(json, "'dropout' makes ids random");
  json = bpe();
  json["added_tokens"] = {{{"id", 9}, {"content", "<s>"}, {"special", true}}};
  expectFailure(json, "the added token '<s>' has the id 9 in the file, but the "
                      "tokenizers library gives it 4");
}

TEST(HostileTest, VocabulariesMayHaveHoles) {
  Json json = bpe();
  json["model"]["vocab"]["c"] = 4'000'000'000u;
  json["model"]["vocab"]["d"] = 77;
  Expected<Tokenizer> tokenizer = Tokenizer::fromJson(json.dump(), "t.json");
  ASSERT_TRUE(tokenizer) << tokenizer.message();
  EXPECT_EQ(tokenizer->encode("abcd")->ids,
            (std::vector<uint32_t>{3, 4'000'000'000u, 77}));
  EXPECT_EQ(tokenizer->idLimit(), 4'000'000'001u);
  EXPECT_EQ(tokenizer->token(78), std::nullopt);
  EXPECT_EQ(tokenizer->token(77), "d");
}

TEST(HostileTest, ComponentsAreRefusedByName) {
  for (const char *kind :
       {"normalizer", "pre_tokenizer", "post_processor", "decoder"}) {
    Json json = bpe();
    json[kind] = {{"type", "Bogus"}};
    expectFailure(json, std::string(kind) +
                            ": 'Bogus' is not a component that is known");
    json[kind] = {{"kind", "Bogus"}};
    expectFailure(json, std::string(kind) + ": expected a text for 'type'");
    json[kind] = 3;
    expectFailure(json, "expected an object with a 'type'");
  }
  Json json = bpe();
  json["model"]["type"] = "Bogus";
  expectFailure(json, "model: 'Bogus' is not a component that is known");
  json = bpe();
  json["version"] = "2.0";
  expectFailure(json, "version \"2.0\"");
  json = bpe();
  json["normalizer"] = {{"type", "Precompiled"},
                        {"precompiled_charsmap", "/////w=="}};
  expectFailure(json, "'precompiled_charsmap' is damaged");
  json["normalizer"] = {{"type", "Replace"}, {"pattern", "x"}, {"content", ""}};
  expectFailure(json, "for 'pattern'");
  Json nested = {{"type", "NFC"}};
  for (int i = 0; i < 40; ++i)
    nested = {{"type", "Sequence"}, {"normalizers", {nested}}};
  json["normalizer"] = nested;
  expectFailure(json, "JSON nested deeper than");
  expectFailure(Json::array(), "expected an object with a 'model'");
}

TEST(HostileTest, ExpressionsThatRunAway) {
  Json json = bpe();
  json["pre_tokenizer"] = {{"type", "Split"},
                           {"pattern", {{"Regex", "(a+)+$|x"}}},
                           {"behavior", "Isolated"},
                           {"invert", false}};
  Expected<Tokenizer> tokenizer = Tokenizer::fromJson(json.dump(), "t.json");
  ASSERT_TRUE(tokenizer) << tokenizer.message();
  Expected<TextEncoding> found =
      tokenizer->encode(std::string(5000, 'a') + "b");
  ASSERT_FALSE(found);
  EXPECT_NE(found.message().find("takes too long; write the pattern without "
                                 "nested repetitions"),
            std::string::npos)
      << found.message();
}

TEST(HostileTest, ReplacementsThatExplode) {
  Json replace = {{"type", "Replace"},
                  {"pattern", {{"String", "a"}}},
                  {"content", std::string(1000, 'a')}};
  Json json = bpe();
  json["normalizer"] = {{"type", "Sequence"},
                        {"normalizers", {replace, replace, replace, replace}}};
  Expected<Tokenizer> tokenizer = Tokenizer::fromJson(json.dump(), "t.json");
  ASSERT_TRUE(tokenizer) << tokenizer.message();
  Expected<TextEncoding> found = tokenizer->encode("aaa");
  ASSERT_FALSE(found);
  EXPECT_NE(found.message().find("becomes too long"), std::string::npos);
}

TEST(HostileTest, TextsOfMoreThanAGigabyte) {
  Expected<Tokenizer> tokenizer = Tokenizer::fromJson(bpe().dump(), "t.json");
  ASSERT_TRUE(tokenizer);
  static const char byte = 'a';
  // Its bytes are not read.
  Expected<TextEncoding> found =
      tokenizer->encode(std::string_view(&byte, (size_t(1) << 30) + 1));
  ASSERT_FALSE(found);
  EXPECT_NE(found.message().find("a tokenizer takes at most 1073741824"),
            std::string::npos);
}

/// With quadratic time, each of these would take minutes.
TEST(HostileTest, LongWords) {
  for (const std::string &name : records::names()) {
    Expected<Tokenizer> tokenizer = Tokenizer::fromJson(
        records::read(name)["tokenizer"].dump(), "tokenizer.json");
    ASSERT_TRUE(tokenizer) << tokenizer.message();
    for (const char *unit : {"a", "ab", "\u0301", "漢", " ", "0", "\xff"}) {
      std::string text;
      while (text.size() < 60'000)
        text += unit;
      Expected<TextEncoding> found = tokenizer->encode(text);
      EXPECT_TRUE(found) << name << ": " << found.message();
    }
  }
}

TEST(HostileTest, StoredTablesThatAreDamaged) {
  Json record = records::read("llama2");
  Expected<Tokenizer> tokenizer =
      Tokenizer::fromJson(record["tokenizer"].dump(), "tokenizer.json");
  ASSERT_TRUE(tokenizer);
  std::string bytes = tokenizer->store();
  for (size_t size = 0; size < bytes.size(); size += 997) {
    records::Stored cut(bytes.substr(0, size));
    Expected<Tokenizer> again = Tokenizer::fromStored(cut.bytes(), "m.bin");
    ASSERT_FALSE(again) << size;
    EXPECT_EQ(again.message().find("m.bin"), 0u);
  }
  // For any contents of the tables, texts are encoded, or an error is returned.
  uint32_t random = 1;
  for (int round = 0; round < 300; ++round) {
    std::string changed = bytes;
    for (int i = 0; i < 5; ++i) {
      random = random * 1664525 + 1013904223;
      changed[random % changed.size()] = char(random >> 24);
    }
    records::Stored stored(changed);
    if (Expected<Tokenizer> again = Tokenizer::fromStored(stored.bytes(), "m"))
      if (Expected<TextEncoding> found = again->encode(
              "All human beings are born free \u4f60", {.wantsOffsets = true}))
        (void)again->decode(found->ids);
  }
}

} // namespace
