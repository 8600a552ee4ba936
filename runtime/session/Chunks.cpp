//===- Chunks.cpp - Which sizes tokens are run in -------------------------===//
//
// Two small dynamic programs that minimize the estimated time: one over the
// tokens of a prompt, one over the rows of a batch.
//
//===----------------------------------------------------------------------===//

#include "Chunks.h"

#include <algorithm>
#include <limits>

namespace lora_rt {

namespace {

/// To read all weights takes as long as to compute about this many tokens: the
/// ratio of the arithmetic rate to the memory bandwidth, 13 to 16 on the CPUs
/// that were measured.
constexpr int64_t readingCost = 16;

/// The cost of a call of `size` with `tokens` tokens. Only matrix products
/// leave padding out; all other work takes about a sixteenth of their time.
int64_t costOf(int64_t size, int64_t tokens) {
  return tokens + (size - tokens + 15) / 16 + readingCost;
}

} // namespace

std::vector<int64_t> planChunks(std::span<const int64_t> sizes,
                                int64_t tokens) {
  std::vector<int64_t> chunks;
  // A long prompt runs in the largest size, except for its end.
  int64_t largest = sizes.back();
  for (; tokens > 2 * largest; tokens -= largest)
    chunks.push_back(largest);

  // The least cost of the last n tokens, and the first chunk for it.
  std::vector<int64_t> cost(size_t(tokens) + 1, 0),
      choice(size_t(tokens) + 1, 0);
  for (int64_t n = 1; n <= tokens; ++n) {
    cost[size_t(n)] = std::numeric_limits<int64_t>::max();
    for (int64_t size : sizes) {
      int64_t total = costOf(size, std::min(size, n)) +
                      cost[size_t(std::max<int64_t>(0, n - size))];
      if (total <= cost[size_t(n)]) {
        cost[size_t(n)] = total;
        choice[size_t(n)] = size;
      }
    }
  }
  size_t rest = chunks.size();
  for (int64_t n = tokens; n > 0; n -= choice[size_t(n)])
    chunks.push_back(choice[size_t(n)]);
  // Only the last chunk may have fewer tokens than its size, so the smallest
  // chunk is the last.
  std::sort(chunks.begin() + ptrdiff_t(rest), chunks.end(), std::greater<>());
  return chunks;
}

std::vector<PackedCall> planPacking(std::span<const int64_t> sizes,
                                    std::span<const int64_t> lengths) {
  // The least cost of the rows from r on, and the first call for it.
  std::vector<int64_t> cost(lengths.size() + 1, 0);
  std::vector<PackedCall> choice(lengths.size());
  for (size_t first = lengths.size(); first-- > 0;) {
    cost[first] = std::numeric_limits<int64_t>::max();
    int64_t tokens = 0;
    for (size_t end = first + 1; end <= lengths.size(); ++end) {
      tokens += lengths[end - 1];
      auto size = std::lower_bound(sizes.begin(), sizes.end(), tokens);
      if (size == sizes.end())
        break;
      int64_t total = costOf(*size, tokens) + cost[end];
      if (total < cost[first]) {
        cost[first] = total;
        choice[first] = {*size, first, end - first};
      }
    }
  }
  std::vector<PackedCall> calls;
  for (size_t row = 0; row < lengths.size(); row += calls.back().rows)
    calls.push_back(choice[row]);
  return calls;
}

} // namespace lora_rt
