//===- Rotary.h - Frequencies of rotary positions ---------------*- C++ -*-===//
//
// Frequencies are computed as in transformers: tensors there are f32, so each
// step is rounded to f32. The compiler and the runtime share these two
// formulas.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_ROTARY_H
#define LORA_RUNTIME_ROTARY_H

#include <cstdint>
#include <vector>

namespace lora_rt {

/// Radians per position for each rotated pair: 1 / theta^(2i/width), i <
/// width/2 (Su et al. 2021, eq. 15). The power is rounded correctly, which is
/// within one unit in the last place of every torch kernel.
std::vector<float> rotaryFrequencies(double theta, int64_t width);

/// The same for a call of `tokens` tokens, more than `switchLength`. The base
/// then grows with the length (dynamic NTK): theta (factor tokens /
/// switchLength - (factor - 1))^(width / (width - 2)).
std::vector<float> dynamicFrequencies(double theta, double factor,
                                      int64_t switchLength, int64_t width,
                                      int64_t tokens);

} // namespace lora_rt

#endif // LORA_RUNTIME_ROTARY_H
