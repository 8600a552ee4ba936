//===- AddedTokens.cpp - Tokens that are searched first -------------------===//

#include "AddedTokens.h"
#include "Unicode.h"

#include <algorithm>

namespace lora_rt::text {

namespace {

/// Longer tokens would make searches slow, and do not occur in practice.
constexpr size_t maxTokenBytes = 4096;

/// The beginning of the white space that ends at `end`.
size_t spaceStart(std::string_view text, size_t end) {
  while (end > 0) {
    size_t at = end;
    if (!isWhitespace(previousCharacter(text, at)))
      break;
    end = at;
  }
  return end;
}

size_t spaceEnd(std::string_view text, size_t at) {
  while (at < text.size()) {
    size_t behind = at;
    if (!isWhitespace(nextCharacter(text, behind)))
      break;
    at = behind;
  }
  return at;
}

bool isInWord(std::string_view text, Range range) {
  size_t at = range.begin;
  if (at > 0 && isWord(previousCharacter(text, at)))
    return true;
  at = range.end;
  return at < text.size() && isWord(nextCharacter(text, at));
}

} // namespace

Expected<uint32_t> AddedTokens::add(const AddedToken &token,
                                    const Vocabulary &vocabulary,
                                    const std::string &where) {
  if (token.content.size() > maxTokenBytes)
    return makeError(ErrorCode::InvalidFile, where, ": an added token of ",
                     token.content.size(), " bytes; expected at most ",
                     maxTokenBytes);
  if (token.special && specials.insert(token.content).second)
    specialTokens.push_back(token);
  std::optional<uint32_t> known = id(token.content);
  if (known)
    if (auto found = byId.find(*known);
        found != byId.end() && found->second == token)
      return *known;
  if (!known)
    known = vocabulary.id(token.content);
  if (!known) {
    auto size = uint32_t(vocabulary.size());
    known = ids.empty() || largest < size ? size : largest + 1;
  }
  ids[token.content] = *known;
  largest = std::max(largest, *known);
  byId[*known] = token;
  order.push_back(token);
  if (!isSpecial(token.content))
    otherTokens.push_back(token);
  return *known;
}

Error AddedTokens::prepare(const Normalizer *normalizer) {
  std::vector<std::pair<std::string, uint32_t>> texts[2];
  specialIds.clear();
  for (const std::vector<AddedToken> *list : {&specialTokens, &otherTokens})
    for (const AddedToken &token : *list) {
      std::string content = token.content;
      if (token.normalized && normalizer) {
        NormalizedText text(content, {0, uint32_t(content.size())}, false);
        if (Error error = normalizer->normalize(text))
          return error;
        content = text.text();
      }
      texts[token.normalized].emplace_back(std::move(content),
                                           ids.find(token.content)->second);
    }
  shown.clear();
  for (const auto &[id, token] : byId) {
    if (isSpecial(token.content))
      specialIds.insert(id);
    shown[id] = token.content;
    if (!token.normalized || !normalizer)
      continue;
    NormalizedText text(token.content, {0, uint32_t(token.content.size())},
                        false);
    if (Error error = normalizer->normalize(text))
      return error;
    shown[id] = text.text();
  }
  for (bool isNormalized : {false, true}) {
    Matcher &matcher = isNormalized ? normalized : raw;
    matcher = Matcher();
    std::vector<Trie::Entry> entries;
    // If two texts are equal, the first one is used.
    for (size_t i = texts[isNormalized].size(); i--;) {
      const auto &[text, id] = texts[isNormalized][i];
      if (text.empty())
        continue;
      entries.push_back({text, id});
      auto first = static_cast<unsigned char>(text[0]);
      matcher.firstBytes[first / 64] |= uint64_t(1) << first % 64;
      matcher.isEmpty = false;
    }
    matcher.trie = Trie(std::move(entries));
  }
  return Error::success();
}

void AddedTokens::split(std::string_view text, bool isNormalized,
                        bool skipsSpecial, std::vector<Part> &parts) const {
  const Matcher &matcher = isNormalized ? normalized : raw;
  uint32_t start = 0;
  for (size_t at = 0; !matcher.isEmpty && at < text.size();) {
    if (!matcher.mayBegin(static_cast<unsigned char>(text[at]))) {
      ++at;
      continue;
    }
    uint32_t node = Trie::root, id = Trie::none;
    size_t end = at;
    for (size_t i = at; i < text.size();) {
      node = matcher.trie.child(node, static_cast<unsigned char>(text[i++]));
      if (node == Trie::none)
        break;
      if (uint32_t found = matcher.trie.value(node); found != Trie::none) {
        id = found;
        end = i;
      }
    }
    if (id == Trie::none) {
      ++at;
      continue;
    }
    Range range = {uint32_t(at), uint32_t(end)};
    at = end;
    const AddedToken &token = byId.find(id)->second;
    if ((skipsSpecial && isSpecial(token.content)) ||
        (token.singleWord && isInWord(text, range)))
      continue;
    // As in the library, white space that an earlier token stripped can be a
    // token, too, unless that strips as well and has nothing left.
    if (token.lstrip)
      range.begin = std::max(uint32_t(spaceStart(text, range.begin)), start);
    if (token.rstrip)
      range.end = uint32_t(spaceEnd(text, range.end));
    if (start < range.begin)
      parts.push_back({{start, range.begin}, std::nullopt});
    if (range.begin < range.end)
      parts.push_back({range, id});
    start = range.end;
  }
  if (start < text.size())
    parts.push_back({{start, uint32_t(text.size())}, std::nullopt});
}

} // namespace lora_rt::text
