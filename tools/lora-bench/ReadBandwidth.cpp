//===- ReadBandwidth.cpp - How fast memory can be read --------------------===//
//
// The loops use the compiler's vector types, and are compiled for each vector
// width of x86-64. The loader selects the fastest version that the machine can
// run.
//
//===----------------------------------------------------------------------===//

#include "ReadBandwidth.h"
#include "WorkerLoop.h"
#include "lora-runtime/File.h"
#include "lora-runtime/Thread.h"

#include <atomic>
#include <barrier>
#include <cerrno>
#include <optional>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__x86_64__)
#define LORA_FOR_EACH_CPU                                                      \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define LORA_FOR_EACH_CPU
#endif

using namespace lora::bench;
using namespace lora_rt;

namespace {

constexpr size_t vectorWords = 8, lineBytes = 64, blockVectors = 4;
typedef uint64_t Vector __attribute__((vector_size(lineBytes)));

/// Sums up vectors. The sum is returned so that the compiler keeps the reads.
/// `vectors` is a multiple of blockVectors * Streams.
template <int Streams>
[[gnu::always_inline]] inline uint64_t
readStreams(const Vector *data, size_t vectors, int64_t prefetch) {
  size_t each = vectors / Streams;
  Vector sums[blockVectors] = {};
  for (size_t i = 0; i < each; i += blockVectors)
    for (int stream = 0; stream < Streams; ++stream) {
      const Vector *at = data + size_t(stream) * each + i;
      if (prefetch)
        for (size_t k = 0; k < blockVectors; ++k)
          __builtin_prefetch(reinterpret_cast<const char *>(at + k) + prefetch);
      for (size_t k = 0; k < blockVectors; ++k)
        sums[k] += at[k];
    }
  uint64_t sum = 0;
  for (const Vector &part : sums)
    for (size_t i = 0; i < vectorWords; ++i)
      sum += part[i];
  return sum;
}

LORA_FOR_EACH_CPU uint64_t read1(const Vector *data, size_t vectors,
                                 int64_t prefetch) {
  return readStreams<1>(data, vectors, prefetch);
}
LORA_FOR_EACH_CPU uint64_t read2(const Vector *data, size_t vectors,
                                 int64_t prefetch) {
  return readStreams<2>(data, vectors, prefetch);
}
LORA_FOR_EACH_CPU uint64_t read4(const Vector *data, size_t vectors,
                                 int64_t prefetch) {
  return readStreams<4>(data, vectors, prefetch);
}
LORA_FOR_EACH_CPU uint64_t read8(const Vector *data, size_t vectors,
                                 int64_t prefetch) {
  return readStreams<8>(data, vectors, prefetch);
}

using Read = uint64_t (*)(const Vector *, size_t, int64_t);

Read readerOf(int streams) {
  switch (streams) {
  case 1:
    return read1;
  case 2:
    return read2;
  case 4:
    return read4;
  default:
    return read8;
  }
}

/// Runs `body` on each thread at the same time, after all have started. Returns
/// the time from the start of the first to the end of the last.
template <typename Body> double timeParallel(unsigned threads, Body body) {
  std::vector<double> starts(threads), ends(threads);
  std::optional<std::barrier<>> together;
  std::atomic<bool> isReady = false;
  auto run = [&](unsigned thread) {
    isReady.wait(false);
    together->arrive_and_wait();
    starts[thread] = now();
    body(thread);
    ends[thread] = now();
  };
  std::vector<Thread> helpers;
  for (unsigned thread = 1; thread < threads; ++thread) {
    auto helper = Thread::start([&run, thread] { run(thread); });
    // As many threads could be started a moment ago. If one cannot be started
    // now, it takes no part.
    if (!helper)
      break;
    helpers.push_back(std::move(*helper));
  }
  starts.resize(helpers.size() + 1);
  ends.resize(helpers.size() + 1);
  together.emplace(ptrdiff_t(helpers.size() + 1));
  isReady = true;
  isReady.notify_all();
  run(0);
  for (Thread &helper : helpers)
    helper.join();
  return *std::max_element(ends.begin(), ends.end()) -
         *std::min_element(starts.begin(), starts.end());
}

/// 512 MiB; up to 1 GiB if the last cache is large; at most an eighth of the
/// memory.
uint64_t usualSize() {
  auto cache = uint64_t(std::max(0L, sysconf(_SC_LEVEL3_CACHE_SIZE)));
  auto ram =
      uint64_t(sysconf(_SC_PHYS_PAGES)) * uint64_t(sysconf(_SC_PAGESIZE));
  uint64_t wanted =
      std::clamp<uint64_t>(8 * cache, uint64_t(512) << 20, uint64_t(1) << 30);
  return std::min(wanted, ram / 8);
}

} // namespace

std::vector<ReadPattern> ReadBandwidth::patterns() {
  std::vector<ReadPattern> list;
  for (bool hugePages : {true, false})
    for (int streams : {1, 2, 4, 8})
      for (int64_t prefetch : {0, 512, 1024, 2048, 4096})
        list.push_back({streams, prefetch, hugePages});
  return list;
}

Expected<ReadBandwidth> ReadBandwidth::create(unsigned threads,
                                              uint64_t bytes) {
  ReadBandwidth result;
  result.threads = threads;
  // Each thread gets the same number of bytes, in whole pages for each stream.
  uint64_t unit = uint64_t(threads) * 8 * 4096;
  result.size =
      std::max<uint64_t>(1, (bytes ? bytes : usualSize()) / unit) * unit;
  for (int huge = 0; huge < 2; ++huge) {
    void *address = mmap(nullptr, result.size, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (address == MAP_FAILED)
      return makeError(ErrorCode::System, "cannot allocate ", result.size,
                       " bytes: ", systemMessage(errno));
    result.memory[huge] = static_cast<const uint64_t *>(address);
    // This has no effect if the system has no huge pages.
    madvise(address, result.size, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    // Each thread writes first to what it will read, so that the pages are near
    // it (NUMA).
    auto *words = static_cast<uint64_t *>(address);
    uint64_t part = result.size / 8 / threads;
    timeParallel(threads, [&](unsigned thread) {
      for (uint64_t i = 0; i < part; ++i)
        words[thread * part + i] = i;
    });
  }
  return result;
}

ReadBandwidth::ReadBandwidth(ReadBandwidth &&other) noexcept
    : threads(other.threads), size(other.size) {
  std::swap(memory, other.memory);
}

ReadBandwidth::~ReadBandwidth() {
  for (const uint64_t *part : memory)
    if (part)
      munmap(const_cast<uint64_t *>(part), size);
}

double ReadBandwidth::measure(const ReadPattern &pattern, int passes,
                              uint64_t bytes) const {
  Read read = readerOf(pattern.streams);
  auto *data =
      reinterpret_cast<const Vector *>(memory[pattern.hugePages ? 1 : 0]);
  // Each thread reads the same share of its memory, a multiple of a block in
  // eight streams.
  constexpr uint64_t unit = 8 * blockVectors;
  size_t each = size / lineBytes / threads;
  size_t part = std::min(bytes, size) / lineBytes / threads / unit * unit;
  part = std::clamp<size_t>(part, unit, each);
  // Short reads are repeated, so that the start of a thread does not matter.
  uint64_t once = uint64_t(part) * lineBytes * threads;
  uint64_t times = std::max<uint64_t>(1, (uint64_t(64) << 20) / once);
  std::atomic<uint64_t> sum = 0;
  double best = 0;
  for (int pass = 0; pass < passes; ++pass) {
    double seconds = timeParallel(threads, [&](unsigned thread) {
      for (uint64_t i = 0; i < times; ++i)
        sum += read(data + thread * each, part, pattern.prefetch);
    });
    best = std::max(best, double(once) * double(times) / seconds);
  }
  return best;
}
