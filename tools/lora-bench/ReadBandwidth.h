//===- ReadBandwidth.h - How fast memory can be read ------------*- C++ -*-===//

#ifndef LORA_TOOLS_LORA_BENCH_READBANDWIDTH_H
#define LORA_TOOLS_LORA_BENCH_READBANDWIDTH_H

#include "lora-runtime/Error.h"

#include <cstdint>
#include <vector>

namespace lora::bench {

/// A way to read memory from its start to its end. Which one is the fastest
/// differs between machines, and between minutes.
struct ReadPattern {
  /// Places that a thread reads from in turn.
  int streams = 1;
  /// How far ahead it prefetches, in bytes; 0 for what the hardware does.
  int64_t prefetch = 0;
  /// Whether the memory asked for huge pages.
  bool hugePages = false;
};

/// Memory that is larger than the caches, read by a number of threads.
class ReadBandwidth {
public:
  /// 0 bytes: many times what the caches hold.
  static lora_rt::Expected<ReadBandwidth> create(unsigned threads,
                                                 uint64_t bytes);
  ReadBandwidth(ReadBandwidth &&other) noexcept;
  ~ReadBandwidth();

  /// All patterns that are tried.
  static std::vector<ReadPattern> patterns();

  /// Bytes per second, the best of `passes` over the memory; over its first
  /// `bytes` again and again, if these are less: from the caches, where they
  /// fit.
  double measure(const ReadPattern &pattern, int passes,
                 uint64_t bytes = UINT64_MAX) const;

  uint64_t bytes() const { return size; }

private:
  ReadBandwidth() = default;

  unsigned threads = 1;
  uint64_t size = 0;
  /// Without and with huge pages.
  const uint64_t *memory[2] = {};
};

} // namespace lora::bench

#endif // LORA_TOOLS_LORA_BENCH_READBANDWIDTH_H
