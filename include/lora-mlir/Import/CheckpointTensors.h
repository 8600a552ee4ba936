//===- CheckpointTensors.h - The tensors of a checkpoint --------*- C++ -*-===//
//
// Lists the tensors that the importer looks for, for programs that write
// checkpoints. The list comes from the plan that the importer uses.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_IMPORT_CHECKPOINTTENSORS_H
#define LORA_MLIR_IMPORT_CHECKPOINTTENSORS_H

#include "lora-mlir/Import/ModelConfig.h"

namespace lora {

/// A tensor of a checkpoint, by its name in transformers' tree of modules.
struct CheckpointTensor {
  /// What the tensor is in the model.
  enum class Kind {
    /// Rows that are selected by indices: tokens, positions, token types.
    Table,
    /// [out, in].
    Linear,
    /// [in, out] (GPT-2).
    Conv1D,
    /// Multiplies a normalized row.
    Norm,
    /// One less than the factor of a normalized row (Gemma).
    NormLessOne,
    Bias,
  };
  /// The full name: "model.layers.0.self_attn.q_proj.weight".
  std::string name;
  std::vector<int64_t> shape;
  Kind kind = Kind::Linear;
  /// The name within its layer ("self_attn.q_proj.weight"); empty for tensors
  /// outside of layers.
  std::string nameInLayer;
  /// Whether this is the token embedding and also the matrix of the head.
  bool isTiedHead = false;

  bool isMatrix() const { return kind == Kind::Linear || kind == Kind::Conv1D; }
  int64_t outputs() const { return shape[kind == Kind::Conv1D ? 1 : 0]; }
  int64_t inputs() const { return shape[kind == Kind::Conv1D ? 0 : 1]; }
  /// The product of the dimensions.
  int64_t elements() const;
};

/// The tensors of a model, in the order of their use. A head that is tied to
/// the embedding has no matrix of its own.
std::vector<CheckpointTensor> checkpointTensors(const ModelConfig &config);

} // namespace lora

#endif // LORA_MLIR_IMPORT_CHECKPOINTTENSORS_H
