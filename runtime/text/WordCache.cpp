//===- WordCache.cpp - Pieces of words that came before -------------------===//
//
// Implements WordCache, and the ids of bytes. The cache never changes a result:
// the bytes of a word are compared, not only its hash. A slot has one word,
// which a new word replaces. If the memory is full, the cache starts again,
// empty.
//
//===----------------------------------------------------------------------===//

#include "Model.h"

namespace lora_rt::text {

namespace {

uint64_t hashOf(std::string_view word) {
  // Texts are not trusted, and may contain words with equal hashes. Each slot
  // contains one word, so such words only replace each other.
  uint64_t hash = 0x9e3779b97f4a7c15u ^ word.size();
  size_t at = 0;
  for (; word.size() - at >= 8; at += 8) {
    uint64_t part;
    std::memcpy(&part, word.data() + at, 8);
    hash = (hash ^ part) * 0xff51afd7ed558ccdu;
    hash ^= hash >> 32;
  }
  uint64_t rest = 0;
  std::memcpy(&rest, word.data() + at, word.size() - at);
  hash = (hash ^ rest) * 0xc4ceb9fe1a85ec53u;
  return hash ^ hash >> 29;
}

} // namespace

std::span<const WordCache::Item> WordCache::find(std::string_view word) {
  lastHash = hashOf(word);
  if (slots.empty())
    return {};
  const Slot &slot = slots[lastHash % slotCount];
  if (slot.hash != lastHash || slot.wordBytes != word.size())
    return {};
  const uint32_t *start = memory.data() + slot.at;
  if (std::memcmp(start, word.data(), word.size()))
    return {};
  auto *items = reinterpret_cast<const Item *>(start + (word.size() + 3) / 4);
  return {items, slot.count};
}

void WordCache::insert(std::string_view word, std::span<const Item> items) {
  if (word.size() > maxWordBytes || items.empty())
    return;
  size_t wordUnits = (word.size() + 3) / 4;
  size_t units = wordUnits + 2 * items.size();
  if (slots.empty() || memory.size() + units > maxBytes / 4) {
    slots.assign(slotCount, {});
    memory.clear();
  }
  size_t at = memory.size();
  memory.resize(at + units);
  std::memcpy(memory.data() + at, word.data(), word.size());
  std::memcpy(memory.data() + at + wordUnits, items.data(), items.size_bytes());
  slots[lastHash % slotCount] = {lastHash, uint32_t(at), uint16_t(word.size()),
                                 uint16_t(items.size())};
}

std::vector<uint32_t> byteFallbackIds(const Vocabulary &vocabulary) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::vector<uint32_t> ids(256, Trie::none);
  for (int byte = 0; byte < 256; ++byte) {
    std::string text = "<0x";
    text += digits[byte >> 4];
    text += digits[byte & 15];
    text += '>';
    if (std::optional<uint32_t> id = vocabulary.id(text))
      ids[byte] = *id;
  }
  return ids;
}

} // namespace lora_rt::text
