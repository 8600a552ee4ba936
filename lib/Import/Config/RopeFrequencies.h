//===- RopeFrequencies.h - Formulas of rotary positions ---------*- C++ -*-===//
//
// The formulas of transformers' modeling_rope_utils.py. Tensors there are f32,
// so each step is rounded to f32, and numbers of the configuration are rounded
// to f32 before they are combined with a tensor. The power is rounded
// correctly, which is within one unit in the last place of every torch kernel.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_IMPORT_CONFIG_ROPEFREQUENCIES_H
#define LORA_MLIR_LIB_IMPORT_CONFIG_ROPEFREQUENCIES_H

#include "lora-mlir/Import/ModelConfig.h"

namespace lora {

/// Positions divided by `factor` (Chen et al. 2023, section 2.3).
std::vector<float> linearFrequencies(double theta, int64_t width,
                                     double factor);

struct YarnSettings {
  double factor = 1, original = 1, betaFast = 32, betaSlow = 1;
  bool truncate = true;
};
/// Peng et al. 2023, section 3.2 ("NTK-by-parts").
std::vector<float> yarnFrequencies(double theta, int64_t width,
                                   const YarnSettings &settings);

struct Llama3Settings {
  double factor = 1, original = 1, lowFactor = 1, highFactor = 4;
};
/// Long wavelengths are stretched, short ones are kept, and those between are
/// blended (Llama 3.1's reference code, apply_scaling).
std::vector<float> llama3Frequencies(double theta, int64_t width,
                                     const Llama3Settings &settings);

/// Each pair has its own factor (Ding et al. 2024, section 3).
std::vector<float> longropeFrequencies(double theta, int64_t width,
                                       const std::vector<double> &factors);

} // namespace lora

#endif // LORA_MLIR_LIB_IMPORT_CONFIG_ROPEFREQUENCIES_H
