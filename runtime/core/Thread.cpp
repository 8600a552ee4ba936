//===- Thread.cpp - Threads, where the system gives them ------------------===//
//
// Implements Thread.h by pthread_create, whose failure is a return value, not
// an exception.
//
//===----------------------------------------------------------------------===//

#include "lora-runtime/Thread.h"

#include <atomic>
#include <string>
#include <time.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace lora_rt {

std::optional<Thread> Thread::start(std::function<void()> body) {
  auto *owned = new std::function<void()>(std::move(body));
  auto run = [](void *data) -> void * {
    auto *body = static_cast<std::function<void()> *>(data);
    (*body)();
    delete body;
    return nullptr;
  };
  pthread_t handle;
  if (pthread_create(&handle, nullptr, run, owned) == 0)
    return Thread(handle);
  delete owned;
  return std::nullopt;
}

Thread::Thread(Thread &&other) noexcept
    : handle(std::exchange(other.handle, std::nullopt)) {}

void Thread::join() {
  if (handle)
    pthread_join(*std::exchange(handle, std::nullopt), nullptr);
}

/// The system counts a thread for a short time after it was joined. Waits until
/// it is gone from /proc, at most 200 times 50 microseconds.
static void awaitEnd(pid_t thread) {
  std::string entry = "/proc/self/task/" + std::to_string(thread);
  for (int attempt = 0; attempt < 200 && access(entry.c_str(), F_OK) == 0;
       ++attempt) {
    timespec pause = {0, 50'000};
    nanosleep(&pause, nullptr);
  }
}

unsigned startableThreads(unsigned wanted) {
  std::atomic<bool> isOver = false;
  std::vector<pid_t> ids(wanted);
  std::vector<Thread> threads;
  threads.reserve(wanted);
  for (unsigned i = 0; i < wanted; ++i) {
    std::optional<Thread> thread = Thread::start([&isOver, &id = ids[i]] {
      id = gettid();
      isOver.wait(false);
    });
    if (!thread)
      break;
    threads.push_back(std::move(*thread));
  }
  isOver = true;
  isOver.notify_all();
  for (Thread &thread : threads)
    thread.join();
  for (size_t i = 0; i < threads.size(); ++i)
    awaitEnd(ids[i]);
  return unsigned(threads.size());
}

} // namespace lora_rt
