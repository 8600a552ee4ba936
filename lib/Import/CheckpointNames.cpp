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

/// The tensors with the name `name`, with the prefix of its family added or
/// removed. A name without a prefix may be that of a model without a head.
static void addPrefixed(const Checkpoint &checkpoint, std::string_view name,
                        std::vector<const TensorView *> &found) {
  auto add = [&](std::string_view candidate) {
    if (const TensorView *tensor = checkpoint.find(candidate))
      found.push_back(tensor);
  };
  add(name);
  for (std::string_view prefix : prefixes)
    if (name.starts_with(prefix)) {
      add(name.substr(prefix.size()));
      return add(std::string(prefix) + std::string(name));
    }
  for (std::string_view prefix : prefixes)
    add(std::string(prefix) + std::string(name));
}

std::string lora::decoderBiasOf(std::string_view name) {
  for (std::string_view head : {"cls.predictions.", "lm_head."})
    if (name.starts_with(head) && name.substr(head.size()) == "bias")
      return std::string(head) + "decoder.bias";
  return {};
}

std::vector<const TensorView *> lora::findTensors(const Checkpoint &checkpoint,
                                                  std::string_view name) {
  std::vector<const TensorView *> found;
  // The bias of a head for masked words has two names. transformers uses this
  // one if it is there.
  if (std::string own = decoderBiasOf(name); !own.empty()) {
    addPrefixed(checkpoint, own, found);
    if (!found.empty())
      return found;
  }
  addPrefixed(checkpoint, name, found);
  for (auto [to, from] : {std::pair(".LayerNorm.weight", ".LayerNorm.gamma"),
                          std::pair(".LayerNorm.bias", ".LayerNorm.beta")})
    if (name.ends_with(to)) {
      std::string_view stem =
          name.substr(0, name.size() - std::string_view(to).size());
      addPrefixed(checkpoint, std::string(stem) + from, found);
    }
  return found;
}

const TensorView *lora::findTensor(const Checkpoint &checkpoint,
                                   std::string_view name) {
  std::vector<const TensorView *> found = findTensors(checkpoint, name);
  return found.empty() ? nullptr : found.front();
}

/// Heads, and the embeddings to which they may be tied.
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

std::vector<std::string_view> lora::tiedNames(std::string_view name) {
  std::vector<std::string_view> names;
  for (auto [head, embedding] : ties) {
    if (name == head)
      names.push_back(embedding);
    if (name == embedding || name == embedding.substr(embedding.find('.') + 1))
      names.push_back(head);
  }
  return names;
}

const TensorView *lora::resolveTensor(const Checkpoint &checkpoint,
                                      std::string_view name) {
  if (const TensorView *tensor = findTensor(checkpoint, name))
    return tensor;
  for (std::string_view other : tiedNames(name))
    if (const TensorView *tensor = findTensor(checkpoint, other))
      return tensor;
  return nullptr;
}

Expected<const TensorView *> lora::getTensor(const Checkpoint &checkpoint,
                                             std::string_view name) {
  if (const TensorView *tensor = resolveTensor(checkpoint, name))
    return tensor;
  return checkpoint.get(name);
}
