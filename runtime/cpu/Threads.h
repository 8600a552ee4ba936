//===- Threads.h - The one thread pool of the process -----------*- C++ -*-===//
//
// Loops of generated code run on the same OpenMP library as oneDNN (libgomp),
// by its stable entry points, so that any compiler can build this and no second
// pool appears.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_CPU_THREADS_H
#define LORA_RUNTIME_CPU_THREADS_H

#include "lora-runtime/Error.h"
#include "lora-runtime/compiled_code.h"

namespace lora_rt::cpu {

/// The number of physical cores that this process may use, also by its control
/// group's quota; at least 1.
unsigned usableCores();

/// Makes regions that the calling thread starts use this many threads; fails if
/// it cannot have them.
Error useThreads(unsigned threads);

/// Runs body over [begin, end) on `threads` threads; chunks of at least `grain`
/// are handed out as threads become free.
void parallelFor(unsigned threads, int64_t begin, int64_t end, int64_t grain,
                 lora_rt_body body, void *const *captures);

} // namespace lora_rt::cpu

#endif // LORA_RUNTIME_CPU_THREADS_H
