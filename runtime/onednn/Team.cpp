//===- Team.cpp - OpenMP's threads ----------------------------------------===//
//
// Implements Team.h by starting as many threads as OpenMP would need, and
// ending them.
//
//===----------------------------------------------------------------------===//

#include "Team.h"
#include "lora-runtime/Thread.h"

namespace lora_rt {

bool canHaveTeam(unsigned threads) {
  thread_local unsigned proven = 1;
  if (threads <= proven)
    return true;
  // The threads that the pool already has need not be started again.
  unsigned missing = threads - proven;
  if (startableThreads(missing) < missing)
    return false;
  proven = threads;
  return true;
}

} // namespace lora_rt
