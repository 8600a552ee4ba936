//===- TensorMatcher.h - Parameters and the tensors of a file ---*- C++ -*-===//
//
// Matches the parameters that a configuration calls for with the tensors of a
// checkpoint. Every parameter must be there in the right shape; every tensor
// that is left over is named.
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
  /// `vocabulary` is config.json's; an adapter's may be another.
  TensorMatcher(const ModelConfig &config, int64_t vocabulary,
                const lora_rt::Checkpoint &checkpoint,
                const std::set<std::string> &provided)
      : config(config), vocabulary(vocabulary), checkpoint(checkpoint),
        provided(provided) {}

  /// Finds the tensor of each parameter of the plan; remembers what is missing.
  void match(ModelPlan &plan);

  /// The type of most elements, as a type to compute in.
  lora_rt::DType preferredType() const;

  std::string unusedTensors() const;

  lora_rt::Error takeError();

private:
  /// What the first missing parameter is called in the file of a model that a
  /// program had wrapped, and what to do; empty if there is no such name.
  std::string wrappedName() const;

  void match(BlockPlan &block);
  /// The embedding and the head, which may be the same.
  void matchEmbedding(ModelPlan &plan);
  /// Whether there is any tensor of the block.
  bool hasAny(const BlockPlan &block) const;
  /// The tensor of a parameter; remembers a failure where there are two.
  const lora_rt::TensorView *find(const std::string &name);
  lora_rt::DType use(const std::string &name, Parameter &parameter,
                     const lora_rt::TensorView *tensor);
  /// Whether a tensor is a buffer that old checkpoints hold although it follows
  /// from the configuration.
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
