//===- RopeSchedule.cpp - Rotary frequencies of each call -----------------===//
//
// Implements RopeSchedule.h with the state of transformers' rotary embedding:
// the longest call so far, and the present frequencies.
//
//===----------------------------------------------------------------------===//

#include "RopeSchedule.h"

#include "lora-runtime/Rotary.h"

namespace lora_rt {

RopeSchedule::RopeSchedule(const Manifest::Rope &rope) : rope(rope) {
  if (rope.kind == Manifest::Rope::Kind::Dynamic)
    original = rotaryFrequencies(rope.theta, rope.width);
  reset();
}

void RopeSchedule::reset() {
  longest = rope.switchLength;
  current = original;
}

void RopeSchedule::restore(int64_t mark) {
  reset();
  // The frequencies follow from the longest call alone.
  if (mark > rope.switchLength)
    call(mark);
}

std::span<const float> RopeSchedule::call(int64_t length) {
  if (rope.kind == Manifest::Rope::Kind::LongRope)
    return length > rope.switchLength ? rope.longFrequencies
                                      : rope.shortFrequencies;
  if (length > longest) {
    longest = length;
    current = dynamicFrequencies(rope.theta, rope.factor, rope.switchLength,
                                 rope.width, length);
  } else if (length < rope.switchLength && longest > rope.switchLength) {
    // A call of exactly the switch length keeps the frequencies of longer
    // calls.
    reset();
  }
  return current;
}

} // namespace lora_rt
