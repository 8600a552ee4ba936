//===- ModelCost.h - The least work that a model can be run with -*- C++ -*-==//
//
// Counted from the model's shape, not from what any program does: these are the
// operations and bytes that measured times are compared with.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_BENCH_MODELCOST_H
#define LORA_MLIR_BENCH_MODELCOST_H

#include "lora-mlir/Import/ModelConfig.h"
#include "lora-runtime/Numeric.h"

#include <functional>
#include <optional>

namespace lora::bench {

/// c[m, n] = a[m, k] b[k, n], b being weights, `count` times.
struct MatmulWork {
  int64_t m = 0, n = 0, k = 0, count = 1;

  double operations() const {
    return 2.0 * double(m) * double(n) * double(k) * double(count);
  }
  bool operator==(const MatmulWork &) const = default;
};

/// What one call has to do at least.
struct Work {
  std::vector<MatmulWork> matmuls;
  /// Of the matmuls' weights, each matrix once.
  double weightBytes = 0;
  /// Multiplications and additions of attention and of adapters that are not
  /// merged, and bytes of the cache and of what else has to be read.
  double otherOperations = 0, otherBytes = 0;
  /// Bytes of an element of a weight.
  double elementBytes = 4;

  double operations() const;
  double bytes() const { return weightBytes + otherBytes; }
  /// Operations per byte.
  double intensity() const { return operations() / bytes(); }
};

/// What the machine was measured to do.
struct MachineRates {
  double bytesPerSecond = 0;
  /// Seconds of one matmul of a shape; 0 where only its bytes count.
  std::function<double(const MatmulWork &)> matmulSeconds;
};

/// The least time of a call on the machine: each matmul takes as long as
/// oneDNN's best, or as reading its weights, if that is longer; other
/// operations run at the best rate among the matmuls.
double leastSeconds(const Work &work, const MachineRates &rates);

/// A model's shape, as far as its work depends on it.
class ModelCost {
public:
  /// `rank` is that of an adapter on every linear layer of the blocks which is
  /// computed beside them; 0 for none or a merged one.
  ModelCost(const ModelConfig &config, lora_rt::DType type, int64_t rank);

  /// A prompt of so many tokens, and logits of the last one; of an encoder,
  /// final hidden states of a row.
  Work forward(int64_t tokens) const;

  /// One more token behind `context` tokens, and its logits.
  Work step(double context) const;

  int64_t parameters() const { return allParameters; }
  /// The matrices of the layers that differ in shape, with m = 1.
  const std::vector<MatmulWork> &layerMatmuls() const { return matrices; }

private:
  Work weights(int64_t tokens) const;
  /// Keys that tokens see, summed over the layers.
  double keys(double context, const LayerConfig &layer) const;

  ModelConfig config;
  double elementBytes;
  int64_t allParameters = 0;
  std::vector<MatmulWork> matrices;
  std::optional<MatmulWork> head;
  /// Norms and biases.
  double smallBytes = 0;
  /// Of all branches: r (in + out).
  double adapterElements = 0;
};

} // namespace lora::bench

#endif // LORA_MLIR_BENCH_MODELCOST_H
