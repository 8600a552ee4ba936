//===- CheckpointNames.cpp - Parameters by their tensors' names -----------===//
//
// transformers loads a checkpoint of LlamaModel into LlamaForCausalLM and the
// other way round; the names differ by the prefix "model.".
//
//===----------------------------------------------------------------------===//

#include "CheckpointNames.h"

using namespace lora_rt;

static constexpr std::string_view prefix = "model.";

const TensorView *lora::findTensor(const Checkpoint &checkpoint,
                                   std::string_view name) {
  if (const TensorView *tensor = checkpoint.find(name))
    return tensor;
  if (name.starts_with(prefix))
    return checkpoint.find(name.substr(prefix.size()));
  return checkpoint.find(std::string(prefix) + std::string(name));
}

const TensorView *lora::resolveTensor(const Checkpoint &checkpoint,
                                      std::string_view name) {
  if (const TensorView *tensor = findTensor(checkpoint, name))
    return tensor;
  if (name == "lm_head.weight")
    return findTensor(checkpoint, "model.embed_tokens.weight");
  if (name == "model.embed_tokens.weight" || name == "embed_tokens.weight")
    return findTensor(checkpoint, "lm_head.weight");
  return nullptr;
}

Expected<const TensorView *> lora::getTensor(const Checkpoint &checkpoint,
                                             std::string_view name) {
  if (const TensorView *tensor = resolveTensor(checkpoint, name))
    return tensor;
  return checkpoint.get(name);
}
