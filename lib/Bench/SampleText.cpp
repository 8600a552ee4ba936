//===- SampleText.cpp - Made-up texts -------------------------------------===//
//
// Implements SampleText.h. The texts consist of made-up words and of fixed
// passages in many scripts. The seed is fixed. Only an engine of <random> is
// used, because its distributions differ between standard libraries.
//
//===----------------------------------------------------------------------===//

#include "SampleText.h"

#include <algorithm>
#include <cmath>
#include <random>

using namespace lora::bench;

namespace {

constexpr const char *syllables[] = {
    "al",  "be", "con", "de", "er", "fi",  "gra", "ho", "in",  "ja",
    "kel", "lo", "men", "no", "or", "pre", "qui", "re", "sta", "tion"};

constexpr const char *passages[] = {
    "Tous les êtres humains naissent libres et égaux en dignité. ",
    "Alle Menschen sind frei und gleich an Würde und Rechten geboren. ",
    "Все люди рождаются свободными и равными в своём достоинстве. ",
    "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι. ",
    "كل الناس يولدون أحرارًا متساوين في الكرامة والحقوق. ",
    "सभी मनुष्यों को गौरव और अधिकारों के मामले में समानता प्राप्त है। ",
    "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกัน ",
    "人人生而自由，在尊严和权利上一律平等。",
    "すべての人間は、生まれながらにして自由である。",
    "모든 인간은 태어날 때부터 자유로우며 존엄하다. ",
    "def f(x):\n    return {'a': [x ** 2 for x in range(10)]}  # comment\n",
    "https://example.org/a/b?c=d&e=f#g, 1,234.56 and 2024-02-29T12:00:00Z\n",
    "don't we'll they're I'M: \"quotes\" - (brackets) ... 😀 👍🏽 ",
};

/// The standard's distributions differ between libraries; its engines do not.
class Source {
public:
  size_t below(size_t count) { return engine() % count; }
  double unit() { return (double(engine()) + 1) / 4294967296.0; }

private:
  std::mt19937 engine{12345};
};

std::string repeated(const std::string &unit, uint64_t bytes) {
  std::string text;
  text.reserve(bytes + unit.size());
  while (text.size() < bytes)
    text += unit;
  return text;
}

} // namespace

std::string lora::bench::sampleText(uint64_t bytes) {
  Source source;
  std::vector<std::string> words(20000);
  for (std::string &word : words)
    for (size_t i = 1 + source.below(4); i; --i)
      word += syllables[source.below(std::size(syllables))];
  constexpr const char *ends[] = {". ", ", ", "\n"};
  std::string text;
  text.reserve(bytes + 1000);
  while (text.size() < bytes) {
    if (source.below(4) == 0) {
      text += passages[source.below(std::size(passages))];
      continue;
    }
    for (int i = 0; i < 20; ++i) {
      // Pareto's distribution: the first words are frequent.
      double rank = std::pow(source.unit(), -1 / 0.6);
      text += words[size_t(std::min(rank, 1e9)) % words.size()];
      text += i < 19 ? " " : ends[source.below(3)];
    }
  }
  return text;
}

std::vector<std::pair<std::string, std::string>>
lora::bench::longTexts(uint64_t bytes) {
  uint64_t word = std::min<uint64_t>(bytes, 1'000'000);
  return {{"a word", repeated("ab", word)},
          {"one letter", repeated("a", bytes)},
          {"spaces", repeated(" ", bytes)},
          {"emoji", repeated("😀", bytes)},
          {"a b a b", repeated("a b ", bytes)}};
}
