//===- StreamTest.cpp - Text as soon as it is settled ---------------------===//

#include "Records.h"

using namespace lora_rt;
using records::Json;

namespace {

/// A tokenizer of the pieces, with a decoder.
Tokenizer make(const std::vector<std::string> &pieces, Json decoder,
               const char *type = "WordLevel") {
  Json vocabulary = Json::object();
  for (size_t i = 0; i < pieces.size(); ++i)
    vocabulary[pieces[i]] = i;
  Json json = {{"version", "1.0"},
               {"decoder", std::move(decoder)},
               {"model",
                {{"type", type},
                 {"vocab", vocabulary},
                 {"merges", Json::array()},
                 {"unk_token", pieces[0]}}}};
  Expected<Tokenizer> tokenizer = Tokenizer::fromJson(json.dump(), "test");
  EXPECT_TRUE(tokenizer) << tokenizer.message();
  return std::move(*tokenizer);
}

std::vector<std::string> parts(const Tokenizer &tokenizer,
                               const std::vector<uint32_t> &ids) {
  TextStream stream = tokenizer.stream();
  std::vector<std::string> result;
  for (uint32_t id : ids)
    result.push_back(stream.push(id));
  result.push_back(stream.finish());
  return result;
}

using Parts = std::vector<std::string>;

TEST(StreamTest, BytesWaitForTheirCharacter) {
  Tokenizer tokenizer =
      make({"a", "ä½", "ł", "Ġ"}, {{"type", "ByteLevel"},
                                   {"add_prefix_space", false},
                                   {"trim_offsets", false}});
  // E4 BD A0 is one character; a cut one is replaced as soon as it is known.
  EXPECT_EQ(parts(tokenizer, {0, 1, 2, 3}), (Parts{"a", "", "你", " ", ""}));
  EXPECT_EQ(parts(tokenizer, {1, 0}), (Parts{"", "\ufffda", ""}));
  EXPECT_EQ(parts(tokenizer, {1}), (Parts{"", "\ufffd"}));
  EXPECT_EQ(parts(tokenizer, {2, 2}), (Parts{"\ufffd", "\ufffd", ""}));
}

TEST(StreamTest, ARunOfBytePiecesIsSettledAtItsEnd) {
  Json decoder = {
      {"type", "Sequence"},
      {"decoders",
       {{{"type", "Replace"}, {"pattern", {{"String", "▁"}}}, {"content", " "}},
        {{"type", "ByteFallback"}},
        {{"type", "Fuse"}},
        {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}}}}};
  Tokenizer tokenizer =
      make({"▁a", "<0xE4>", "<0xBD>", "<0xA0>", "b"}, decoder);
  EXPECT_EQ(parts(tokenizer, {0, 4, 0}), (Parts{"a", "b", " a", ""}));
  EXPECT_EQ(parts(tokenizer, {0, 1, 2, 3, 4}),
            (Parts{"a", "", "", "", "你b", ""}));
  // One byte too many makes each byte of the run a replacement character.
  EXPECT_EQ(parts(tokenizer, {1, 2, 3, 1, 4}),
            (Parts{"", "", "", "", "\ufffd\ufffd\ufffd\ufffdb", ""}));
}

TEST(StreamTest, PiecesWithoutADecoderHaveSpacesBetween) {
  Tokenizer tokenizer = make({"x", "yy"}, nullptr);
  EXPECT_EQ(parts(tokenizer, {0, 1, 0}), (Parts{"x", " yy", " x", ""}));
}

TEST(StreamTest, TheLastPieceOfBpeWaits) {
  Tokenizer tokenizer = make({"he", "llo</w>", "you</w>"},
                             {{"type", "BPEDecoder"}, {"suffix", "</w>"}});
  EXPECT_EQ(parts(tokenizer, {0, 1, 2}), (Parts{"", "he", "llo ", "you"}));
}

TEST(StreamTest, IdsThatAreNotThereGiveNothing) {
  Tokenizer tokenizer = make({"x", "yy"}, {{"type", "Fuse"}});
  EXPECT_EQ(*tokenizer.decode(std::vector<uint32_t>{0, 99, 1, UINT32_MAX}),
            "xyy");
  EXPECT_EQ(*tokenizer.decode({}), "");
}

} // namespace
