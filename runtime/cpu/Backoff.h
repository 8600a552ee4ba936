//===- Backoff.h - Doing without threads that do not run --------*- C++ -*-===//
//
// Beside another busy process a thread waits a time slice, milliseconds, for
// its turn, and all others wait for it at the end of a loop: a model whose
// loops take microseconds would become a thousand times slower. So a loop that
// ends long after its first thread's part of it has the following ones run on
// that thread alone: the longer, the more often that happens.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_CPU_BACKOFF_H
#define LORA_RUNTIME_CPU_BACKOFF_H

#include <algorithm>

namespace lora_rt::cpu {

/// Whether the loops of a thread are to be shared. Times are seconds of one
/// clock.
class Backoff {
public:
  bool isAlone(double time) const { return time < aloneUntil; }

  /// A shared loop began, ended for the thread that began it, and for all.
  void add(double begin, double done, double end) {
    if (end - done > std::max(shortest, 2 * (done - begin))) {
      calm = 0;
      delays = std::min(delays + 1, mostDelays);
      aloneUntil = end + double(1u << delays) * 0.5e-3;
    } else if (++calm >= enoughCalm && delays > 0) {
      calm = 0;
      --delays;
    }
  }

  /// Waiting that counts; what chunks of different lengths make is less.
  static constexpr double shortest = 300e-6;
  /// 64 ms at most, so that a core that is free again is soon noticed.
  static constexpr unsigned mostDelays = 7;
  /// Loops without waiting after which a delay is forgotten.
  static constexpr unsigned enoughCalm = 64;

private:
  double aloneUntil = 0;
  unsigned delays = 0, calm = 0;
};

} // namespace lora_rt::cpu

#endif // LORA_RUNTIME_CPU_BACKOFF_H
