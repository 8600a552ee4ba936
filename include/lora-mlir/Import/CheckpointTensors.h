//===- CheckpointTensors.h - What a checkpoint must hold --------*- C++ -*-===//
//
// The tensors that the importer looks for, for whoever makes a checkpoint
// rather than reads one. They come from the plan that the importer follows.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_IMPORT_CHECKPOINTTENSORS_H
#define LORA_MLIR_IMPORT_CHECKPOINTTENSORS_H

#include "lora-mlir/Import/ModelConfig.h"

namespace lora {

/// A tensor of a checkpoint, by its name in the Hugging Face module tree.
struct CheckpointTensor {
  enum class Kind {
    /// Rows that indices pick: words, positions, token types.
    Table,
    /// [out, in].
    Linear,
    /// [in, out] (GPT-2).
    Conv1D,
    /// Multiplies a normalized row.
    Norm,
    /// One less than what multiplies a normalized row (Gemma).
    NormLessOne,
    Bias,
  };
  std::string name;
  std::vector<int64_t> shape;
  Kind kind = Kind::Linear;
  /// The name within its layer ("self_attn.q_proj.weight"); empty for tensors
  /// outside the layers.
  std::string nameInLayer;
  /// The table of words, when it is the matrix of the head, too.
  bool isTiedHead = false;

  bool isMatrix() const { return kind == Kind::Linear || kind == Kind::Conv1D; }
  int64_t outputs() const { return shape[kind == Kind::Conv1D ? 1 : 0]; }
  int64_t inputs() const { return shape[kind == Kind::Conv1D ? 0 : 1]; }
  int64_t elements() const;
};

/// The tensors of a model, in the order of their use. A head whose matrix is
/// the embedding has none of its own.
std::vector<CheckpointTensor> checkpointTensors(const ModelConfig &config);

} // namespace lora

#endif // LORA_MLIR_IMPORT_CHECKPOINTTENSORS_H
