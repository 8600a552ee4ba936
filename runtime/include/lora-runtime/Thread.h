//===- Thread.h - Threads, where the system gives them ----------*- C++ -*-===//
//
// Users, control groups and address spaces limit threads. std::thread and
// std::async throw then, which ends a program that is built without exceptions,
// and OpenMP and BLAS libraries end it themselves. So threads are started here,
// and libraries are told how many they can have.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_THREAD_H
#define LORA_RUNTIME_THREAD_H

#include <functional>
#include <optional>
#include <pthread.h>

namespace lora_rt {

/// A thread that is joined at the end.
class Thread {
public:
  /// Nothing if the system gives no more threads: the caller then does the work
  /// itself.
  static std::optional<Thread> start(std::function<void()> body);

  Thread(Thread &&other) noexcept;
  Thread &operator=(Thread &&other) = delete;
  ~Thread() { join(); }

  void join();

private:
  explicit Thread(pthread_t handle) : handle(handle) {}
  std::optional<pthread_t> handle;
};

/// How many threads can be had beside the calling one, up to `wanted`: starts
/// and ends them. Other programs of the user may take them meanwhile.
unsigned startableThreads(unsigned wanted);

} // namespace lora_rt

#endif // LORA_RUNTIME_THREAD_H
