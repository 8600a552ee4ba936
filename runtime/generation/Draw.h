//===- Draw.h - Random numbers by position ----------------------*- C++ -*-===//
//
// Counter-based (Philox4x32-10, Salmon et al. 2011): a number depends only on
// the seed, the text's number and the position in the text.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_GENERATION_DRAW_H
#define LORA_RUNTIME_GENERATION_DRAW_H

#include <Random123/philox.h>
#include <cstdint>
#include <span>

namespace lora_rt::generation {

/// A number of 53 random bits, from 0 to below 1.
inline double uniform(uint64_t seed, uint64_t stream, uint64_t position) {
  r123::Philox4x32::ctr_type bits =
      r123::Philox4x32()({{uint32_t(position), uint32_t(position >> 32),
                           uint32_t(stream), uint32_t(stream >> 32)}},
                         {{uint32_t(seed), uint32_t(seed >> 32)}});
  return double((uint64_t(bits[1]) << 32 | bits[0]) >> 11) * 0x1p-53;
}

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
