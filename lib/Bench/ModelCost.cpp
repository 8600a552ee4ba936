//===- ModelCost.cpp - The least work that a model needs ------------------===//
//
// Counts the operations and bytes that a model needs at least, from its config
// alone: each weight is read once, each product is computed once. Comments
// have the formulas; bytes and operations are per call.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Bench/ModelCost.h"
#include "lora-mlir/Import/CheckpointTensors.h"

#include <algorithm>

using namespace lora;
using namespace lora::bench;

using Kind = CheckpointTensor::Kind;

double Work::operations() const {
  double sum = otherOperations;
  for (const MatmulWork &matmul : matmuls)
    sum += matmul.operations();
  return sum;
}

double lora::bench::leastSeconds(const Work &work, const MachineRates &rates) {
  double seconds = 0, bestRate = 0;
  for (const MatmulWork &matmul : work.matmuls) {
    double one = rates.matmulSeconds(matmul);
    double reading = double(matmul.n) * double(matmul.k) * work.elementBytes /
                     rates.bytesPerSecond;
    seconds += double(matmul.count) * std::max(one, reading);
    if (one > 0)
      bestRate =
          std::max(bestRate, matmul.operations() / double(matmul.count) / one);
  }
  if (bestRate > 0)
    seconds += work.otherOperations / bestRate;
  return seconds + work.otherBytes / rates.bytesPerSecond;
}

ModelCost::ModelCost(const ModelConfig &config, lora_rt::DType type,
                     int64_t rank)
    : config(config), elementBytes(double(lora_rt::sizeOf(type))) {
  for (const CheckpointTensor &tensor : checkpointTensors(config)) {
    allParameters += tensor.elements();
    bool isInLayer = !tensor.nameInLayer.empty();
    bool isHead =
        tensor.isTiedHead || (tensor.kind == Kind::Linear && !isInLayer);
    // An encoder is asked for its hidden states, which need no head.
    if (isHead && config.causal)
      head = {1, tensor.shape[0], tensor.shape[1], 1};
    if (!isInLayer)
      continue;
    if (!tensor.isMatrix()) {
      smallBytes += double(tensor.elements()) * elementBytes;
      continue;
    }
    MatmulWork matmul = {1, tensor.outputs(), tensor.inputs(), 1};
    adapterElements += double(rank) * double(matmul.n + matmul.k);
    auto same =
        std::find_if(matrices.begin(), matrices.end(), [&](MatmulWork &other) {
          return other.n == matmul.n && other.k == matmul.k;
        });
    if (same == matrices.end())
      matrices.push_back(matmul);
    else
      ++same->count;
  }
}

Work ModelCost::weights(int64_t tokens) const {
  Work work;
  work.elementBytes = elementBytes;
  work.otherBytes = smallBytes + adapterElements * elementBytes;
  work.otherOperations = 2 * adapterElements * double(tokens);
  work.matmuls = matrices;
  for (MatmulWork &matmul : work.matmuls)
    matmul.m = tokens;
  if (head)
    work.matmuls.push_back(*head);
  for (const MatmulWork &matmul : work.matmuls)
    work.weightBytes +=
        double(matmul.n * matmul.k) * double(matmul.count) * elementBytes;
  return work;
}

double ModelCost::keys(double context, const LayerConfig &layer) const {
  return layer.window ? std::min(context, double(*layer.window)) : context;
}

Work ModelCost::forward(int64_t tokens) const {
  Work work = weights(tokens);
  // The scores and the sum of the values are two products of headDim for each
  // key.
  double perKey = 4.0 * double(config.heads * config.headDim);
  for (const LayerConfig &layer : config.layers) {
    double pairs = 0;
    if (!config.causal)
      pairs = double(tokens) * double(tokens);
    else
      for (int64_t i = 1; i <= tokens; ++i)
        pairs += keys(double(i), layer);
    work.otherOperations += perKey * pairs;
  }
  return work;
}

Work ModelCost::step(double context) const {
  Work work = weights(1);
  for (const LayerConfig &layer : config.layers) {
    double seen = keys(context, layer);
    work.otherOperations += 4.0 * double(config.heads * config.headDim) * seen;
    work.otherBytes +=
        2.0 * double(config.kvHeads * config.headDim) * elementBytes * seen;
  }
  return work;
}
