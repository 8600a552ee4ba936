//===- Draw.h - Random numbers by position ----------------------*- C++ -*-===//
//
// A number depends only on the seed, the text's number and the position in the
// text, not on the numbers that were drawn before.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_GENERATION_DRAW_H
#define LORA_RUNTIME_GENERATION_DRAW_H

#include <cstddef>
#include <cstdint>
#include <span>

namespace lora_rt::generation {

/// A number of 53 random bits, from 0 to below 1.
double uniform(uint64_t seed, uint64_t stream, uint64_t position);

/// The index whose range of the cumulative probabilities holds `number`, which
/// is from 0 to below 1. There is at least one probability above 0; they need
/// not sum up to 1.
inline size_t drawIndex(std::span<const float> probabilities, double number) {
  double total = 0;
  for (float probability : probabilities)
    total += probability;
  double target = number * total, passed = 0;
  size_t last = 0;
  for (size_t i = 0; i < probabilities.size(); ++i) {
    passed += probabilities[i];
    if (passed > target)
      return i;
    if (probabilities[i] > 0)
      last = i;
  }
  return last;
}

} // namespace lora_rt::generation

#endif // LORA_RUNTIME_GENERATION_DRAW_H
