//===- Thread.h - Threads, where the system gives them ----------*- C++ -*-===//
//
// The system limits threads per user, per control group and by address space.
// At the limit, std::thread and std::async throw, which ends a program that is
// built without exceptions; OpenMP and BLAS libraries end the process
// themselves. So threads are started here, and libraries get a number of
// threads that can be started.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_THREAD_H
#define LORA_RUNTIME_THREAD_H

#include <functional>
#include <optional>
#include <pthread.h>

namespace lora_rt {

/// A thread. The destructor joins it.
class Thread {
public:
  /// Starts a thread; nullopt if the system permits no more. The caller then
  /// does the work itself.
  static std::optional<Thread> start(std::function<void()> body);

  Thread(Thread &&other) noexcept;
  Thread &operator=(Thread &&other) = delete;
  ~Thread() { join(); }

  /// Waits for the end of the thread. Further calls have no effect.
  void join();

private:
  explicit Thread(pthread_t handle) : handle(handle) {}
  std::optional<pthread_t> handle;
};

/// How many more threads can be started, up to `wanted`.
/// Starts and ends them. Other programs of the user may start threads
/// meanwhile.
unsigned startableThreads(unsigned wanted);

} // namespace lora_rt

#endif // LORA_RUNTIME_THREAD_H
