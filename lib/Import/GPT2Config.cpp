//===- GPT2Config.cpp - Settings of GPT-2 ---------------------------------===//
//
// GPT-2 has its own names for sizes. The names of other families are accepted,
// too (transformers' attribute_map).
//
//===----------------------------------------------------------------------===//

#include "ConfigParts.h"

#include <cmath>

using namespace lora;
using namespace lora_rt;

/// The name of a size that is present, of its two names.
static std::string_view pick(ConfigReader &reader, std::string_view own,
                             std::string_view common) {
  const Json *first = reader.find(own), *second = reader.find(common);
  if (first && second && *first != *second)
    reader.invalid(own, " is ", show(*first), ", but ", common, " is ",
                   show(*second), "; they name the same size");
  return !first && second ? common : own;
}

void lora::readGPT2(ConfigContext &context) {
  auto &[reader, traits, config, where] = context;
  config.hiddenSize =
      reader.size(pick(reader, "n_embd", "hidden_size"), maxWidth);
  config.heads =
      reader.size(pick(reader, "n_head", "num_attention_heads"), maxWidth);
  config.layers.resize(size_t(
      reader.size(pick(reader, "n_layer", "num_hidden_layers"), maxLayers)));
  std::string_view positions =
      pick(reader, "n_positions", "max_position_embeddings");
  reader.refuseNull(positions);
  config.maxPositions = reader.size(positions, maxIndex, traits.maxPositions);
  config.positionRows = config.maxPositions;
  if (reader.failed())
    return;
  config.intermediateSize =
      reader.size("n_inner", maxWidth, 4 * config.hiddenSize);
  if (config.hiddenSize % config.heads)
    return reader.invalid("n_embd ", config.hiddenSize,
                          " is not a multiple of n_head ", config.heads);
  if (config.hiddenSize > maxWidth / 4)
    return reader.invalid("n_embd: expected a whole number from 1 to ",
                          maxWidth / 4, ", but got ", config.hiddenSize);
  config.kvHeads = config.heads;
  config.headDim = config.hiddenSize / config.heads;
  reader.refuseNull("layer_norm_epsilon");
  config.normEps = reader.positive("layer_norm_epsilon", traits.normEps);
  readActivation(context, "activation_function", MLPActivation::GeluTanh);
  config.attentionScale = reader.flag("scale_attn_weights", true)
                              ? std::pow(double(config.headDim), -0.5)
                              : 1.0;
  if (!reader.isUnset("scale_attn_by_inverse_layer_idx"))
    reader.unsupported("scale_attn_by_inverse_layer_idx = true is not "
                       "supported");
  config.qkvBias = config.outputBias = config.mlpBias = true;
}
