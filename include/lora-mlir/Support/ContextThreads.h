//===- ContextThreads.h - Threads of an MLIRContext -------------*- C++ -*-===//
//
// LLVM ends the process if a thread of its pool cannot be started. So contexts
// are made without threads, and get a pool only if the system permits all of
// its threads.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_SUPPORT_CONTEXTTHREADS_H
#define LORA_MLIR_SUPPORT_CONTEXTTHREADS_H

#include "lora-runtime/Thread.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/ThreadPool.h"
#include "llvm/Support/Threading.h"

#include <latch>

namespace lora {

/// Whether a pool of LLVM's usual size can be started. If LLVM tries it and
/// fails, it ends the process.
inline bool canStartPool() {
  unsigned wanted = llvm::hardware_concurrency().compute_thread_count();
  return lora_rt::startableThreads(wanted) == wanted;
}

/// Gives a pool to a context that was made without threads, if the system
/// permits as many. The threads are started immediately, so that code that
/// starts threads later cannot take them.
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
