//===- Fork.cpp - Work after a fork ---------------------------------------===//
//
// Implements Fork.h: a handler of pthread_atfork marks the thread that a child
// process inherits.
//
//===----------------------------------------------------------------------===//

#include "Fork.h"
#include "lora-runtime/Thread.h"

#include <atomic>
#include <mutex>
#include <pthread.h>

namespace lora_rt {

/// Whether this thread is the copy that fork(2) made in a child process.
static thread_local bool isCopy = false;
/// Increased by one in each child.
static std::atomic<unsigned> depth = 0;

bool isForkedThread() { return isCopy; }
unsigned forkDepth() { return depth.load(std::memory_order_relaxed); }

void watchForks() {
  static std::once_flag once;
  std::call_once(once, [] {
    pthread_atfork(nullptr, nullptr, [] {
      isCopy = true;
      ++depth;
    });
  });
}

Error runOnNewThread(const std::function<Error()> &work) {
  Error error;
  std::optional<Thread> thread = Thread::start([&] { error = work(); });
  if (!thread)
    return makeError(ErrorCode::System,
                     "this process is the child of a fork, which needs a new "
                     "thread for each call, but the system gives none");
  thread->join();
  return error;
}

} // namespace lora_rt
