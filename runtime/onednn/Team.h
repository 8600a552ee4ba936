//===- Team.h - OpenMP's threads ---------------------------------*- C++
//-*-===//
//
// libgomp ends the process when it cannot start a thread. Each thread that
// begins a parallel region has a pool of its own, which lasts as long as it.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_ONEDNN_TEAM_H
#define LORA_RUNTIME_ONEDNN_TEAM_H

namespace lora_rt {

/// Whether the calling thread can begin a region of so many threads. Tries it
/// once for each number that is larger than those before.
bool canHaveTeam(unsigned threads);

} // namespace lora_rt

#endif // LORA_RUNTIME_ONEDNN_TEAM_H
