//===- RandomNumbers.cpp - Numbers by seed, name and index ----------------===//
//
// A stream of random numbers that can begin at any index. It uses Philox
// (Random123), so the numbers do not depend on threads or on the machine.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Bench/RandomCheckpoint.h"
#include "lora-mlir/Support/RandomStream.h"

/// The sum of two uniform numbers of 16 bits each. Its distribution is near
/// enough to a normal one for weights, and it is many times faster to compute
/// than logarithms and sines.
static float bell(uint32_t bits) {
  return float(int32_t((bits & 0xffff) + (bits >> 16)) - 65535) * 0x1p-16f;
}

void lora::bench::fillRandom(uint64_t seed, std::string_view name,
                             uint64_t first, float mean, float deviation,
                             std::span<float> values) {
  // The variance of the sum is 1 / 6.
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
