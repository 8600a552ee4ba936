//===- Team.h - OpenMP's threads ------------------------------------------===//
//
// libgomp ends the process if it cannot start a thread. Each thread that begins
// a parallel region has its own pool, which exists as long as the thread. So
// canHaveTeam is called before a region begins.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_ONEDNN_TEAM_H
#define LORA_RUNTIME_ONEDNN_TEAM_H

namespace lora_rt {

/// Whether the calling thread can begin a parallel region of `threads` threads.
/// Starts threads only for numbers larger than those that succeeded before.
bool canHaveTeam(unsigned threads);

} // namespace lora_rt

#endif // LORA_RUNTIME_ONEDNN_TEAM_H
