//===- RandomNumbers.cpp - Numbers by seed, name and index ----------------===//

#include "lora-mlir/Bench/RandomCheckpoint.h"
#include "lora-mlir/Support/RandomStream.h"

/// The sum of two uniform numbers of 16 bits each, which is bell-shaped enough
/// for weights, and many times faster than logarithms and sines.
static float bell(uint32_t bits) {
  return float(int32_t((bits & 0xffff) + (bits >> 16)) - 65535) * 0x1p-16f;
}

void lora::bench::fillRandom(uint64_t seed, std::string_view name,
                             uint64_t first, float mean, float deviation,
                             std::span<float> values) {
  // The sum's variance is 1 / 6.
  float scale = deviation * 2.4494897f;
  RandomStream stream(seed, name);
  size_t i = 0;
  while (i < values.size()) {
    uint64_t index = first + i;
    r123::Philox4x32::ctr_type numbers = stream.block(index / 4);
    for (size_t lane = index % 4; lane < 4 && i < values.size(); ++lane)
      values[i++] = mean + scale * bell(numbers[lane]);
  }
}
