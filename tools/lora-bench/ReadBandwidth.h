//===- ReadBandwidth.h - How fast memory can be read ------------*- C++ -*-===//
//
// Measures the read bandwidth with several access patterns.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_TOOLS_LORA_BENCH_READBANDWIDTH_H
#define LORA_TOOLS_LORA_BENCH_READBANDWIDTH_H

#include "lora-runtime/Error.h"

#include <cstdint>
#include <vector>

namespace lora::bench {

/// A pattern in which memory is read. The fastest pattern differs between
/// machines, and changes within minutes.
struct ReadPattern {
  /// The number of places from which a thread reads alternately.
  int streams = 1;
  /// The distance of prefetching in bytes; 0 for the hardware's prefetching
  /// only.
  int64_t prefetch = 0;
  /// Whether huge pages were requested for the memory.
  bool hugePages = false;
};

/// Memory that is larger than the caches, read by a number of threads.
class ReadBandwidth {
public:
  /// 0 bytes: many times the size of the caches.
  static lora_rt::Expected<ReadBandwidth> create(unsigned threads,
                                                 uint64_t bytes);
  ReadBandwidth(ReadBandwidth &&other) noexcept;
  ~ReadBandwidth();

  /// All patterns that are tried.
  static std::vector<ReadPattern> patterns();

  /// Bytes per second, the best of `passes` passes over the memory. If `bytes`
  /// is smaller, reads the first `bytes` bytes repeatedly, from the caches if
  /// they fit.
  double measure(const ReadPattern &pattern, int passes,
                 uint64_t bytes = UINT64_MAX) const;

  uint64_t bytes() const { return size; }

private:
  ReadBandwidth() = default;

  unsigned threads = 1;
  uint64_t size = 0;
  /// Without huge pages, and with them.
  const uint64_t *memory[2] = {};
};

} // namespace lora::bench

#endif // LORA_TOOLS_LORA_BENCH_READBANDWIDTH_H
