//===- Chunks.h - Which sizes tokens are run in -----------------*- C++ -*-===//
//
// An executable has hidden_states for a few numbers of tokens. These functions
// choose the calls for a prompt or a batch by the estimated time.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_SESSION_CHUNKS_H
#define LORA_RUNTIME_SESSION_CHUNKS_H

#include <cstdint>
#include <span>
#include <vector>

namespace lora_rt {

/// Splits `tokens` into chunks of the given sizes (ascending) so that the
/// estimated time is least. Larger chunks come first; only the last one may be
/// padded.
std::vector<int64_t> planChunks(std::span<const int64_t> sizes, int64_t tokens);

/// Rows that run in one call.
struct PackedCall {
  /// A compiled size; not less than the sum of the rows' lengths.
  int64_t size;
  size_t firstRow, rows;
};

/// Groups consecutive rows into calls so that the estimated time is least. No
/// row may be longer than the largest of `sizes` (ascending); no row is split.
std::vector<PackedCall> planPacking(std::span<const int64_t> sizes,
                                    std::span<const int64_t> lengths);

} // namespace lora_rt

#endif // LORA_RUNTIME_SESSION_CHUNKS_H
