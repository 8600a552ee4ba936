//===- AddedTokens.cpp - Tokens that are searched first -------------------===//
//
// Implements AddedTokens.h: builds the tries of added tokens, and splits a text
// at their occurrences before the other components see it.
//
//===----------------------------------------------------------------------===//

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

Expected<uint32_t> AddedTokensBuilder::add(const AddedToken &token,
                                           const Vocabulary &vocabulary,
                                           const std::string &where) {
  if (token.content.size() > maxTokenBytes)
    return makeError(ErrorCode::InvalidFile, where, ": an added token of ",
                     token.content.size(), " bytes; expected at most ",
                     maxTokenBytes);
  if (token.special && specials.insert(token.content).second)
    specialTokens.push_back(token);
  std::optional<uint32_t> known;
  if (auto found = ids.find(token.content); found != ids.end())
    known = found->second;
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
  if (!isSpecial(token.content))
    otherTokens.push_back(token);
  return *known;
}

Expected<AddedTokens> AddedTokensBuilder::build(const Normalizer *normalizer) {
  auto searched = [&](const AddedToken &token) -> Expected<std::string> {
    if (!token.normalized || !normalizer)
      return token.content;
    NormalizedText text(token.content, {0, uint32_t(token.content.size())},
                        false);
    if (Error error = normalizer->normalize(text))
      return error;
    return text.text();
  };
  AddedTokens result;
  std::string blob;
  auto append = [&](std::string_view text) -> Range {
    blob += text;
    return {uint32_t(blob.size() - text.size()), uint32_t(blob.size())};
  };
  std::vector<AddedTokens::Record> records;
  std::vector<Trie::Entry> contents;
  std::map<uint32_t, uint32_t> indices;
  for (const auto &[id, token] : byId) {
    Expected<std::string> shown = searched(token);
    if (!shown)
      return shown.takeError();
    AddedTokens::Record record = {id, 0, append(token.content), {}};
    record.shown = *shown == token.content ? record.content : append(*shown);
    for (auto [isSet, flag] :
         {std::pair(token.singleWord, AddedTokens::SingleWord),
          {token.lstrip, AddedTokens::LStrip},
          {token.rstrip, AddedTokens::RStrip},
          {isSpecial(token.content), AddedTokens::Special}})
      record.flags |= isSet ? flag : 0;
    indices[id] = uint32_t(records.size());
    contents.push_back({token.content, uint32_t(records.size())});
    records.push_back(record);
  }
  std::vector<std::pair<std::string, uint32_t>> texts[2];
  for (const std::vector<AddedToken> *list : {&specialTokens, &otherTokens})
    for (const AddedToken &token : *list) {
      Expected<std::string> text = searched(token);
      if (!text)
        return text.takeError();
      texts[token.normalized].emplace_back(std::move(*text),
                                           indices[ids[token.content]]);
    }
  for (bool isNormalized : {false, true}) {
    AddedTokens::Matcher &matcher =
        isNormalized ? result.normalized : result.raw;
    std::vector<uint64_t> firstBytes(4);
    std::vector<Trie::Entry> entries;
    // If two texts are equal, the first one is used.
    for (size_t i = texts[isNormalized].size(); i--;) {
      const auto &[text, index] = texts[isNormalized][i];
      if (text.empty())
        continue;
      entries.push_back({text, index});
      auto first = static_cast<unsigned char>(text[0]);
      firstBytes[first / 64] |= uint64_t(1) << first % 64;
    }
    if (!entries.empty())
      matcher.trie = Trie(std::move(entries));
    matcher.firstBytes = Stored<uint64_t>(std::move(firstBytes));
  }
  result.contents = Trie(std::move(contents));
  result.records = Stored<AddedTokens::Record>(std::move(records));
  result.ownedBlob = std::make_shared<std::string>(std::move(blob));
  result.blob = *result.ownedBlob;
  return result;
}

void AddedTokens::store(StoreWriter &writer) const {
  writer.addBytes(blob);
  writer.add(records.view);
  contents.store(writer);
  for (const Matcher *matcher : {&raw, &normalized}) {
    matcher->trie.store(writer);
    writer.add(matcher->firstBytes.view);
  }
}

Expected<AddedTokens> AddedTokens::read(StoreReader &reader) {
  AddedTokens result;
  result.blob = reader.takeBytes();
  result.records = reader.take<Record>();
  std::vector<Trie *> tries = {&result.contents, &result.raw.trie,
                               &result.normalized.trie};
  for (Trie *trie : tries) {
    Expected<Trie> read = Trie::read(reader);
    if (!read)
      return read.takeError();
    *trie = std::move(*read);
    for (Matcher *matcher : {&result.raw, &result.normalized})
      if (trie == &matcher->trie) {
        matcher->firstBytes = reader.take<uint64_t>();
        if (matcher->firstBytes.view.size() != 4)
          reader.damaged();
      }
  }
  return result;
}

std::optional<std::string_view> AddedTokens::text(uint32_t id) const {
  const Record *record = find(id);
  return record ? std::optional(slice(record->shown)) : std::nullopt;
}

std::optional<uint32_t> AddedTokens::id(std::string_view content) const {
  const Record *record = find(content);
  return record ? std::optional(record->id) : std::nullopt;
}

bool AddedTokens::isSpecial(std::string_view content) const {
  const Record *record = find(content);
  return record && record->flags & Special;
}

bool AddedTokens::isSpecial(uint32_t id) const {
  const Record *record = find(id);
  return record && record->flags & Special;
}

const AddedTokens::Record *AddedTokens::find(uint32_t id) const {
  auto found = std::lower_bound(
      records.view.begin(), records.view.end(), id,
      [](const Record &record, uint32_t id) { return record.id < id; });
  return found != records.view.end() && found->id == id ? &*found : nullptr;
}

void AddedTokens::split(std::string_view text, bool isNormalized,
                        bool skipsSpecial, std::vector<Part> &parts) const {
  const Matcher &matcher = isNormalized ? normalized : raw;
  uint32_t start = 0;
  for (size_t at = 0; !matcher.trie.empty() && at < text.size();) {
    if (!matcher.mayBegin(static_cast<unsigned char>(text[at]))) {
      ++at;
      continue;
    }
    uint32_t node = Trie::root, index = Trie::none;
    size_t end = at;
    for (size_t i = at; i < text.size();) {
      node = matcher.trie.child(node, static_cast<unsigned char>(text[i++]));
      if (node == Trie::none)
        break;
      if (uint32_t found = matcher.trie.value(node); found != Trie::none) {
        index = found;
        end = i;
      }
    }
    const Record *token = this->at(index);
    if (!token) {
      ++at;
      continue;
    }
    Range range = {uint32_t(at), uint32_t(end)};
    at = end;
    if ((skipsSpecial && token->flags & Special) ||
        (token->flags & SingleWord && isInWord(text, range)))
      continue;
    // As in the library, white space that an earlier token stripped can be a
    // token, too, unless that strips as well and has nothing left.
    if (token->flags & LStrip)
      range.begin = std::max(uint32_t(spaceStart(text, range.begin)), start);
    if (token->flags & RStrip)
      range.end = uint32_t(spaceEnd(text, range.end));
    if (start < range.begin)
      parts.push_back({{start, range.begin}, std::nullopt});
    if (range.begin < range.end)
      parts.push_back({range, token->id});
    start = range.end;
  }
  if (start < text.size())
    parts.push_back({{start, uint32_t(text.size())}, std::nullopt});
}

} // namespace lora_rt::text
