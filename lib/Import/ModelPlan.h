//===- ModelPlan.h - The blocks of a model ----------------------*- C++ -*-===//
//
// The plan lists the parameters that the importer searches for in a checkpoint,
// and for which the builder makes functions. Both use this one list, so they
// cannot disagree.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_IMPORT_MODELPLAN_H
#define LORA_MLIR_LIB_IMPORT_MODELPLAN_H

#include "lora-mlir/Import/ModelConfig.h"
#include "lora-runtime/Numeric.h"
#include "llvm/ADT/SmallVector.h"

namespace lora {

/// How the value of a slot is computed from the checkpoint's tensor.
enum class ParameterForm {
  /// The tensor itself.
  Plain,
  /// Conv1D's [in, out], transposed.
  Conv1D,
  /// 1 + the tensor, in f32: Gemma's norms.
  OnePlus,
};

/// A parameter of a block, named relative to the block.
struct Parameter {
  std::string name;
  /// The shape in the checkpoint.
  llvm::SmallVector<int64_t, 2> shape;
  ParameterForm form = ParameterForm::Plain;
  /// Whether it has one row for each token of the vocabulary.
  bool perToken = false;
  /// The number of rows in the checkpoint, if an adapter's vocabulary differs.
  /// The importer sets it.
  std::optional<int64_t> storedRows;
};

/// A block at a path of the tree of modules.
struct BlockPlan {
  std::string path;
  std::vector<Parameter> parameters;
  /// The types of the parameters in the checkpoint. The importer sets them.
  std::vector<lora_rt::DType> stored;
};

/// The blocks of a model, in the order of their application.
struct ModelPlan {
  BlockPlan embedding;
  /// A table of learned positions that is a block of its own (GPT-2).
  std::optional<BlockPlan> positions;
  std::vector<BlockPlan> layers;
  /// The norm after the layers (decoders).
  std::optional<BlockPlan> norm;
  /// BERT's pooler. It is required below a head for sequences; otherwise it is
  /// used if the checkpoint has it.
  std::optional<BlockPlan> pooler;
  std::optional<BlockPlan> head;

  /// Whether the head's matrix is the embedding's. The head is then applied at
  /// the path of the embedding. The importer sets it.
  bool tied = false;
  /// Whether a head for masked words, which is a block of its own, uses the
  /// embedding's matrix. The importer sets it.
  bool sharesTable = false;
  /// F32 or BF16.
  lora_rt::DType computeType = lora_rt::DType::F32;
};

/// The blocks that a configuration requires.
ModelPlan planModel(const ModelConfig &config);

} // namespace lora

#endif // LORA_MLIR_LIB_IMPORT_MODELPLAN_H
