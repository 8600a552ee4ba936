//===- RegexTest.cpp - Oniguruma's expressions by PCRE2 -------------------===//

#include "text/Regex.h"
#include "text/LateCharacters.h"

#include <gtest/gtest.h>

using namespace lora_rt;
using namespace lora_rt::text;

namespace {

/// The matches of a pattern, with bars between them.
std::string find(std::string_view pattern, std::string_view text) {
  Expected<Regex> regex = Regex::compile(pattern, "test");
  if (!regex)
    return regex.message();
  std::vector<Range> matches;
  if (Error error = regex->findAll(text, matches))
    return error.message();
  std::string result;
  for (Range match : matches)
    result += std::string(text.substr(match.begin, match.size())) + "|";
  return result;
}

TEST(RegexTest, WhatBothReadAlikeStays) {
  EXPECT_EQ(find("ab+?|c", "abbc"), "ab|c|");
  EXPECT_EQ(find(R"(\s+(?!\S)|\s+)", "a   b "), "  | | |");
  EXPECT_EQ(find("(?i:'s|'LL)", "a'S b'll"), "'S|'ll|");
  EXPECT_EQ(find("(?<x>a)\\k<x>", "aa a"), "aa|");
}

TEST(RegexTest, SetsAreThoseOfUnicode) {
  // U+180E is white space for PCRE2's \s, not for Unicode.
  EXPECT_EQ(find(R"(\s)", "a\u180e\u0085\u00a0\u3000"),
            "\u0085|\u00a0|\u3000|");
  // Marks, connectors and letters as numbers are part of words.
  EXPECT_EQ(find(R"([\w]+)", "e\u0301\u203f\u216b \u00bd"),
            "e\u0301\u203f\u216b|");
  // Outside of a class, Oniguruma has more words in Latin-1.
  EXPECT_EQ(find(R"(\w+)", "e\u216b½ ²\u2460"), "e\u216b½|²|");
  EXPECT_EQ(find(R"(\b.\b)", "½\u2460"), "½|");
  EXPECT_EQ(find(R"(\p{Word}|[\p{Word}-]|\W)", "½-"), "½|-|");
  EXPECT_EQ(find(R"(\h+)", "xaF9g \t"), "aF9|");
  EXPECT_EQ(find(R"(\d+)", "1٢३½"), "1٢३|");
  EXPECT_EQ(find(R"([[:punct:]]+)", "a$+!¬"), "$+!|");
  // A script is not its extensions: U+30FC is shared.
  EXPECT_EQ(find(R"(\p{Katakana}+)", "カー"), "カ|");
  EXPECT_EQ(find(R"(\p{Yi}+)", "ꀀ、"), "ꀀ|");
  EXPECT_EQ(find(R"(\bcafe\u0301\b)", "cafe\u0301 cafe\u0301x"), "cafe\u0301|");
}

/// U+1FA77, a pink heart, is of Unicode 15, which utf8proc has. PCRE2 may have
/// older tables.
TEST(RegexTest, NewSymbolsAreSymbols) {
  auto findLate = [](const char *pattern, const char *text) {
    return find(withLateCharacters(pattern), text);
  };
  EXPECT_EQ(findLate(R"(\p{S}+|\p{L})", "a🩷+💡b"), "a|🩷+💡|b|");
  EXPECT_EQ(findLate(R"( ?[\p{P}\p{S}]+)", "a 🩷!b"), " 🩷!|");
  EXPECT_EQ(findLate(R"([^\s\p{L}\p{So}]+)", "a🩷 12"), "12|");
  EXPECT_EQ(findLate(R"(\P{S}+)", "ab🩷c"), "ab|c|");
  EXPECT_EQ(findLate(R"([\P{S}x]+)", "ab🩷c"), "ab|c|");
  EXPECT_EQ(findLate(R"(\p{^S}\[\\p)", "a[\\p"), "a[\\p|");
  EXPECT_EQ(withLateCharacters(R"(\p{L}\s[\]\p{N}])"), R"(\p{L}\s[\]\p{N}])");
}

TEST(RegexTest, RepetitionsAreThoseOfRuby) {
  // {1,3}+ is a repetition of a repetition, {2}? an option.
  EXPECT_EQ(find(R"(\d{1,3}+)", "1234567"), "1234567|");
  EXPECT_EQ(find(R"(\d{1,3})", "1234567"), "123|456|7|");
  EXPECT_EQ(find("xa{2}?y", "xy xaay xay"), "xy|xaay|");
  EXPECT_EQ(find("xa{,2}y", "xy xaay xaaay"), "xy|xaay|");
  EXPECT_EQ(find("a{x}", "a{x}"), "a{x}|");
  EXPECT_EQ(find("(?m:a.b)|a.c", "a\nb a\nc"), "a\nb|");
}

TEST(RegexTest, ClassesHaveIntersections) {
  EXPECT_EQ(find("[a-f&&[^bd]]+", "abcdef"), "a|c|ef|");
  EXPECT_EQ(find(R"([\p{L}&&[^\p{Han}]]+)", "ab漢c"), "ab|c|");
  EXPECT_EQ(find("[^a-c[x-z]]+", "amxn"), "m|n|");
  EXPECT_EQ(find(R"([\w-]+)", "a-b c"), "a-b|c|");
  EXPECT_EQ(find("[]a]+", "]a["), "]a|");
}

TEST(RegexTest, EmptyMatchesDoNotTouchOthers) {
  EXPECT_EQ(find("x*", "axb"), "|x||");
  EXPECT_EQ(find("", "ab"), "|||");
}

TEST(RegexTest, LinesEndAtLineFeeds) {
  EXPECT_EQ(find("a$", "a\r\na\nb a"), "a|a|");
  EXPECT_EQ(find(R"(a\z)", "a\na"), "a|");
}

TEST(RegexTest, WhatIsNotKnownIsRefusedByName) {
  EXPECT_NE(find(R"(\p{InGreek}x)", "x").find("'InGreek'"), std::string::npos);
  EXPECT_NE(find(R"(\Q)", "x").find(R"(\Q)"), std::string::npos);
  EXPECT_NE(find("(?~a)", "x").find("(?~"), std::string::npos);
  EXPECT_NE(find("(*ACCEPT)", "x").find("in front of '*'"), std::string::npos);
  EXPECT_NE(find("[a", "x").find("']'"), std::string::npos);
  EXPECT_NE(find("a)", "x").find("')'"), std::string::npos);
  EXPECT_NE(find("*a", "x").find("in front of '*'"), std::string::npos);
  EXPECT_NE(find("(a", "x").find("not a regular expression"),
            std::string::npos);
}

TEST(RegexTest, RunawayPatternsEnd) {
  std::string text(20'000, 'a');
  EXPECT_NE(find("(a+)+[bc]", text + "!").find("takes too long"),
            std::string::npos);
  EXPECT_NE(find("(a|aa)+(?=b)", text).find("takes too long"),
            std::string::npos);
}

TEST(RegexTest, LongRunsAreNoRunaways) {
  std::string spaces(1 << 20, ' ');
  EXPECT_EQ(find(R"(\s*[\r\n]+|\s+(?!\S)|\s+)", spaces + "a").size(),
            spaces.size() + 2);
  std::string word(1 << 20, 'x');
  EXPECT_EQ(find(R"([^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3})", word).size(),
            word.size() + 1);
}

} // namespace
