//===- CheckpointNames.cpp - Parameters by their tensors' names -----------===//
//
// transformers loads a checkpoint of LlamaModel into LlamaForCausalLM and the
// other way round; the names differ by the prefix "model.". Old checkpoints of
// BERT call LayerNorm's parameters gamma and beta.
//
//===----------------------------------------------------------------------===//

#include "CheckpointNames.h"

using namespace lora_rt;

static constexpr std::string_view prefixes[] = {"model.", "transformer.",
                                                "bert.", "roberta."};

/// The tensor `name`, with the prefix or without it.
static const TensorView *findPrefixed(const Checkpoint &checkpoint,
                                      std::string_view name) {
  if (const TensorView *tensor = checkpoint.find(name))
    return tensor;
  for (std::string_view prefix : prefixes)
    if (name.starts_with(prefix))
      return checkpoint.find(name.substr(prefix.size()));
  for (std::string_view prefix : prefixes)
    if (const TensorView *tensor =
            checkpoint.find(std::string(prefix) + std::string(name)))
      return tensor;
  return nullptr;
}

const TensorView *lora::findTensor(const Checkpoint &checkpoint,
                                   std::string_view name) {
  // The bias of a head for masked words has two names; where they are not tied,
  // transformers computes with the decoder's.
  for (auto [bias, used] :
       {std::pair("cls.predictions.bias", "cls.predictions.decoder.bias"),
        std::pair("lm_head.bias", "lm_head.decoder.bias")})
    if (name == bias)
      if (const TensorView *tensor = findPrefixed(checkpoint, used))
        return tensor;
  if (const TensorView *tensor = findPrefixed(checkpoint, name))
    return tensor;
  auto renamed = [&](std::string_view from,
                     std::string_view to) -> const TensorView * {
    if (!name.ends_with(from))
      return nullptr;
    std::string_view stem = name.substr(0, name.size() - from.size());
    return findPrefixed(checkpoint, std::string(stem) + std::string(to));
  };
  for (auto [from, to] : {std::pair("LayerNorm.weight", "LayerNorm.gamma"),
                          std::pair("LayerNorm.bias", "LayerNorm.beta")})
    if (const TensorView *tensor = renamed(from, to))
      return tensor;
  return nullptr;
}

/// Heads and the embeddings that they may be tied to.
static constexpr std::pair<std::string_view, std::string_view> ties[] = {
    {"lm_head.weight", "model.embed_tokens.weight"},
    {"lm_head.weight", "transformer.wte.weight"},
    {"cls.predictions.decoder.weight",
     "bert.embeddings.word_embeddings.weight"},
    {"lm_head.decoder.weight", "roberta.embeddings.word_embeddings.weight"}};

bool lora::canBeTied(std::string_view head, std::string_view embedding) {
  for (auto tie : ties)
    if (tie == std::pair(head, embedding))
      return true;
  return false;
}

const TensorView *lora::resolveTensor(const Checkpoint &checkpoint,
                                      std::string_view name) {
  if (const TensorView *tensor = findTensor(checkpoint, name))
    return tensor;
  for (auto [head, embedding] : ties) {
    if (name == head)
      if (const TensorView *tensor = findTensor(checkpoint, embedding))
        return tensor;
    if (name == embedding || name == embedding.substr(embedding.find('.') + 1))
      if (const TensorView *tensor = findTensor(checkpoint, head))
        return tensor;
  }
  return nullptr;
}

Expected<const TensorView *> lora::getTensor(const Checkpoint &checkpoint,
                                             std::string_view name) {
  if (const TensorView *tensor = resolveTensor(checkpoint, name))
    return tensor;
  return checkpoint.get(name);
}
