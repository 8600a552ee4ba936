//===- BpeTables.h - The merges of byte pair encoding -----------*- C++ -*-===//
//
// A hash table of the merges, and a filter of the pairs of characters that they
// join. Both are built once, from the texts of the merges, and can be stored.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_TEXT_BPETABLES_H
#define LORA_RUNTIME_TEXT_BPETABLES_H

#include "Model.h"

#include <span>

namespace lora_rt::text {

inline uint64_t mix(uint64_t value) {
  value *= 0x9e3779b97f4a7c15u;
  return value ^ value >> 32;
}

class BpeTables {
public:
  /// `substitutes` are the ids of pieces that represent other characters than
  /// their own: the unknown token, and bytes.
  static Expected<BpeTables> build(const Vocabulary &pieces,
                                   const MergeTexts &texts,
                                   const BpeOptions &options,
                                   std::span<const uint32_t> substitutes,
                                   const std::string &where);
  static BpeTables read(StoreReader &reader);
  void store(StoreWriter &writer) const {
    writer.add(table.view);
    writer.add(joints.view);
  }

  const Merge *findMerge(uint32_t left, uint32_t right) const {
    std::span<const Merge> entries = table.view;
    size_t mask = entries.size() - 1;
    size_t at = mix(uint64_t(left) << 32 | right) & mask;
    for (size_t probes = 0; probes <= mask; ++probes, at = (at + 1) & mask) {
      const Merge &entry = entries[at];
      if (entry.left == left && entry.right == right)
        return &entry;
      if (entry.left == Trie::none)
        return nullptr;
    }
    return nullptr;
  }

  /// Whether a word can be split between characters that no merge joins.
  bool canSplit() const { return !joints.view.empty(); }

  /// Whether a merge may join these characters, or bytes of a byte-level
  /// vocabulary.
  bool mayJoin(char32_t left, char32_t right) const {
    uint64_t bit = jointBit(left, right);
    return joints.view[bit / 64] >> bit % 64 & 1;
  }

private:
  /// A hash table with a power of two of entries; an empty one has no left
  /// piece.
  Stored<Merge> table;
  /// A Bloom filter of the pairs of characters that a merge joins. Empty if
  /// words cannot be split.
  Stored<uint64_t> joints;
  static constexpr size_t jointWords = size_t(1) << 15;

  static uint64_t jointBit(char32_t left, char32_t right) {
    return mix(uint64_t(left) << 32 | right) % (jointWords * 64);
  }
};

} // namespace lora_rt::text

#endif // LORA_RUNTIME_TEXT_BPETABLES_H
