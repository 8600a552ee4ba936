//===- Threads.h - The one thread pool of the process -----------*- C++ -*-===//
//
// Loops of generated code run on the OpenMP library that oneDNN uses (libgomp),
// so the process has only one pool of threads. The loops call the library's
// stable entry points, so any compiler can build this.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_CPU_THREADS_H
#define LORA_RUNTIME_CPU_THREADS_H

#include "lora-runtime/Error.h"
#include "lora-runtime/compiled_code.h"

namespace lora_rt::cpu {

/// The number of physical cores that this process may use; its control group's
/// quota counts, too. At least 1.
unsigned usableCores();

/// Parallel regions that the calling thread begins will use this many threads.
/// Fails if the system does not permit them.
Error useThreads(unsigned threads);

/// Runs the body over [begin, end) on `threads` threads. Chunks of at least
/// `grain` iterations are handed out as threads become free.
void parallelFor(unsigned threads, int64_t begin, int64_t end, int64_t grain,
                 lora_rt_body body, void *const *captures);

} // namespace lora_rt::cpu

#endif // LORA_RUNTIME_CPU_THREADS_H
