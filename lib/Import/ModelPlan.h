//===- ModelPlan.h - The blocks of a model and their parameters -*- C++ -*-===//
//
// What the importer looks for in a checkpoint, and what the builder makes
// functions of: one list, so that they cannot disagree.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_IMPORT_MODELPLAN_H
#define LORA_MLIR_LIB_IMPORT_MODELPLAN_H

#include "lora-mlir/Import/ModelConfig.h"
#include "lora-runtime/Numeric.h"
#include "llvm/ADT/SmallVector.h"

namespace lora {

/// How a slot's value is made of the checkpoint's tensor.
enum class ParameterForm {
  /// The tensor itself.
  Plain,
  /// Conv1D's [in, out], transposed.
  Conv1D,
  /// 1 + the tensor, in f32: Gemma's norms.
  OnePlus,
};

/// A parameter of a block, named relative to it.
struct Parameter {
  std::string name;
  /// As the checkpoint has it.
  llvm::SmallVector<int64_t, 2> shape;
  ParameterForm form = ParameterForm::Plain;
  /// Whether there is a row for each token of the vocabulary.
  bool perToken = false;
  /// The rows that the checkpoint has, where an adapter's vocabulary is
  /// another; the importer sets it.
  std::optional<int64_t> storedRows;
};

/// A block at a place of the module tree.
struct BlockPlan {
  std::string path;
  std::vector<Parameter> parameters;
  /// The types that the checkpoint has the parameters in; the importer sets
  /// them.
  std::vector<lora_rt::DType> stored;
};

/// The blocks of a model, in the order of their application.
struct ModelPlan {
  BlockPlan embedding;
  /// A table of learned positions that is a block by itself (GPT-2).
  std::optional<BlockPlan> positions;
  std::vector<BlockPlan> layers;
  /// The norm after the layers (decoders).
  std::optional<BlockPlan> norm;
  /// BERT's pooler: required below a head for sequences, otherwise used where
  /// the checkpoint has it.
  std::optional<BlockPlan> pooler;
  std::optional<BlockPlan> head;

  /// Whether the head's matrix is the embedding's; `head` then stands at the
  /// embedding's path. The importer decides.
  bool tied = false;
  /// Whether a head for masked words, which is a block by itself, has the
  /// embedding's matrix. The importer decides.
  bool sharesTable = false;
  /// F32 or BF16.
  lora_rt::DType computeType = lora_rt::DType::F32;
};

/// The blocks that a configuration calls for.
ModelPlan planModel(const ModelConfig &config);

} // namespace lora

#endif // LORA_MLIR_LIB_IMPORT_MODELPLAN_H
