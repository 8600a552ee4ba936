//===- RopeSchedule.cpp ---------------------------------------------------===//

#include "RopeSchedule.h"

#include <cmath>

namespace lora_rt {

namespace {

/// 1 / base^(2i / width); each step is rounded to f32, as torch does.
std::vector<float> frequencies(float base, int64_t width) {
  std::vector<float> result;
  for (int64_t i = 0; i < width; i += 2)
    result.push_back(1.0f / std::pow(base, float(i) / float(width)));
  return result;
}

/// _compute_dynamic_ntk_parameters for a length above the switch length:
/// base * (factor * length / n - (factor - 1))^(width / (width - 2)). The
/// length is a tensor there, so the steps with it are f32 and those without it
/// are f64.
std::vector<float> scaled(const Manifest::Rope &rope, int64_t length) {
  float share = float(rope.factor) * float(length);
  share /= float(rope.switchLength);
  share -= float(rope.factor - 1);
  double exponent = double(rope.width) / double(rope.width - 2);
  float base = float(rope.theta) * std::pow(share, float(exponent));
  return frequencies(base, rope.width);
}

} // namespace

RopeSchedule::RopeSchedule(const Manifest::Rope &rope) : rope(rope) {
  if (rope.kind == Manifest::Rope::Kind::Dynamic)
    original = frequencies(float(rope.theta), rope.width);
  reset();
}

void RopeSchedule::reset() {
  longest = rope.switchLength;
  current = original;
}

std::span<const float> RopeSchedule::call(int64_t length) {
  if (rope.kind == Manifest::Rope::Kind::LongRope)
    return length > rope.switchLength ? rope.longFrequencies
                                      : rope.shortFrequencies;
  if (length > longest) {
    longest = length;
    current = scaled(rope, length);
  } else if (length < rope.switchLength && longest > rope.switchLength) {
    // A call of exactly the switch length keeps what longer ones left.
    reset();
  }
  return current;
}

} // namespace lora_rt
