//===- ParallelFor.h - Loops on LLVM's threads ------------------*- C++ -*-===//
//
// LLVM ends the process if a thread cannot be started. So its threads are
// started here only if the system permits all of them; otherwise loops run on
// the calling thread.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_SUPPORT_PARALLELFOR_H
#define LORA_MLIR_SUPPORT_PARALLELFOR_H

#include "lora-runtime/Thread.h"
#include "llvm/Support/Parallel.h"

#include <atomic>
#include <chrono>
#include <thread>

namespace lora {

/// Starts the threads of llvm::parallelFor, if the system permits as many. If
/// LLVM tries it and fails, it ends the process.
inline bool startParallelThreads() {
  unsigned wanted = llvm::parallel::strategy.compute_thread_count();
  if (wanted < 2 || lora_rt::startableThreads(wanted + 1) <= wanted)
    return false;
  // Each thread waits until all have started, but only for a limited time: LLD,
  // which may be called meanwhile, sets the number of threads to 1.
  using Clock = std::chrono::steady_clock;
  Clock::time_point deadline = Clock::now() + std::chrono::milliseconds(200);
  std::thread::id caller = std::this_thread::get_id();
  std::atomic<unsigned> ready = 0;
  llvm::parallelFor(0, wanted, [&](size_t) {
    ++ready;
    while (ready < wanted && Clock::now() < deadline &&
           std::this_thread::get_id() != caller)
      std::this_thread::sleep_for(std::chrono::microseconds(20));
  });
  return true;
}

/// llvm::parallelFor; without other threads, a loop on the calling thread.
inline void parallelFor(size_t begin, size_t end,
                        llvm::function_ref<void(size_t)> body) {
  static const bool isParallel = startParallelThreads();
  if (isParallel)
    return llvm::parallelFor(begin, end, body);
  for (; begin != end; ++begin)
    body(begin);
}

} // namespace lora

#endif // LORA_MLIR_SUPPORT_PARALLELFOR_H
