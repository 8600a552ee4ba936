//===- Chunks.h - Which sizes a prompt is run in ----------------*- C++ -*-===//

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

} // namespace lora_rt

#endif // LORA_RUNTIME_SESSION_CHUNKS_H
