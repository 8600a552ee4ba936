//===- Trie.h - Texts by their bytes ----------------------------*- C++ -*-===//
//
// A trie: finds which of many texts are prefixes of another one. The nodes are
// stored level by level; the children of a node are adjacent and sorted. It
// consists of four arrays, which can be stored in a file and used there.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TEXT_TRIE_H
#define LORA_RUNTIME_TEXT_TRIE_H

#include "Stored.h"

#include <optional>
#include <string_view>

namespace lora_rt::text {

class Trie {
public:
  static constexpr uint32_t none = UINT32_MAX;
  static constexpr uint32_t root = 0;

  struct Entry {
    std::string_view text;
    uint32_t value;
  };

  Trie() = default;
  /// If two entries have the same text, the last one is used. Values must not
  /// be `none`; an empty text is skipped.
  explicit Trie(std::vector<Entry> entries);

  /// The child of a node, or `none`.
  uint32_t child(uint32_t node, unsigned char label) const {
    size_t begin = first.view[node], count = counts.view[node];
    // With a damaged file, accesses stay within the arrays.
    if (begin + count > labels.view.size())
      return none;
    const uint8_t *found = find(labels.view.data() + begin, count, label);
    if (!found)
      return none;
    size_t at = size_t(found - labels.view.data());
    return at > node ? uint32_t(at) : none;
  }

  uint32_t value(uint32_t node) const { return values.view[node]; }

  /// The node of a whole text, from `node` on; `none` if there is none.
  uint32_t walk(std::string_view text, uint32_t node = root) const {
    for (char c : text) {
      if (node == none)
        return none;
      node = child(node, static_cast<unsigned char>(c));
    }
    return node;
  }

  uint32_t find(std::string_view text) const {
    uint32_t node = empty() ? none : walk(text);
    return node == none ? none : value(node);
  }

  bool empty() const { return values.view.empty(); }

  void store(StoreWriter &writer) const;
  static Expected<Trie> read(StoreReader &reader);

private:
  static const uint8_t *find(const uint8_t *labels, size_t count,
                             unsigned char label);

  /// For each node: its first child and how many there are, the byte that leads
  /// to it, its value.
  Stored<uint32_t> first;
  Stored<uint16_t> counts;
  Stored<uint8_t> labels;
  Stored<uint32_t> values;
};

} // namespace lora_rt::text

#endif // LORA_RUNTIME_TEXT_TRIE_H
