//===- PromptLookup.cpp - Proposing tokens from the text itself -----------===//
//
// Implements PromptLookup. For each length, a hash table has the first place of
// each sequence, because transformers takes the first match. Each length has a
// hit rate, which is learned from the text. It decides how many tokens are
// proposed.
//
//===----------------------------------------------------------------------===//

#include "lora-runtime/PromptLookup.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace lora_rt;

/// The hit rate before anything is known. It is too low for a proposal, because
/// a token that would have been right costs less than a proposal that is wrong.
static constexpr double firstHitRate = 0.25;
/// The weight of one token in the hit rate.
static constexpr double hitWeight = 0.125;

PromptLookup::PromptLookup(const LookupOptions &options,
                           std::span<const int32_t> endOfSequence)
    : options(options),
      endOfSequence(endOfSequence.begin(), endOfSequence.end()) {
  for (int64_t length = options.maxNgram; length >= options.minNgram; --length)
    indices.push_back({length, {}, 0, firstHitRate});
}

Expected<PromptLookup>
PromptLookup::create(const LookupOptions &options,
                     std::span<const int32_t> endOfSequence) {
  if (options.minNgram < 1 || options.minNgram > options.maxNgram ||
      options.maxNgram > 16)
    return makeError(ErrorCode::InvalidArgument,
                     "expected sequences of 1 to 16 tokens to look for, the "
                     "shortest before the longest, but got ",
                     options.minNgram, " and ", options.maxNgram);
  if (options.maxTokens < 1)
    return makeError(ErrorCode::InvalidArgument,
                     "expected proposals of at least 1 token, but got ",
                     options.maxTokens);
  if (!(options.costPerToken >= 0) || !(options.costPerCall >= 0))
    return makeError(ErrorCode::InvalidArgument,
                     "expected costs of 0 or more, but got ",
                     options.costPerToken, " and ", options.costPerCall);
  return PromptLookup(options, endOfSequence);
}

/// The place of the sequence that ends at `end`, or an empty one for it.
size_t PromptLookup::findSlot(const Index &index, int64_t end) const {
  const int32_t *ids = text.data() + end - index.length;
  uint64_t hash = 0;
  for (int64_t i = 0; i < index.length; ++i) {
    hash = (hash ^ uint32_t(ids[i])) * 0x9e3779b97f4a7c15u;
    hash ^= hash >> 29;
  }
  size_t mask = index.slots.size() - 1;
  size_t slot = size_t(hash) & mask;
  while (int32_t other = index.slots[slot]) {
    if (std::equal(ids, ids + index.length, text.data() + other - index.length))
      break;
    slot = (slot + 1) & mask;
  }
  return slot;
}

void PromptLookup::insert(Index &index, int64_t end) {
  size_t slot = findSlot(index, end);
  if (index.slots[slot] != 0)
    return;
  index.slots[slot] = int32_t(end);
  ++index.used;
}

/// Makes room, and adds all sequences again, the first ones first.
void PromptLookup::grow(Index &index) {
  size_t size = std::max<size_t>(64, index.slots.size() * 2);
  while (size < 4 * text.size())
    size *= 2;
  index.slots.assign(size, 0);
  index.used = 0;
  for (int64_t end = index.length; end < int64_t(text.size()); ++end)
    insert(index, end);
}

void PromptLookup::add(int32_t id) {
  // Positions are 32 bits; no model has so long a context.
  if (text.size() == size_t(std::numeric_limits<int32_t>::max()))
    return;
  text.push_back(id);
  for (Index &index : indices) {
    if (int64_t(text.size()) < index.length)
      continue;
    if (2 * (index.used + 1) > index.slots.size())
      grow(index);
    insert(index, int64_t(text.size()));
  }
}

/// Finds the longest sequence at the end of the text that occurred before.
void PromptLookup::lookUp() {
  matched = -1;
  int64_t end = int64_t(text.size());
  for (size_t i = 0; i < indices.size(); ++i) {
    if (end < indices[i].length)
      continue;
    int32_t first = indices[i].slots[findSlot(indices[i], end)];
    if (first == 0 || first == end)
      continue;
    matched = int64_t(i);
    next = first;
    return;
  }
}

void PromptLookup::addPrompt(std::span<const int32_t> ids) {
  for (int32_t id : ids)
    add(id);
  lookUp();
}

void PromptLookup::take(int32_t id) {
  if (matched >= 0) {
    double hit = text[size_t(next)] == id ? 1 : 0;
    double &rate = indices[size_t(matched)].hitRate;
    rate += hitWeight * (hit - rate);
  }
  add(id);
  lookUp();
}

Error PromptLookup::rewind(int64_t count) {
  if (count < 0 || count > int64_t(text.size()))
    return makeError(ErrorCode::InvalidArgument, "cannot take ", count,
                     " tokens back; the text has ", text.size());
  for (; count > 0; --count) {
    int64_t end = int64_t(text.size());
    for (Index &index : indices) {
      if (end < index.length)
        continue;
      // Nothing that is still there was added after it, so no other search
      // passes its place.
      size_t slot = findSlot(index, end);
      if (index.slots[slot] == end) {
        index.slots[slot] = 0;
        --index.used;
      }
    }
    text.pop_back();
  }
  lookUp();
  return Error::success();
}

void PromptLookup::reset() {
  text.clear();
  matched = -1;
  for (Index &index : indices) {
    std::fill(index.slots.begin(), index.slots.end(), 0);
    index.used = 0;
    index.hitRate = firstHitRate;
  }
}

/// The length for which the time that is saved, less the time for checking, is
/// largest.
int64_t PromptLookup::worthwhile(int64_t atMost) const {
  if (!options.adapts)
    return atMost;
  // After a token that was expected, the match is longer by one.
  double longest = indices.front().hitRate;
  double accepted = indices[size_t(matched)].hitRate;
  double saved = -options.costPerCall, best = 0;
  int64_t length = 0;
  for (int64_t i = 1; i <= atMost; ++i) {
    saved += accepted - options.costPerToken;
    if (saved > best) {
      best = saved;
      length = i;
    }
    accepted *= longest;
  }
  return length;
}

std::span<const int32_t> PromptLookup::propose(int64_t atMost) const {
  if (matched < 0)
    return {};
  int64_t known = int64_t(text.size()) - next;
  atMost = std::min({atMost, options.maxTokens, known});
  if (atMost <= 0)
    return {};
  std::span<const int32_t> result(text.data() + next,
                                  size_t(worthwhile(atMost)));
  auto end = std::find_first_of(result.begin(), result.end(),
                                endOfSequence.begin(), endOfSequence.end());
  return result.first(size_t(end - result.begin()));
}
