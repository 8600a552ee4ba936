//===- Mlx.h - Adapters of mlx-lm -------------------------------*- C++ -*-===//
//
// A folder with adapters.safetensors and an adapter_config.json of its own keys
// (github.com/ml-explore/mlx-lm, mlx_lm/tuner). A linear layer computes y = x
// Wᵀ + scale * ((x lora_a) lora_b) with lora_a [in, r] and lora_b [r, out].
// Both are the transposes of PEFT's matrices, and `scale` is not divided by r.
// DoRA's magnitude is `m` [out]. An embedding has lora_a [vocabulary, r] and
// lora_b [r, width]. Its branch also applies to the head if the model ties the
// two.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_ADAPTER_MLX_H
#define LORA_MLIR_LIB_ADAPTER_MLX_H

#include "Loralib.h"
#include "lora-mlir/Adapter/Models.h"
#include "lora-mlir/Import/PeftAdapter.h"

namespace lora {

/// An adapter of mlx-lm in PEFT's terms.
struct MlxAdapter {
  std::vector<TargetFactors> targets;
  bool dora = false;
  /// The name of the model in adapter_config.json; may be empty.
  std::string model;
};

/// Reads a folder. Fails, with a reason, if PEFT has no form for the adapter.
lora_rt::Expected<MlxAdapter> readMlx(const ConvertOptions &options,
                                      const Reporting &reporting);

/// Writes a folder. mlx-lm has one rank and one scale for all layers. So ranks
/// are padded to the largest one, and other scales are multiplied into B.
lora_rt::Error writeMlx(std::vector<TargetFactors> targets,
                        const peft::PeftConfig &config,
                        const ConvertOptions &options);

/// Adds rows of zeros to A and columns of zeros to B.
lora_rt::Error padRank(TargetFactors &target, int64_t rank);

/// The transpose.
lora_rt::Expected<DenseMatrix> transposed(const DenseMatrix &matrix);

} // namespace lora

#endif // LORA_MLIR_LIB_ADAPTER_MLX_H
