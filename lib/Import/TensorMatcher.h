//===- TensorMatcher.h - Parameters and the tensors of a file ---*- C++ -*-===//
//
// Matches the parameters that a configuration requires with the tensors of a
// checkpoint. Every parameter must be there with the right shape. Every tensor
// that is not used is named in a warning.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_IMPORT_TENSORMATCHER_H
#define LORA_MLIR_LIB_IMPORT_TENSORMATCHER_H

#include "ModelPlan.h"
#include "lora-runtime/Checkpoint.h"

#include <map>
#include <set>

namespace lora {

class TensorMatcher {
public:
  /// `vocabulary` is that of config.json; an adapter's may differ.
  TensorMatcher(const ModelConfig &config, int64_t vocabulary,
                const lora_rt::Checkpoint &checkpoint,
                const std::set<std::string> &provided)
      : config(config), vocabulary(vocabulary), checkpoint(checkpoint),
        provided(provided) {}

  /// Finds the tensor of each parameter of the plan, and records which are
  /// missing.
  void match(ModelPlan &plan);

  /// The compute type that follows from the type of most elements.
  lora_rt::DType preferredType() const;

  std::string unusedTensors() const;

  lora_rt::Error takeError();

private:
  /// The name of the first missing parameter in the file of a wrapped model,
  /// and what to do; empty if there is no such name.
  std::string wrappedName() const;

  void match(BlockPlan &block);
  /// Matches the embedding and the head, which may be one tensor.
  void matchEmbedding(ModelPlan &plan);
  /// Whether the checkpoint has any tensor of the block.
  bool hasAny(const BlockPlan &block) const;
  /// The tensor of a parameter. Records an error if there are two with
  /// different values.
  const lora_rt::TensorView *find(const std::string &name);
  lora_rt::DType use(const std::string &name, Parameter &parameter,
                     const lora_rt::TensorView *tensor);
  /// Whether a tensor is a buffer of old checkpoints that follows from the
  /// configuration.
  bool isComputed(const lora_rt::TensorView &tensor) const;

  const ModelConfig &config;
  int64_t vocabulary;
  const lora_rt::Checkpoint &checkpoint;
  const std::set<std::string> &provided;
  std::set<std::string_view> used, counted;
  std::map<lora_rt::DType, int64_t> elements;
  std::vector<std::string> missing;
  lora_rt::Error error;
};

} // namespace lora

#endif // LORA_MLIR_LIB_IMPORT_TENSORMATCHER_H
