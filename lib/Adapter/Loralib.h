//===- Loralib.h - Factors in loralib's form --------------------*- C++ -*-===//
//
// Linear and Embedding: A [r, in], B [out, r]. MergedLinear is a fused
// projection of n parts, of which `on` have a branch: A [r * on, in] has the
// branches one below the other; B [out / n * on, r] has the rows of each branch
// for its own part. That is one branch of rank r * on whose B is
// block-diagonal.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_ADAPTER_LORALIB_H
#define LORA_MLIR_LIB_ADAPTER_LORALIB_H

#include "lora-mlir/Adapter/Convert.h"
#include "lora-mlir/Support/Factorizations.h"

namespace lora {

/// The factors of one layer while an adapter is converted.
struct TargetFactors {
  std::string path;
  bool embedding = false;
  DenseMatrix a, b;
  double scale = 0;
  /// DoRA's magnitude, one number per output; empty without DoRA.
  std::vector<float> magnitude = {};

  int64_t rank() const { return a.rows(); }
};

/// Whether a layer's path is `name` or ends in "." + `name`.
bool matchesTarget(std::string_view path, std::string_view name);

/// The flags that `options` has for a layer; nullptr if it has none.
const std::vector<bool> *findFlags(const ConvertOptions &options,
                                   std::string_view target);

lora_rt::Expected<std::vector<TargetFactors>>
readLoralib(const ConvertOptions &options, ConvertReport &report);

lora_rt::Error writeLoralib(const std::vector<TargetFactors> &targets,
                            const ConvertOptions &options);

} // namespace lora

#endif // LORA_MLIR_LIB_ADAPTER_LORALIB_H
