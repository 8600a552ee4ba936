//===- Fork.h - Work after a fork --------------------------------*- C++
//-*-===//
//
// fork(2) copies one thread. OpenMP's pool of that thread lists helpers that
// the child does not have, and a parallel region waits for them for ever. A
// thread that is started in the child has no pool yet, and makes a new one.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_CORE_FORK_H
#define LORA_RUNTIME_CORE_FORK_H

#include "lora-runtime/Error.h"

#include <functional>

namespace lora_rt {

/// From now on, forks of this process are noticed.
void watchForks();

/// Does work that may begin parallel regions: on the calling thread, or, if
/// that one is a fork's copy, on a new thread.
Error runWithTeam(const std::function<Error()> &work);

} // namespace lora_rt

#endif // LORA_RUNTIME_CORE_FORK_H
