//===- Trie.cpp - Texts by their bytes ------------------------------------===//
//
// Implements Trie.h. A stored trie is checked when it is read, so that searches
// need no checks.
//
//===----------------------------------------------------------------------===//

#include "Trie.h"

#include <algorithm>
#include <numeric>

namespace lora_rt::text {

const uint8_t *Trie::find(const uint8_t *labels, size_t count,
                          unsigned char label) {
  // Most nodes have a child or two; memchr is for those with many.
  if (count < 8) {
    for (size_t i = 0; i < count; ++i)
      if (labels[i] == label)
        return labels + i;
    return nullptr;
  }
  return static_cast<const uint8_t *>(std::memchr(labels, label, count));
}

Trie::Trie(std::vector<Entry> entries) {
  std::vector<uint32_t> order(entries.size());
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    int compared = entries[a].text.compare(entries[b].text);
    return compared ? compared < 0 : a < b;
  });
  std::vector<Entry> sorted;
  sorted.reserve(entries.size());
  for (uint32_t i : order)
    sorted.push_back(entries[i]);
  entries = std::move(sorted);
  struct Part {
    size_t begin, end; ///< of the entries below the node
  };
  std::vector<uint32_t> firsts, nodeValues;
  std::vector<uint16_t> nodeCounts;
  std::vector<uint8_t> nodeLabels;
  std::vector<Part> level = {{0, entries.size()}}, following;
  nodeLabels.push_back(0);
  for (size_t depth = 0; !level.empty(); ++depth) {
    following.clear();
    for (Part part : level) {
      uint32_t value = none;
      size_t i = part.begin;
      // The texts that end here come first; the last of them is used.
      for (; i < part.end && entries[i].text.size() == depth; ++i)
        if (depth)
          value = entries[i].value;
      firsts.push_back(uint32_t(nodeLabels.size()));
      uint16_t count = 0;
      while (i < part.end) {
        char label = entries[i].text[depth];
        size_t begin = i;
        while (i < part.end && entries[i].text[depth] == label)
          ++i;
        nodeLabels.push_back(static_cast<uint8_t>(label));
        following.push_back({begin, i});
        ++count;
      }
      nodeCounts.push_back(count);
      nodeValues.push_back(value);
    }
    std::swap(level, following);
  }
  first = Stored<uint32_t>(std::move(firsts));
  counts = Stored<uint16_t>(std::move(nodeCounts));
  labels = Stored<uint8_t>(std::move(nodeLabels));
  values = Stored<uint32_t>(std::move(nodeValues));
}

void Trie::store(StoreWriter &writer) const {
  writer.add(first.view);
  writer.add(counts.view);
  writer.add(labels.view);
  writer.add(values.view);
}

Expected<Trie> Trie::read(StoreReader &reader) {
  Trie trie;
  trie.first = reader.take<uint32_t>();
  trie.counts = reader.take<uint16_t>();
  trie.labels = reader.take<uint8_t>();
  trie.values = reader.take<uint32_t>();
  size_t count = trie.values.view.size();
  if (trie.first.view.size() != count || trie.counts.view.size() != count ||
      trie.labels.view.size() != count)
    reader.damaged();
  return trie;
}

} // namespace lora_rt::text
