//===- Clock.h - Seconds of the monotonic clock -----------------*- C++ -*-===//
//
// One function, so that times of different parts and processes can be compared.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_CLOCK_H
#define LORA_RUNTIME_CLOCK_H

#include <chrono>

namespace lora_rt {

/// Seconds of a clock that never goes back and that all processes share.
inline double now() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

} // namespace lora_rt

#endif // LORA_RUNTIME_CLOCK_H
