//===- Team.cpp -----------------------------------------------------------===//

#include "Team.h"
#include "lora-runtime/Thread.h"

namespace lora_rt {

bool canHaveTeam(unsigned threads) {
  thread_local unsigned proven = 1;
  if (threads <= proven)
    return true;
  // Those that the pool has already count, too.
  unsigned missing = threads - proven;
  if (startableThreads(missing) < missing)
    return false;
  proven = threads;
  return true;
}

} // namespace lora_rt
