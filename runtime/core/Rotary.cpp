//===- Rotary.cpp - Frequencies of rotary positions -----------------------===//
//
// Computes the frequencies with the types and in the order of transformers.
// This file is compiled without contraction of products and sums into fused
// multiply-adds, because torch rounds both.
//
//===----------------------------------------------------------------------===//

#include "lora-runtime/Rotary.h"

#include <cmath>

namespace lora_rt {

std::vector<float> rotaryFrequencies(double theta, int64_t width) {
  std::vector<float> result;
  for (int64_t i = 0; i < width; i += 2) {
    float exponent = float(i) / float(width);
    float power = float(std::pow(double(float(theta)), double(exponent)));
    result.push_back(1.0f / power);
  }
  return result;
}

std::vector<float> dynamicFrequencies(double theta, double factor,
                                      int64_t switchLength, int64_t width,
                                      int64_t tokens) {
  // In transformers the length is a tensor. So steps that use it are f32, and
  // steps without it are f64.
  float stretch = float(factor) * float(tokens);
  stretch /= float(switchLength);
  stretch -= float(factor - 1);
  double exponent = double(width) / double(width - 2);
  float power = float(std::pow(double(stretch), exponent));
  return rotaryFrequencies(float(theta) * power, width);
}

} // namespace lora_rt
