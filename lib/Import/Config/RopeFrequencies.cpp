//===- RopeFrequencies.cpp - Formulas of rotary positions -----------------===//
//
// This file is compiled without contraction of products and sums, because torch
// rounds both.
//
//===----------------------------------------------------------------------===//

#include "RopeFrequencies.h"
#include "lora-runtime/Rotary.h"

#include <algorithm>
#include <cmath>

using namespace lora;

/// theta^(2i/width), i < width/2.
static std::vector<float> powers(double theta, int64_t width) {
  std::vector<float> result;
  for (int64_t i = 0; i < width; i += 2) {
    float exponent = float(i) / float(width);
    result.push_back(float(std::pow(double(float(theta)), double(exponent))));
  }
  return result;
}

std::vector<float> lora::linearFrequencies(double theta, int64_t width,
                                           double factor) {
  std::vector<float> result = lora_rt::rotaryFrequencies(theta, width);
  for (float &value : result)
    value /= float(factor);
  return result;
}

std::vector<float> lora::yarnFrequencies(double theta, int64_t width,
                                         const YarnSettings &settings) {
  // The index of the pair that makes `rotations` turns within the original
  // length.
  auto pairOf = [&](double rotations) {
    double pi = 3.141592653589793;
    return double(width) * std::log(settings.original / (rotations * 2 * pi)) /
           (2 * std::log(theta));
  };
  double low = pairOf(settings.betaFast), high = pairOf(settings.betaSlow);
  if (settings.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, double(width - 1));
  if (low == high)
    high += 0.001;
  std::vector<float> result = powers(theta, width);
  for (size_t i = 0; i < result.size(); ++i) {
    float kept = 1.0f / result[i];
    float stretched = 1.0f / (float(settings.factor) * result[i]);
    float ramp = (float(i) - float(low)) / float(high - low);
    float share = 1.0f - std::clamp(ramp, 0.0f, 1.0f);
    result[i] = stretched * (1.0f - share) + kept * share;
  }
  return result;
}

std::vector<float> lora::llama3Frequencies(double theta, int64_t width,
                                           const Llama3Settings &settings) {
  float factor = float(settings.factor), original = float(settings.original);
  float longest = float(settings.original / settings.lowFactor);
  float shortest = float(settings.original / settings.highFactor);
  float range = float(settings.highFactor - settings.lowFactor);
  std::vector<float> result = lora_rt::rotaryFrequencies(theta, width);
  for (float &value : result) {
    // Python's `number / tensor` is the reciprocal times the number.
    float wave = (1.0f / value) * float(6.283185307179586);
    float scaled = wave > longest ? value / factor : value;
    float share =
        ((1.0f / wave) * original - float(settings.lowFactor)) / range;
    bool isBetween = !(wave < shortest) && !(wave > longest);
    value =
        isBetween ? (1.0f - share) * scaled / factor + share * scaled : scaled;
  }
  return result;
}

std::vector<float>
lora::longropeFrequencies(double theta, int64_t width,
                          const std::vector<double> &factors) {
  std::vector<float> result = powers(theta, width);
  for (size_t i = 0; i < result.size(); ++i)
    result[i] = 1.0f / (float(factors[i]) * result[i]);
  return result;
}
