//===- UnicodeScripts.cpp - Cutting where the script changes --------------===//
//
// utf8proc has no scripts, so PCRE2 is queried, once for each script and block
// of characters in a text. As in the training of Unigram models, Hiragana and
// Katakana count as Han, and spaces as the script next to them.
//
//===----------------------------------------------------------------------===//

#include "PreTokenizer.h"
#include "Regex.h"

#include <array>
#include <map>
#include <mutex>

namespace lora_rt::text {

namespace {

/// The names of Unicode's scripts up to the version that the tokenizers library
/// has. As in the library, other characters have no script.
constexpr const char *scriptNames[] = {"Adlam",
                                       "Ahom",
                                       "Anatolian_Hieroglyphs",
                                       "Arabic",
                                       "Armenian",
                                       "Avestan",
                                       "Balinese",
                                       "Bamum",
                                       "Bassa_Vah",
                                       "Batak",
                                       "Bengali",
                                       "Bhaiksuki",
                                       "Bopomofo",
                                       "Brahmi",
                                       "Braille",
                                       "Buginese",
                                       "Buhid",
                                       "Canadian_Aboriginal",
                                       "Carian",
                                       "Caucasian_Albanian",
                                       "Chakma",
                                       "Cham",
                                       "Cherokee",
                                       "Common",
                                       "Coptic",
                                       "Cuneiform",
                                       "Cypriot",
                                       "Cyrillic",
                                       "Deseret",
                                       "Devanagari",
                                       "Duployan",
                                       "Egyptian_Hieroglyphs",
                                       "Elbasan",
                                       "Ethiopic",
                                       "Georgian",
                                       "Glagolitic",
                                       "Gothic",
                                       "Grantha",
                                       "Greek",
                                       "Gujarati",
                                       "Gurmukhi",
                                       "Han",
                                       "Hangul",
                                       "Hanunoo",
                                       "Hatran",
                                       "Hebrew",
                                       "Hiragana",
                                       "Imperial_Aramaic",
                                       "Inherited",
                                       "Inscriptional_Pahlavi",
                                       "Inscriptional_Parthian",
                                       "Javanese",
                                       "Kaithi",
                                       "Kannada",
                                       "Katakana",
                                       "Kayah_Li",
                                       "Kharoshthi",
                                       "Khmer",
                                       "Khojki",
                                       "Khudawadi",
                                       "Lao",
                                       "Latin",
                                       "Lepcha",
                                       "Limbu",
                                       "Linear_A",
                                       "Linear_B",
                                       "Lisu",
                                       "Lycian",
                                       "Lydian",
                                       "Mahajani",
                                       "Malayalam",
                                       "Mandaic",
                                       "Manichaean",
                                       "Marchen",
                                       "Meetei_Mayek",
                                       "Mende_Kikakui",
                                       "Meroitic_Cursive",
                                       "Meroitic_Hieroglyphs",
                                       "Miao",
                                       "Modi",
                                       "Mongolian",
                                       "Mro",
                                       "Multani",
                                       "Myanmar",
                                       "Nabataean",
                                       "New_Tai_Lue",
                                       "Newa",
                                       "Nko",
                                       "Ogham",
                                       "Ol_Chiki",
                                       "Old_Hungarian",
                                       "Old_Italic",
                                       "Old_North_Arabian",
                                       "Old_Permic",
                                       "Old_Persian",
                                       "Old_South_Arabian",
                                       "Old_Turkic",
                                       "Oriya",
                                       "Osage",
                                       "Osmanya",
                                       "Pahawh_Hmong",
                                       "Palmyrene",
                                       "Pau_Cin_Hau",
                                       "Phags_Pa",
                                       "Phoenician",
                                       "Psalter_Pahlavi",
                                       "Rejang",
                                       "Runic",
                                       "Samaritan",
                                       "Saurashtra",
                                       "Sharada",
                                       "Shavian",
                                       "Siddham",
                                       "SignWriting",
                                       "Sinhala",
                                       "Sora_Sompeng",
                                       "Sundanese",
                                       "Syloti_Nagri",
                                       "Syriac",
                                       "Tagalog",
                                       "Tagbanwa",
                                       "Tai_Le",
                                       "Tai_Tham",
                                       "Tai_Viet",
                                       "Takri",
                                       "Tamil",
                                       "Tangut",
                                       "Telugu",
                                       "Thaana",
                                       "Thai",
                                       "Tibetan",
                                       "Tifinagh",
                                       "Tirhuta",
                                       "Ugaritic",
                                       "Vai",
                                       "Warang_Citi",
                                       "Yi"};

/// The script of spaces, and of characters without a known script.
constexpr uint8_t anyScript = 255;

/// Scripts of 256 characters each, as they are needed.
class ScriptTable {
public:
  uint8_t of(char32_t character) {
    std::unique_ptr<std::array<uint8_t, 256>> &block = blocks[character >> 8];
    if (!block) {
      block = std::make_unique<std::array<uint8_t, 256>>();
      fill(*block, character >> 8 << 8);
    }
    return (*block)[character & 255];
  }

private:
  std::array<std::unique_ptr<std::array<uint8_t, 256>>, 0x1100> blocks;
  std::vector<std::pair<uint8_t, Regex>> regexes;

  void fill(std::array<uint8_t, 256> &block, char32_t first) {
    if (regexes.empty())
      for (size_t i = 0; i < std::size(scriptNames); ++i)
        if (Expected<Regex> regex = Regex::compile(
                "\\p{" + std::string(scriptNames[i]) + "}", "UnicodeScripts"))
          regexes.emplace_back(uint8_t(i), std::move(*regex));
    std::string text;
    std::vector<uint32_t> starts;
    block.fill(anyScript);
    for (char32_t c = first; c < first + 256; ++c) {
      starts.push_back(uint32_t(text.size()));
      if (c < 0xd800 || c > 0xdfff)
        appendCharacter(text, c);
    }
    for (const auto &[script, regex] : regexes) {
      std::vector<Range> matches;
      if (regex.findAll(text, matches))
        continue;
      size_t i = 0;
      for (Range match : matches) {
        while (i + 1 < starts.size() && starts[i + 1] <= match.begin)
          ++i;
        block[i] = script;
      }
    }
  }
};

class UnicodeScripts final : public PreTokenizer {
public:
  UnicodeScripts() {
    for (size_t i = 0; i < std::size(scriptNames); ++i) {
      std::string_view name = scriptNames[i];
      for (auto [wanted, at] : {std::pair<const char *, uint8_t *>{"Han", &han},
                                {"Hiragana", &hiragana},
                                {"Katakana", &katakana},
                                {"Common", &common}})
        if (name == wanted)
          *at = uint8_t(i);
    }
  }

  Error split(Words &words) const override {
    std::lock_guard<std::mutex> lock(mutex);
    std::vector<Range> out;
    const std::string &text = words.text.text();
    for (Range word : words.ranges) {
      int last = -1;
      uint32_t begin = word.begin;
      bool hasBegun = false;
      std::string_view view(text.data(), word.end);
      for (size_t at = word.begin; at < word.end;) {
        auto start = uint32_t(at);
        uint8_t script = scriptOf(nextCharacter(view, at));
        if (script == anyScript)
          continue;
        if (last != script) {
          // Text before the first character of a script is removed, as in the
          // library.
          if (hasBegun)
            out.push_back({begin, start});
          begin = start;
          hasBegun = true;
        }
        last = script;
      }
      if (hasBegun)
        out.push_back({begin, word.end});
    }
    words.ranges = std::move(out);
    return Error::success();
  }

private:
  mutable std::mutex mutex;
  mutable ScriptTable table;
  uint8_t han = 0, hiragana = 0, katakana = 0, common = 0;

  uint8_t scriptOf(char32_t character) const {
    if (character == ' ')
      return anyScript;
    if (character == 0x30fc)
      return han;
    // Characters whose script has changed since the library's version.
    if (character == 0x589 || character == 0x61c)
      return common;
    uint8_t script = table.of(character);
    return script == hiragana || script == katakana ? han : script;
  }
};

} // namespace

std::unique_ptr<PreTokenizer> makeUnicodeScripts() {
  return std::make_unique<UnicodeScripts>();
}

} // namespace lora_rt::text
