//===- ContextThreads.h - Threads of an MLIRContext -------------*- C++ -*-===//

#ifndef LORA_MLIR_SUPPORT_CONTEXTTHREADS_H
#define LORA_MLIR_SUPPORT_CONTEXTTHREADS_H

#include "lora-runtime/Thread.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/ThreadPool.h"
#include "llvm/Support/Threading.h"

#include <latch>

namespace lora {

/// Whether a pool of LLVM's usual size can be had; LLVM ends the process if it
/// finds out later.
inline bool canStartPool() {
  unsigned wanted = llvm::hardware_concurrency().compute_thread_count();
  return lora_rt::startableThreads(wanted) == wanted;
}

/// Lets a context that was made without threads use a pool, if the system gives
/// as many. The pool is filled at once: what starts threads later takes none
/// that it counts on.
inline void enableThreads(mlir::MLIRContext &context) {
  if (!canStartPool())
    return;
  context.enableMultithreading();
  if (!context.isMultithreadingEnabled())
    return;
  llvm::ThreadPoolInterface &pool = context.getThreadPool();
  std::latch all(pool.getMaxConcurrency());
  for (unsigned i = 0; i < pool.getMaxConcurrency(); ++i)
    pool.async([&all] { all.arrive_and_wait(); });
  pool.wait();
}

} // namespace lora

#endif // LORA_MLIR_SUPPORT_CONTEXTTHREADS_H
