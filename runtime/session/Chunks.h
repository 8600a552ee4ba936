//===- Chunks.h - Which sizes tokens are run in ----------------*- C++ -*-===//

#ifndef LORA_RUNTIME_SESSION_CHUNKS_H
#define LORA_RUNTIME_SESSION_CHUNKS_H

#include <cstdint>
#include <span>
#include <vector>

namespace lora_rt {

/// Splits `tokens` into chunks of the given sizes (ascending), the last of
/// which may be padded, so that the estimated time is least. Larger chunks come
/// first.
std::vector<int64_t> planChunks(std::span<const int64_t> sizes, int64_t tokens);

/// Rows that run in one call.
struct PackedCall {
  int64_t size; ///< a compiled one, at least the sum of the rows' lengths
  size_t firstRow, rows;
};

/// Groups consecutive rows into calls so that the estimated time is least. No
/// row is longer than the largest of `sizes` (ascending), and none is cut.
std::vector<PackedCall> planPacking(std::span<const int64_t> sizes,
                                    std::span<const int64_t> lengths);

} // namespace lora_rt

#endif // LORA_RUNTIME_SESSION_CHUNKS_H
