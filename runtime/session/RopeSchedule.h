//===- RopeSchedule.h - Rotary frequencies of each call ---------*- C++ -*-===//
//
// Follows transformers' modeling_rope_utils.py: `dynamic` computes new
// frequencies if a call is longer than all calls before it
// (dynamic_frequency_update); `longrope` selects one of two sets
// (longrope_frequency_update). A call is what the user passes at once: a whole
// prompt, or one decoded token. Keys in the cache keep the frequencies of the
// call that wrote them.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_SESSION_ROPESCHEDULE_H
#define LORA_RUNTIME_SESSION_ROPESCHEDULE_H

#include "lora-runtime/Manifest.h"

#include <span>

namespace lora_rt {

class RopeSchedule {
public:
  explicit RopeSchedule(const Manifest::Rope &rope);

  /// The frequencies of a call after which the sequence has `length` tokens.
  /// Valid until the next call.
  std::span<const float> call(int64_t length);

  /// Forgets all calls.
  void reset();

  /// The state that earlier calls have left for the next one.
  int64_t mark() const { return longest; }
  /// Forgets the calls since a mark.
  void restore(int64_t mark);

private:
  const Manifest::Rope &rope;
  /// For Dynamic: the frequencies up to the switch length, and the present
  /// ones.
  std::vector<float> original, current;
  int64_t longest;
};

} // namespace lora_rt

#endif // LORA_RUNTIME_SESSION_ROPESCHEDULE_H
