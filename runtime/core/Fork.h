//===- Fork.h - Work after a fork -----------------------------------------===//
//
// fork(2) copies one thread only. The OpenMP pool of that thread still lists
// worker threads, but the child process does not have them, so a parallel
// region would wait for them for ever. A new thread of the child has no pool
// yet, and OpenMP makes one for it. So work that may begin a parallel region
// runs through runWithTeam.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_CORE_FORK_H
#define LORA_RUNTIME_CORE_FORK_H

#include "lora-runtime/Error.h"

#include <functional>

namespace lora_rt {

/// From now on, forks of this process are recorded.
void watchForks();

/// The number of forks between the process that began to record them and this
/// one.
unsigned forkDepth();

/// Whether the calling thread is the copy that fork(2) made in a child process.
bool isForkedThread();

/// Runs work on a new thread and waits for it. Returns the error of the work,
/// or an error if no thread can be started.
Error runOnNewThread(const std::function<Error()> &work);

/// Runs work that may begin parallel regions: on the calling thread or, if that
/// thread is the copy in a forked child, on a new thread.
template <typename Work> Error runWithTeam(const Work &work) {
  return isForkedThread() ? runOnNewThread(work) : work();
}

} // namespace lora_rt

#endif // LORA_RUNTIME_CORE_FORK_H
