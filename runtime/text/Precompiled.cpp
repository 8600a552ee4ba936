//===- Precompiled.cpp - The character map of sentencepiece ---------------===//
//
// A charsmap is a trie of texts as a double array (that of Darts-clone),
// followed by the replacement texts, each with a zero at its end. It is
// searched for each grapheme cluster, then for each character.
//
//===----------------------------------------------------------------------===//

#include "Normalizer.h"

#include <array>
#include <cstring>

namespace lora_rt::text {

namespace {

class Precompiled final : public Normalizer {
public:
  Precompiled(std::vector<uint32_t> units, std::string texts, std::string where)
      : units(std::move(units)), texts(std::move(texts)),
        where(std::move(where)) {}

  Error normalize(NormalizedText &normalized) const override {
    const std::string &text = normalized.text();
    std::vector<Change> changes;
    changes.reserve(text.size());
    bool isChanged = false;
    for (size_t at = 0; at < text.size();) {
      size_t end = clusterEnd(text, at);
      std::string_view cluster(text.data() + at, end - at);
      std::optional<std::string_view> whole;
      if (cluster.size() < 6)
        whole = find(cluster);
      if (whole) {
        replace(changes, cluster, *whole);
        isChanged = true;
      } else {
        for (size_t i = 0; i < cluster.size();) {
          size_t begin = i;
          char32_t character = nextCharacter(cluster, i);
          std::string_view part = cluster.substr(begin, i - begin);
          if (std::optional<std::string_view> other = find(part)) {
            replace(changes, part, *other);
            isChanged = true;
          } else {
            changes.push_back({character, 0});
          }
        }
      }
      if (!normalized.fits(changes.size()))
        return tooLong(normalized, where);
      at = end;
    }
    if (isChanged)
      normalized.transform(changes);
    return Error::success();
  }

private:
  std::vector<uint32_t> units;
  std::string texts;
  std::string where;

  /// The end of the grapheme cluster that begins at `at`.
  static size_t clusterEnd(std::string_view text, size_t at) {
    char32_t left = nextCharacter(text, at);
    int32_t state = 0;
    while (at < text.size()) {
      size_t behind = at;
      char32_t right = nextCharacter(text, behind);
      // Each ASCII character is a cluster, except a line end of two characters.
      bool isBreak = left < 0x80 && right < 0x80
                         ? !(left == '\r' && right == '\n')
                         : isGraphemeBreak(left, right, state);
      if (isBreak)
        break;
      at = behind;
      left = right;
    }
    return at;
  }

  /// The replacement of a text: that of its shortest prefix in the trie.
  std::optional<std::string_view> find(std::string_view key) const {
    auto unit = [&](size_t i) { return i < units.size() ? units[i] : 0; };
    auto offset = [](uint32_t u) {
      return size_t(u >> 10) << ((u & (1u << 9)) >> 6);
    };
    size_t node = offset(unit(0));
    for (char c : key) {
      auto byte = static_cast<unsigned char>(c);
      if (!byte)
        break;
      node ^= byte;
      uint32_t u = unit(node);
      if ((u & ((1u << 31) | 0xff)) != byte)
        return std::nullopt;
      node ^= offset(u);
      if (u >> 8 & 1) {
        size_t place = unit(node) & ((1u << 31) - 1);
        if (place >= texts.size())
          return std::string_view();
        return std::string_view(texts.c_str() + place);
      }
    }
    return std::nullopt;
  }

  static void replace(std::vector<Change> &changes, std::string_view from,
                      std::string_view to) {
    auto count = [](std::string_view text) {
      int32_t characters = 0;
      for (char c : text)
        characters += !isContinuation(static_cast<unsigned char>(c));
      return characters;
    };
    for (size_t at = 0; at < to.size();)
      changes.push_back({nextCharacter(to, at), 0});
    int32_t more = count(to) - count(from);
    for (size_t i = 0; int32_t(i) < more; ++i)
      changes[changes.size() - 1 - i].change = 1;
    if (more < 0 && !changes.empty())
      changes.back().change += more;
  }
};

} // namespace

Expected<std::unique_ptr<Normalizer>>
makePrecompiled(std::string charsmap, const std::string &where) {
  uint32_t bytes = 0;
  if (charsmap.size() >= sizeof bytes)
    std::memcpy(&bytes, charsmap.data(), sizeof bytes);
  if (charsmap.size() < sizeof bytes ||
      bytes > charsmap.size() - sizeof bytes || bytes % 4)
    return makeError(ErrorCode::InvalidFile, where,
                     ": 'precompiled_charsmap' is damaged");
  std::vector<uint32_t> units(bytes / 4);
  std::memcpy(units.data(), charsmap.data() + sizeof bytes, bytes);
  std::string texts = charsmap.substr(sizeof bytes + bytes);
  if (validPrefix(texts) != texts.size())
    return makeError(ErrorCode::InvalidFile, where,
                     ": the texts of 'precompiled_charsmap' are not UTF-8");
  return std::unique_ptr<Normalizer>(
      std::make_unique<Precompiled>(std::move(units), std::move(texts), where));
}

namespace {
constexpr char base64Digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
} // namespace

std::optional<std::string> fromBase64(std::string_view text) {
  std::array<int8_t, 256> values;
  values.fill(-1);
  for (int i = 0; i < 64; ++i)
    values[static_cast<unsigned char>(base64Digits[i])] = int8_t(i);
  while (text.ends_with('='))
    text.remove_suffix(1);
  std::string out;
  uint32_t bits = 0;
  int count = 0;
  for (char c : text) {
    int value = values[static_cast<unsigned char>(c)];
    if (value < 0)
      return std::nullopt;
    bits = bits << 6 | uint32_t(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out += char(bits >> count & 0xff);
    }
  }
  return out;
}

std::string toBase64(std::string_view bytes) {
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t bits = 0;
    size_t count = std::min<size_t>(3, bytes.size() - i);
    for (size_t j = 0; j < 3; ++j)
      bits = bits << 8 |
             (j < count ? static_cast<unsigned char>(bytes[i + j]) : 0u);
    for (size_t j = 0; j < 4; ++j)
      out += j <= count ? base64Digits[bits >> (18 - 6 * j) & 63] : '=';
  }
  return out;
}

} // namespace lora_rt::text
