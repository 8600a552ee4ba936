//===- Limits.h - What this machine can do right now ------------*- C++ -*-===//

#ifndef LORA_RUNTIME_LIMITS_H
#define LORA_RUNTIME_LIMITS_H

#include "lora-runtime/Executable.h"

namespace lora_rt {

/// Rates to compare a run with. Both vary from minute to minute on shared
/// machines, so they are measured in the run they are compared with.
struct MachineLimits {
  /// Reading memory that is in no cache, with all threads.
  double bytesPerSecond = 0;
  /// A matmul of 512 tokens with packed weights, in the model's type; 0 if the
  /// engine has none.
  double operationsPerSecond = 0;
};

/// Measures on the executable's engine, for about a third of a second.
Expected<MachineLimits> measureLimits(Instance &instance);

} // namespace lora_rt

#endif // LORA_RUNTIME_LIMITS_H
