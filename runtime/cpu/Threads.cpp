//===- Threads.cpp - The one thread pool of the process -------------------===//
//
// Runs loops of generated code on libgomp's threads, and counts the cores that
// may be used. How a loop is divided does not change results: chunks never
// share a sum.
//
//===----------------------------------------------------------------------===//

#include "Threads.h"
#include "../onednn/Team.h"
#include "Backoff.h"
#include "lora-runtime/Clock.h"

#include <algorithm>
#include <atomic>
#include <fstream>
#include <sched.h>
#include <set>
#include <string>

// The ABI of libgomp; it has not changed since GCC 4.9.
extern "C" {
void GOMP_parallel(void (*body)(void *), void *data, unsigned threads,
                   unsigned flags);
int omp_get_max_threads(void);
void omp_set_num_threads(int threads);
int omp_in_parallel(void);
int omp_get_thread_num(void);
}

namespace lora_rt::cpu {

namespace {

/// The state of the thread that begins loops.
thread_local Backoff backoff;

struct Loop {
  std::atomic<int64_t> next;
  int64_t end;
  int64_t grain;
  /// The length of the first chunk of each thread, and the rest of the range
  /// after these.
  int64_t first, rest;
  /// A later chunk is the remaining range divided by this.
  int64_t parts;
  lora_rt_body body;
  void *const *captures;
  /// When the thread that began the loop had finished its part.
  double done = 0;
};

void runChunks(void *data) {
  auto &loop = *static_cast<Loop *>(data);
  int64_t begin = loop.next.load(std::memory_order_relaxed);
  while (begin < loop.end) {
    int64_t left = loop.end - begin;
    int64_t chunk =
        left > loop.rest
            ? std::min(left - loop.rest, loop.first)
            : std::min(left, std::max(loop.grain, left / loop.parts));
    if (!loop.next.compare_exchange_weak(begin, begin + chunk,
                                         std::memory_order_relaxed))
      continue;
    loop.body(loop.captures, begin, begin + chunk);
    begin = loop.next.load(std::memory_order_relaxed);
  }
  if (omp_get_thread_num() == 0)
    loop.done = now();
}

/// The limit that a container sets, in whole cores; 0 if there is none.
unsigned quotaCores() {
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (!(file >> quota >> period) || quota == "max" || period <= 0)
    return 0;
  double cores = std::strtod(quota.c_str(), nullptr) / period;
  return cores < 1 ? 1 : unsigned(cores);
}

} // namespace

unsigned usableCores() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
    return 1;
  // The hardware threads of one core list the same siblings.
  std::set<std::string> cores;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed))
      continue;
    std::string name = std::to_string(cpu);
    std::ifstream file("/sys/devices/system/cpu/cpu" + name +
                       "/topology/thread_siblings_list");
    std::string siblings;
    cores.insert(std::getline(file, siblings) ? siblings : "cpu" + name);
  }
  unsigned count = std::max<unsigned>(1, unsigned(cores.size()));
  unsigned quota = quotaCores();
  return quota ? std::min(count, quota) : count;
}

Error useThreads(unsigned threads) {
  if (!canHaveTeam(threads))
    return makeError(ErrorCode::System, "this thread cannot have ", threads - 1,
                     " helpers: the system gives no more threads; raise the "
                     "limit (ulimit -u, or pids.max of the control group), or "
                     "use fewer (--threads)");
  if (omp_get_max_threads() != int(threads))
    omp_set_num_threads(int(threads));
  return Error::success();
}

void parallelFor(unsigned threads, int64_t begin, int64_t end, int64_t grain,
                 lora_rt_body body, void *const *captures) {
  int64_t count = end - begin;
  if (count <= 0)
    return;
  grain = std::max<int64_t>(grain, 1);
  int64_t useful = std::min<int64_t>(threads, (count + grain - 1) / grain);
  if (useful <= 1 || omp_in_parallel() || !canHaveTeam(unsigned(useful))) {
    body(captures, begin, end);
    return;
  }
  double start = now();
  if (backoff.isAlone(start)) {
    body(captures, begin, end);
    return;
  }
  // Each thread begins with one long chunk, because memory is read fastest in
  // long runs. Later chunks become smaller towards the end (Polychronopoulos
  // and Kuck 1987), so that all threads finish together even if other processes
  // use some of the cores.
  int64_t first = count * 3 / (4 * useful);
  if (first < grain)
    first = 0;
  Loop loop{{begin},    end,  grain,   first, count - first * useful,
            useful * 2, body, captures};
  GOMP_parallel(runChunks, &loop, unsigned(useful), 0);
  backoff.add(start, loop.done, now());
}

} // namespace lora_rt::cpu
