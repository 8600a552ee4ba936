//===- Backoff.h - Doing without threads that do not run --------*- C++ -*-===//
//
// If another process uses the cores, a thread may wait for a time slice, which
// takes milliseconds, and all other threads wait for it at the end of the loop.
// A model whose loops take microseconds would then be a thousand times slower.
// So if a loop ends much later than the part of the thread that began it, the
// following loops run on that thread alone. This period becomes longer each
// time the delay occurs again.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_CPU_BACKOFF_H
#define LORA_RUNTIME_CPU_BACKOFF_H

#include <algorithm>

namespace lora_rt::cpu {

/// Decides whether the loops of a thread are shared with other threads. Times
/// are seconds of one clock.
class Backoff {
public:
  bool isAlone(double time) const { return time < aloneUntil; }

  /// Records a shared loop: when it began, when the calling thread had finished
  /// its part, and when all had finished.
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

  /// The shortest wait that counts. Chunks of different lengths cause shorter
  /// ones.
  static constexpr double shortest = 300e-6;
  /// The period is at most 64 ms, so that a core that is free again is soon
  /// used.
  static constexpr unsigned mostDelays = 7;
  /// The number of loops without a delay after which one delay is forgotten.
  static constexpr unsigned enoughCalm = 64;

private:
  double aloneUntil = 0;
  unsigned delays = 0, calm = 0;
};

} // namespace lora_rt::cpu

#endif // LORA_RUNTIME_CPU_BACKOFF_H
