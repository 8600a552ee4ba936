//===- Vocabulary.cpp - Pieces and their ids ------------------------------===//
//
// Implements Vocabulary.h. A stored vocabulary is checked when it is read.
//
//===----------------------------------------------------------------------===//

#include "Vocabulary.h"
#include "Unicode.h"

#include <algorithm>
#include <array>

namespace lora_rt::text {

namespace {

/// A byte that is printable in Latin-1 is represented by itself, the others by
/// the characters from 256 on (GPT-2's table).
struct ByteTable {
  std::array<char32_t, 256> character;
  std::array<int16_t, 324> byte;

  ByteTable() {
    byte.fill(-1);
    char32_t next = 256;
    for (int b = 0; b < 256; ++b) {
      bool isItself = (b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) ||
                      (b >= 0xae && b <= 0xff);
      character[b] = isItself ? char32_t(b) : next++;
      byte[character[b]] = int16_t(b);
    }
  }
};

const ByteTable table;

} // namespace

char32_t byteCharacter(unsigned char byte) { return table.character[byte]; }

int characterByte(char32_t character) {
  return character < table.byte.size() ? table.byte[character] : -1;
}

std::optional<std::string> fromByteLevel(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    int byte = characterByte(nextCharacter(text, at));
    if (byte < 0)
      return std::nullopt;
    out += char(byte);
  }
  return out;
}

Expected<Vocabulary> Vocabulary::build(std::vector<Entry> entries,
                                       bool isByteLevel,
                                       const std::string &where) {
  std::sort(entries.begin(), entries.end(), [](const Entry &a, const Entry &b) {
    return a.id != b.id ? a.id < b.id : a.text < b.text;
  });
  std::string blob;
  std::vector<uint32_t> offsets, ids;
  offsets.reserve(entries.size() + 1);
  bool isDense = true;
  for (size_t i = 0; i < entries.size(); ++i) {
    const Entry &entry = entries[i];
    if (i && entries[i - 1].id == entry.id)
      return makeError(ErrorCode::InvalidFile, where, ": the pieces '",
                       entries[i - 1].text, "' and '", entry.text,
                       "' of the vocabulary have the same id, ", entry.id,
                       "; expected an id for each piece");
    isDense &= entry.id == i;
    offsets.push_back(uint32_t(blob.size()));
    ids.push_back(entry.id);
    blob += entry.text;
    if (blob.size() > UINT32_MAX / 2)
      return makeError(ErrorCode::InvalidFile, where,
                       ": a vocabulary of more than ", UINT32_MAX / 2,
                       " bytes");
  }
  offsets.push_back(uint32_t(blob.size()));
  std::vector<Trie::Entry> texts, otherTexts;
  texts.reserve(entries.size());
  std::vector<std::string> bytes;
  if (isByteLevel)
    bytes.reserve(entries.size());
  for (const Entry &entry : entries) {
    std::string_view text = entry.text;
    if (isByteLevel) {
      std::optional<std::string> meant = fromByteLevel(text);
      if (!meant) {
        otherTexts.push_back({text, entry.id});
        continue;
      }
      text = bytes.emplace_back(std::move(*meant));
    }
    texts.push_back({text, entry.id});
  }
  Vocabulary result;
  result.trieOfTexts = Trie(std::move(texts));
  result.trieOfOthers = Trie(std::move(otherTexts));
  result.ownedBlob = std::make_shared<std::string>(std::move(blob));
  result.blob = *result.ownedBlob;
  result.offsets = Stored<uint32_t>(std::move(offsets));
  if (!isDense)
    result.ids = Stored<uint32_t>(std::move(ids));
  result.byteLevel = isByteLevel;
  return result;
}

uint32_t Vocabulary::limit() const { return size() ? idAt(size() - 1) + 1 : 0; }

std::optional<std::string_view> Vocabulary::text(uint32_t id) const {
  size_t i = id;
  if (!ids.view.empty()) {
    auto found = std::lower_bound(ids.view.begin(), ids.view.end(), id);
    if (found == ids.view.end() || *found != id)
      return std::nullopt;
    i = size_t(found - ids.view.begin());
  }
  if (i >= size())
    return std::nullopt;
  return textAt(i);
}

std::optional<uint32_t> Vocabulary::id(std::string_view text) const {
  uint32_t found = Trie::none;
  if (!byteLevel)
    found = trieOfTexts.find(text);
  else if (std::optional<std::string> bytes = fromByteLevel(text))
    found = trieOfTexts.find(*bytes);
  else
    found = trieOfOthers.find(text);
  if (found == Trie::none)
    return std::nullopt;
  return found;
}

void Vocabulary::store(StoreWriter &writer) const {
  writer.addBytes(blob);
  writer.add(offsets.view);
  writer.add(ids.view);
  trieOfTexts.store(writer);
  trieOfOthers.store(writer);
}

Expected<Vocabulary> Vocabulary::read(StoreReader &reader, bool isByteLevel) {
  Vocabulary result;
  result.byteLevel = isByteLevel;
  result.blob = reader.takeBytes();
  result.offsets = reader.take<uint32_t>();
  result.ids = reader.take<uint32_t>();
  for (Trie *trie : {&result.trieOfTexts, &result.trieOfOthers}) {
    Expected<Trie> read = Trie::read(reader);
    if (!read)
      return read.takeError();
    *trie = std::move(*read);
  }
  std::span<const uint32_t> offsets = result.offsets.view;
  if (offsets.empty() || (!result.ids.view.empty() &&
                          result.ids.view.size() + 1 != offsets.size())) {
    reader.damaged();
    return Vocabulary();
  }
  return result;
}

} // namespace lora_rt::text
