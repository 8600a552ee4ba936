//===- StopTextsTest.cpp - Stop texts in pieces of text -------------------===//

#include "lora-runtime/StopTexts.h"
#include "generation/Draw.h"

#include <gtest/gtest.h>

using namespace lora_rt;

namespace {

StopTexts make(const std::vector<std::string> &texts) {
  auto stops = StopTexts::create(texts);
  EXPECT_TRUE(stops) << stops.message();
  return std::move(*stops);
}

/// What is given back after each piece, "|" between; "#N" where a text was
/// found.
std::string stream(StopTexts &stops, const std::vector<std::string> &pieces) {
  std::string result;
  for (const std::string &piece : pieces) {
    StopTexts::Step step = stops.add(piece);
    result += std::string(step.text) + "|";
    if (step.stop)
      return result + "#" + std::to_string(*step.stop);
  }
  return result + std::string(stops.finish());
}

TEST(StopTexts, HoldsBackOnlyWhatMayBecomeAStopText) {
  StopTexts stops = make({"User:", "\n\n"});
  // "\n" may be the first half.
  EXPECT_EQ(stream(stops, {"Hi", " U", "se", "d \n", "x"}), "Hi| ||Used |\nx|");
  stops.reset();
  EXPECT_EQ(stream(stops, {"Hi", " Us", "er: no"}), "Hi| ||#0");
  EXPECT_EQ(stops.add("more").text, "");
  EXPECT_EQ(*stops.add("more").stop, 0u);
  stops.reset();
  EXPECT_EQ(stream(stops, {"a\n", "\nb"}), "a||#1");
  stops.reset();
  EXPECT_EQ(stream(stops, {"Use"}), "|Use");
  stops.reset();
  EXPECT_EQ(stream(stops, {"", "x", ""}), "|x||");
}

TEST(StopTexts, TakesTheFirstThatIsComplete) {
  StopTexts stops = make({"abcd", "bc", "xbc", "c", "bc"});
  // The longest of those that end at one place is found.
  EXPECT_EQ(stream(stops, {"abcd"}), "a|#1");
  stops.reset();
  EXPECT_EQ(stream(stops, {"ax", "bc"}), "a||#2");
  stops.reset();
  EXPECT_EQ(stream(stops, {"ac"}), "a|#3");
}

TEST(StopTexts, NoneIsAllowedEmptyIsNot) {
  StopTexts none = make({});
  EXPECT_EQ(stream(none, {"ab", "c"}), "ab|c|");
  auto empty = StopTexts::create(std::vector<std::string>{"a", ""});
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.message(), "a stop text is empty; it would end every text");
  auto large =
      StopTexts::create(std::vector<std::string>{std::string(2 << 20, 'a')});
  ASSERT_FALSE(large);
  EXPECT_NE(large.message().find("more than 1048576 bytes"), std::string::npos);
}

TEST(StopTexts, CharactersStayWhole) {
  StopTexts stops = make({"é!", "中文"});
  EXPECT_EQ(stream(stops, {"è", "é", "中", "中", "文"}), "è||é|中||#1");
}

/// Against a search that tries all ends, for random texts and pieces.
TEST(StopTexts, AgreesWithASimpleSearch) {
  uint64_t number = 0;
  auto random = [&](uint64_t below) {
    return uint64_t(generation::uniform(4, 0, number++) * double(below));
  };
  auto randomText = [&](size_t length) {
    std::string text;
    while (text.size() < length)
      text += char('a' + random(3));
    return text;
  };
  size_t found = 0;
  for (int round = 0; round < 2000; ++round) {
    std::vector<std::string> texts;
    for (uint64_t count = 1 + random(4); count; --count)
      texts.push_back(randomText(1 + random(6)));
    std::string text = randomText(random(40));
    std::string expected = text;
    for (size_t end = 1; end <= text.size(); ++end) {
      size_t longest = 0;
      for (const std::string &stop : texts)
        if (std::string_view(text).substr(0, end).ends_with(stop))
          longest = std::max(longest, stop.size());
      if (longest == 0)
        continue;
      expected = text.substr(0, end - longest);
      ++found;
      break;
    }
    StopTexts stops = make(texts);
    std::string given;
    bool isFound = false;
    for (size_t at = 0; at < text.size() && !isFound;) {
      size_t size = random(5);
      StopTexts::Step step = stops.add(std::string_view(text).substr(at, size));
      at += size;
      given += step.text;
      isFound = step.stop.has_value();
      if (isFound || at >= text.size())
        continue;
      // What waits is the beginning of a stop text, and no longer one is.
      std::string_view waits =
          std::string_view(text).substr(given.size(), at - given.size());
      for (size_t begin = 0; begin < at; ++begin) {
        std::string_view tail =
            std::string_view(text).substr(begin, at - begin);
        bool isBeginning = false;
        for (const std::string &stop : texts)
          isBeginning |= stop.starts_with(tail);
        if (isBeginning) {
          ASSERT_EQ(waits, tail);
          break;
        }
        ASSERT_LT(waits.size(), tail.size());
      }
    }
    given += isFound ? "" : stops.finish();
    ASSERT_EQ(given, expected);
  }
  EXPECT_GT(found, 500u);
  EXPECT_LT(found, 1950u);
}

} // namespace
