//===- RecordTest.cpp - The same ids, offsets and texts as in Python ------===//
//
// Small tokenizers in the configurations of published models, and others that
// use every component, compared with the records of
// tools/dev/record_tokenizers.py.
//
//===----------------------------------------------------------------------===//

#include "Records.h"
#include "text/Unicode.h"

using namespace lora_rt;
using records::Json;

namespace {

class RecordTest : public testing::TestWithParam<std::string> {};

std::vector<std::string> texts() {
  return records::read("texts")["texts"].get<std::vector<std::string>>();
}

void compare(const Tokenizer &tokenizer, const Json &record,
             const std::vector<std::string> &texts) {
  for (const Json &entry : record["cases"]) {
    const std::string &text = texts[entry[0].get<size_t>()];
    int second = entry[1].get<int>();
    EncodeOptions options = {.addSpecialTokens = entry[2] == 1,
                             .wantsOffsets = true};
    auto encode = [&] {
      return second < 0
                 ? tokenizer.encode(text, options)
                 : tokenizer.encode(text, texts[size_t(second)], options);
    };
    Expected<TextEncoding> found = encode();
    ASSERT_TRUE(found) << found.message();
    SCOPED_TRACE(text);
    auto ids = entry[3].get<std::vector<uint32_t>>();
    ASSERT_EQ(found->ids, ids);
    uint32_t last = 0;
    for (size_t i = 0; i < ids.size(); ++i) {
      uint32_t begin = last + uint32_t(entry[4][2 * i].get<int>());
      last = begin + uint32_t(entry[4][2 * i + 1].get<int>());
      ASSERT_EQ(found->offsets[i], (TextRange{begin, last})) << i;
    }
    if (second >= 0)
      ASSERT_EQ(found->typeIds, entry[5].get<std::vector<uint32_t>>());
    options.wantsOffsets = false;
    Expected<TextEncoding> plain = encode();
    ASSERT_TRUE(plain) << plain.message();
    ASSERT_EQ(plain->ids, ids);
    ASSERT_TRUE(plain->offsets.empty());
    if (entry.size() < 8)
      continue;
    for (bool skips : {false, true}) {
      Expected<std::string> decoded = tokenizer.decode(ids, skips);
      ASSERT_TRUE(decoded) << decoded.message();
      ASSERT_EQ(*decoded, entry[skips ? 7 : 6].get<std::string>());
    }
  }
}

TEST_P(RecordTest, IsAsInPython) {
  Json record = records::read(GetParam());
  Expected<Tokenizer> tokenizer =
      Tokenizer::fromJson(record["tokenizer"].dump(), "tokenizer.json");
  ASSERT_TRUE(tokenizer) << tokenizer.message();
  ASSERT_GT(record["cases"].size(), 15u);
  compare(*tokenizer, record, texts());
}

/// Components in any order, with any options.
TEST(RecordTest, CompositionsAreAsInPython) {
  Json all = records::read("../compositions");
  auto texts = all["texts"].get<std::vector<std::string>>();
  ASSERT_GE(all["records"].size(), 30u);
  for (const Json &record : all["records"]) {
    SCOPED_TRACE(record["name"].get<std::string>());
    Expected<Tokenizer> tokenizer =
        Tokenizer::fromJson(record["tokenizer"].dump(), "tokenizer.json");
    ASSERT_TRUE(tokenizer) << tokenizer.message();
    ASSERT_FALSE(record["cases"].empty());
    compare(*tokenizer, record, texts);
    records::Stored stored(tokenizer->store());
    Expected<Tokenizer> again =
        Tokenizer::fromStored(stored.bytes(), "model.bin");
    ASSERT_TRUE(again) << again.message();
    compare(*again, record, texts);
  }
}

TEST_P(RecordTest, IsTheSameWhenStored) {
  Json record = records::read(GetParam());
  Expected<Tokenizer> tokenizer =
      Tokenizer::fromJson(record["tokenizer"].dump(), "tokenizer.json");
  ASSERT_TRUE(tokenizer) << tokenizer.message();
  records::Stored stored(tokenizer->store());
  Expected<Tokenizer> again =
      Tokenizer::fromStored(stored.bytes(), "model.bin");
  ASSERT_TRUE(again) << again.message();
  compare(*again, record, texts());
  EXPECT_EQ(again->idLimit(), tokenizer->idLimit());
  EXPECT_EQ(again->store(), tokenizer->store());
  for (uint32_t id = 0; id < again->idLimit(); ++id)
    ASSERT_EQ(again->token(id), tokenizer->token(id));
}

/// Where each character of `valid`, and its end, is in the bytes that it was
/// made from.
std::vector<uint32_t> placesOf(std::string_view valid, std::string_view bytes) {
  std::vector<uint32_t> places(valid.size() + 1);
  size_t at = 0;
  for (size_t from = 0; from < valid.size();) {
    places[from] = uint32_t(at);
    char32_t character = text::nextCharacter(valid, from);
    if (character == text::replacementCharacter)
      at += text::invalidBytes(bytes, at);
    else
      text::nextCharacter(bytes, at);
  }
  places.back() = uint32_t(at);
  return places;
}

/// Each invalid part of UTF-8 becomes one U+FFFD, as in Python; the offsets are
/// those of the bytes.
TEST_P(RecordTest, TakesAnyBytes) {
  Json record = records::read(GetParam());
  Expected<Tokenizer> tokenizer =
      Tokenizer::fromJson(record["tokenizer"].dump(), "tokenizer.json");
  ASSERT_TRUE(tokenizer) << tokenizer.message();
  Json all = records::read("texts");
  std::vector<std::string> replaced = texts();
  size_t first = replaced.size() - all["invalid"].size();
  for (size_t i = 0; i < all["invalid"].size(); ++i) {
    auto hex = all["invalid"][i].get<std::string>();
    std::string bytes;
    for (size_t j = 0; j < hex.size(); j += 2)
      bytes += char(std::stoi(hex.substr(j, 2), nullptr, 16));
    // A space at the end is a piece without a range, if offsets are trimmed.
    for (const char *behind : {"", " "}) {
      std::string text = bytes + behind, valid = replaced[first + i] + behind;
      Expected<TextEncoding> found =
          tokenizer->encode(text, {.wantsOffsets = true});
      Expected<TextEncoding> expected =
          tokenizer->encode(valid, {.wantsOffsets = true});
      ASSERT_TRUE(found && expected) << found.message();
      EXPECT_EQ(found->ids, expected->ids);
      std::vector<uint32_t> places = placesOf(valid, text);
      ASSERT_EQ(places.back(), text.size());
      for (size_t j = 0; j < found->offsets.size(); ++j) {
        TextRange range = expected->offsets[j];
        EXPECT_EQ(found->offsets[j],
                  (TextRange{places[range.begin], places[range.end]}))
            << text << " " << j;
      }
    }
  }
}

/// Decoding one by one gives the same text, and no part ends inside a
/// character.
TEST_P(RecordTest, StreamsTheSameText) {
  Json record = records::read(GetParam());
  Expected<Tokenizer> tokenizer =
      Tokenizer::fromJson(record["tokenizer"].dump(), "tokenizer.json");
  ASSERT_TRUE(tokenizer) << tokenizer.message();
  for (const Json &entry : record["cases"]) {
    auto ids = entry[3].get<std::vector<uint32_t>>();
    for (bool skips : {false, true}) {
      TextStream stream = tokenizer->stream(skips);
      std::string all;
      for (uint32_t id : ids) {
        std::string part = stream.push(id);
        all += part;
        if (!part.empty()) {
          EXPECT_NE(static_cast<unsigned char>(part[0]) & 0xc0, 0x80);
        }
      }
      all += stream.finish();
      EXPECT_EQ(all, *tokenizer->decode(ids, skips));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, RecordTest, testing::ValuesIn(records::names()),
                         [](const testing::TestParamInfo<std::string> &info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(RecordTest, AllAreThere) { EXPECT_GE(records::names().size(), 34u); }

} // namespace
