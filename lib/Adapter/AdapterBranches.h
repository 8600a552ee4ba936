//===- AdapterBranches.h - An adapter as pairs of factors -------*- C++ -*-===//
//
// The form in which adapters are added, truncated and converted: for each layer
// A, B and the scale that PEFT's rules give it. No model is needed.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_ADAPTER_ADAPTERBRANCHES_H
#define LORA_MLIR_LIB_ADAPTER_ADAPTERBRANCHES_H

#include "LowRank.h"
#include "lora-mlir/Import/PeftAdapter.h"

#include <map>
#include <set>

namespace lora {

/// The branch B diag(scale) A of a layer. For an embedding, PEFT's A is [rank,
/// vocabulary] and B [width, rank]; the table changes by the transpose of the
/// product.
struct AdapterBranch {
  std::string target;
  bool embedding = false;
  const lora_rt::TensorView *a = nullptr, *b = nullptr;
  double scale = 0;

  int64_t rank() const { return a->shape[0]; }
  int64_t out() const { return b->shape[0]; }
  int64_t in() const { return a->shape[1]; }
  /// The names of A and B below the path of the layer.
  const char *nameOfA() const {
    return embedding ? "lora_embedding_A" : "lora_A.weight";
  }
  const char *nameOfB() const {
    return embedding ? "lora_embedding_B" : "lora_B.weight";
  }
};

struct BranchedAdapter {
  peft::PeftAdapter adapter;
  /// In bytewise order of the layers' paths.
  std::vector<AdapterBranch> branches;
  /// The names of the tensors that are neither A nor B.
  std::vector<std::string> others;

  /// Fails if A and B do not fit, or if a layer has tensors but is not
  /// targeted.
  static lora_rt::Expected<BranchedAdapter> open(const std::string &folder);

  /// The reason why the adapter is not a sum of W and branches; empty if it is
  /// one.
  std::string nonlinearity() const;
};

/// A tensor's values as a matrix.
lora_rt::Expected<DenseMatrix> toMatrix(const lora_rt::TensorView &tensor);

/// The values of B and A, without the scale.
lora_rt::Expected<Factors> factorsOf(const AdapterBranch &branch);

/// The rank and the alpha of a layer.
struct TargetRank {
  std::string path;
  int64_t rank = 0;
  double alpha = 0;
};

/// The config of an adapter with exactly these layers, each with the scale
/// alpha / rank. It is `text` with r, lora_alpha, the patterns and the targets
/// set. Keys that would select other layers, or another initialization, are
/// removed. `where` is for messages.
lora_rt::Expected<peft::PeftConfig>
configFor(const std::string &text, const std::vector<TargetRank> &targets,
          const std::string &where);

/// Sets keys of a JSON object; the values are JSON.
std::string withKeys(const std::string &text,
                     const std::map<std::string, std::string> &values);

/// A text as JSON; bytes that are not UTF-8 are replaced.
std::string quoted(const std::string &text);

/// A matrix rounded to f32, as a tensor to write.
peft::AdapterTensor makeTensor(const std::string &name,
                               const DenseMatrix &matrix);

} // namespace lora

#endif // LORA_MLIR_LIB_ADAPTER_ADAPTERBRANCHES_H
