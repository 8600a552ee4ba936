//===- RopeSchedule.h - Rotary frequencies of each call ---------*- C++ -*-===//
//
// What transformers does in modeling_rope_utils.py when a model is called:
// `dynamic` takes new frequencies when a call is longer than all before it
// (dynamic_frequency_update), `longrope` one of two sets
// (longrope_frequency_update). A call is what the user hands over at once: a
// whole prompt, or one decoded token. Keys in the cache keep the frequencies of
// the call that wrote them.
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

  /// The frequencies of a call after which the sequence is `length` tokens
  /// long; valid until the next call.
  std::span<const float> call(int64_t length);

  /// Forgets all calls.
  void reset();

  /// What calls so far have left for the next one.
  int64_t mark() const { return longest; }
  /// Forgets the calls since a mark.
  void restore(int64_t mark);

private:
  const Manifest::Rope &rope;
  /// Dynamic: those up to the switch length, and those of now.
  std::vector<float> original, current;
  int64_t longest;
};

} // namespace lora_rt

#endif // LORA_RUNTIME_SESSION_ROPESCHEDULE_H
