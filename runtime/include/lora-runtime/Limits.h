//===- Limits.h - What this machine can do right now ------------*- C++ -*-===//
//
// The rates that lora-run --time compares with.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_LIMITS_H
#define LORA_RUNTIME_LIMITS_H

#include "lora-runtime/Executable.h"

namespace lora_rt {

/// Rates to compare a run with. On shared machines they change within minutes,
/// so they are measured in the same run.
struct MachineLimits {
  /// The rate of reading memory that is in no cache, with all threads.
  double bytesPerSecond = 0;
  /// The rate of a matmul of 512 tokens with packed weights, in the model's
  /// type; 0 if the engine does not have it.
  double operationsPerSecond = 0;
};

/// Measures on the executable's engine, for about a third of a second.
Expected<MachineLimits> measureLimits(Instance &instance);

} // namespace lora_rt

#endif // LORA_RUNTIME_LIMITS_H
