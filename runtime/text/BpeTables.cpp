//===- BpeTables.cpp - The merges of byte pair encoding -------------------===//
//
// Implements BpeTables. A merge whose parts or result are not in the vocabulary
// is refused. The filter of characters is left out where it would be wrong:
// with a prefix or a suffix, or if a merge has a piece that represents other
// characters than its own.
//
//===----------------------------------------------------------------------===//

#include "BpeTables.h"
#include "Unicode.h"

#include <algorithm>
#include <bit>
#include <unordered_set>

namespace lora_rt::text {

namespace {

constexpr uint32_t none = Trie::none;

/// The ids of pieces by their texts, in one array: a vocabulary is looked up
/// three times for each merge, mostly in memory that no cache has.
class TextIndex {
public:
  explicit TextIndex(const Vocabulary &pieces)
      : pieces(pieces), slots(std::bit_ceil(2 * pieces.size() + 2)) {
    for (size_t i = 0; i < pieces.size(); ++i) {
      Slot &slot = slotOf(pieces.textAt(i));
      slot.hash = hashOf(pieces.textAt(i));
      slot.piece = uint32_t(i) + 1;
    }
  }

  std::optional<uint32_t> id(std::string_view text) {
    Slot &slot = slotOf(text);
    if (!slot.piece)
      return std::nullopt;
    return pieces.idAt(slot.piece - 1);
  }

private:
  struct Slot {
    uint32_t hash = 0;
    uint32_t piece = 0; ///< its number plus 1; 0 for none
  };
  const Vocabulary &pieces;
  std::vector<Slot> slots;

  static uint32_t hashOf(std::string_view text) {
    return uint32_t(std::hash<std::string_view>()(text));
  }

  /// That of the text, or the empty one for it.
  Slot &slotOf(std::string_view text) {
    uint32_t hash = hashOf(text);
    for (size_t at = hash;; ++at) {
      Slot &slot = slots[at & (slots.size() - 1)];
      if (!slot.piece ||
          (slot.hash == hash && pieces.textAt(slot.piece - 1) == text))
        return slot;
    }
  }
};

/// The last character of the left part of a merge, and the first one of its
/// right part; nullopt if no text has them.
std::optional<std::pair<char32_t, char32_t>>
jointOf(const std::string &left, const std::string &right, bool isByteLevel) {
  size_t end = left.size(), begin = 0;
  char32_t before = previousCharacter(left, end),
           behind = nextCharacter(right, begin);
  if (!isByteLevel)
    return std::pair(before, behind);
  int last = characterByte(before), first = characterByte(behind);
  if (last < 0 || first < 0)
    return std::nullopt;
  return std::pair(char32_t(last), char32_t(first));
}

} // namespace

Expected<BpeTables> BpeTables::build(const Vocabulary &pieces,
                                     const MergeTexts &texts,
                                     const BpeOptions &options,
                                     std::span<const uint32_t> substitutes,
                                     const std::string &where) {
  auto fail = [&](size_t i, const auto &...parts) {
    return makeError(ErrorCode::InvalidFile, where, ": merge ", i + 1, " ('",
                     texts[i].first, "' and '", texts[i].second, "') ",
                     parts...);
  };
  size_t capacity = std::bit_ceil(std::max<size_t>(2 * texts.size(), 2));
  if (texts.size() >= UINT32_MAX / 4)
    return makeError(ErrorCode::InvalidFile, where, ": too many merges");
  std::vector<Merge> entries(capacity, {none, none, 0, 0});
  std::vector<uint64_t> bits(jointWords, 0);
  bool canSplit = options.prefix.empty() && options.suffix.empty();
  TextIndex index(pieces);
  std::unordered_set<uint32_t> others(substitutes.begin(), substitutes.end());
  for (size_t i = 0; i < texts.size(); ++i) {
    const auto &[left, right] = texts[i];
    std::optional<uint32_t> leftId = index.id(left), rightId = index.id(right);
    if (!leftId || !rightId)
      return fail(i, "names a piece that is not in the vocabulary: '",
                  leftId ? right : left, "'");
    if (right.size() < options.prefix.size())
      return fail(i, "has a right part that is shorter than the prefix '",
                  options.prefix, "'");
    std::string text = left + right.substr(options.prefix.size());
    std::optional<uint32_t> result = index.id(text);
    if (!result)
      return fail(i, "makes '", text, "', which is not in the vocabulary");
    Merge merge = {*leftId, *rightId, uint32_t(i), *result};
    size_t at = mix(uint64_t(merge.left) << 32 | merge.right) & (capacity - 1);
    while (entries[at].left != none &&
           (entries[at].left != merge.left || entries[at].right != merge.right))
      at = (at + 1) & (capacity - 1);
    entries[at] = merge;
    // A piece that represents other characters than its own can join any
    // characters.
    if (left.empty() || right.empty() || others.count(merge.left) ||
        others.count(merge.right))
      canSplit = false;
    if (!canSplit)
      continue;
    if (auto joint = jointOf(left, right, pieces.isByteLevel())) {
      uint64_t bit = jointBit(joint->first, joint->second);
      bits[bit / 64] |= uint64_t(1) << bit % 64;
    }
  }
  BpeTables tables;
  tables.table = Stored<Merge>(std::move(entries));
  if (canSplit)
    tables.joints = Stored<uint64_t>(std::move(bits));
  return tables;
}

BpeTables BpeTables::read(StoreReader &reader) {
  BpeTables tables;
  tables.table = reader.take<Merge>();
  tables.joints = reader.take<uint64_t>();
  if (!std::has_single_bit(tables.table.view.size()) ||
      (tables.canSplit() && tables.joints.view.size() != jointWords))
    reader.damaged();
  return tables;
}

} // namespace lora_rt::text
