//===- ModelCost.h - The least work that a model can be run with -*- C++ -*-==//
//
// Operations and bytes are counted from the model's shape, independently of any
// program. Measured times are compared with them.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_BENCH_MODELCOST_H
#define LORA_MLIR_BENCH_MODELCOST_H

#include "lora-mlir/Import/ModelConfig.h"
#include "lora-runtime/Numeric.h"

#include <functional>
#include <optional>

namespace lora::bench {

/// The product c[m, n] = a[m, k] b[k, n], with weights b, computed `count`
/// times.
struct MatmulWork {
  int64_t m = 0, n = 0, k = 0, count = 1;

  /// Multiplications and additions.
  double operations() const {
    return 2.0 * double(m) * double(n) * double(k) * double(count);
  }
  bool operator==(const MatmulWork &) const = default;
};

/// The least work of one call.
struct Work {
  std::vector<MatmulWork> matmuls;
  /// The bytes of the weights of all matmuls, each matrix once.
  double weightBytes = 0;
  /// The operations of attention and of unmerged adapters; and the bytes of the
  /// cache and of everything else that is read.
  double otherOperations = 0, otherBytes = 0;
  /// The bytes of one element of a weight.
  double elementBytes = 4;

  /// Multiplications and additions.
  double operations() const;
  double bytes() const { return weightBytes + otherBytes; }
  /// Operations per byte.
  double intensity() const { return operations() / bytes(); }
};

/// The measured rates of a machine.
struct MachineRates {
  /// The rate of reading memory.
  double bytesPerSecond = 0;
  /// The seconds of one matmul of a shape; 0 if only its bytes count.
  std::function<double(const MatmulWork &)> matmulSeconds;
};

/// The least time of a call on the machine, in seconds. Each matmul takes as
/// long as oneDNN's best call, or as reading its weights, whichever is longer.
/// Other operations run at the best rate among the matmuls.
double leastSeconds(const Work &work, const MachineRates &rates);

/// The shape of a model, as far as its work depends on it.
class ModelCost {
public:
  /// `rank` is that of an unmerged adapter on every linear layer of the blocks;
  /// 0 for no adapter or a merged one.
  ModelCost(const ModelConfig &config, lora_rt::DType type, int64_t rank);

  /// The work of a prompt of `tokens` tokens and the logits of the last one;
  /// for an encoder, of the final hidden states of a row.
  Work forward(int64_t tokens) const;

  /// The work of one more token after `context` tokens, and its logits.
  Work step(double context) const;

  int64_t parameters() const { return allParameters; }
  /// The matrices of the layers, those of equal shape together, with m = 1.
  const std::vector<MatmulWork> &layerMatmuls() const { return matrices; }

private:
  Work weights(int64_t tokens) const;
  /// The number of keys that a token of this layer sees.
  double keys(double context, const LayerConfig &layer) const;

  ModelConfig config;
  double elementBytes;
  int64_t allParameters = 0;
  std::vector<MatmulWork> matrices;
  std::optional<MatmulWork> head;
  /// The bytes of norms and biases.
  double smallBytes = 0;
  /// The elements of all branches: the sum of r (in + out).
  double adapterElements = 0;
};

} // namespace lora::bench

#endif // LORA_MLIR_BENCH_MODELCOST_H
