//===- DecoderConfig.cpp - Settings of the Llama and Gemma families -------===//
//
// Reads the keys of models with RMSNorm, rotary positions and a gated
// feed-forward layer: Llama, Mistral, Qwen 2 and 3, Gemma 2 and 3, Phi-3.
//
//===----------------------------------------------------------------------===//

#include "ConfigParts.h"

#include <cmath>

using namespace lora;

static void readHeads(ConfigContext &context) {
  auto &[reader, traits, config, where] = context;
  config.heads = reader.size("num_attention_heads", maxWidth);
  if (config.isGemma())
    reader.refuseNull("num_key_value_heads");
  int64_t absent = reader.contains("num_key_value_heads") || !traits.kvHeads
                       ? config.heads
                       : traits.kvHeads;
  config.kvHeads = reader.size("num_key_value_heads", maxWidth, absent);
  // Only these two families have the key in their configuration class and
  // permit null.
  if (config.family != ModelFamily::Llama &&
      config.family != ModelFamily::Mistral)
    reader.refuseNull("head_dim");
  const lora_rt::Json *dim = reader.find("head_dim");
  // Mistral uses Python's `or`: a zero means the same as an absent key.
  config.headDim = config.family == ModelFamily::Mistral && dim && *dim == 0
                       ? 0
                       : reader.size("head_dim", maxWidth, traits.headDim);
  if (reader.failed())
    return;
  if (config.heads % config.kvHeads)
    return reader.invalid("num_attention_heads ", config.heads,
                          " is not a multiple of num_key_value_heads ",
                          config.kvHeads,
                          reader.contains("num_key_value_heads")
                              ? ""
                              : " (the value of an absent key)");
  if (!config.headDim) {
    if (config.hiddenSize % config.heads)
      return reader.invalid(
          "head_dim is missing, and hidden_size ", config.hiddenSize,
          " is not a multiple of num_attention_heads ", config.heads);
    config.headDim = config.hiddenSize / config.heads;
  }
  if (config.headDim > maxWidth / config.heads)
    reader.invalid("num_attention_heads ", config.heads, " times head_dim ",
                   config.headDim, " is above ", maxWidth);
}

static void readBiases(ConfigContext &context) {
  auto &[reader, traits, config, where] = context;
  switch (config.family) {
  case ModelFamily::Llama:
    config.mlpBias = reader.flag("mlp_bias", false);
    [[fallthrough]];
  case ModelFamily::Qwen3:
  case ModelFamily::Gemma2:
  case ModelFamily::Gemma3:
    config.qkvBias = config.outputBias = reader.flag("attention_bias", false);
    break;
  case ModelFamily::Qwen2:
    config.qkvBias = true;
    break;
  default:
    break;
  }
  config.qkNorm = config.family == ModelFamily::Qwen3 ||
                  config.family == ModelFamily::Gemma3;
}

/// Reads the scale of scores, and the bounds of scores and logits.
static void readGemma(ConfigContext &context) {
  auto &[reader, traits, config, where] = context;
  reader.refuseNull("query_pre_attn_scalar");
  config.attentionScale =
      std::pow(reader.positive("query_pre_attn_scalar", 256.0), -0.5);
  bool isSecond = config.family == ModelFamily::Gemma2;
  auto absent = [&](double value) {
    return isSecond ? std::optional(value) : std::nullopt;
  };
  config.attentionSoftcap =
      reader.positiveOrNull("attn_logit_softcapping", absent(50));
  std::optional<double> logits =
      reader.positiveOrNull("final_logit_softcapping", absent(30));
  // Classification heads do not bound their results.
  if (config.head == ModelHead::LanguageModel)
    config.logitSoftcap = logits;
}

void lora::readDecoder(ConfigContext &context) {
  auto &[reader, traits, config, where] = context;
  config.hiddenSize = reader.size("hidden_size", maxWidth);
  config.intermediateSize = reader.size("intermediate_size", maxWidth);
  config.layers.resize(size_t(reader.size("num_hidden_layers", maxLayers)));
  reader.refuseNull("max_position_embeddings");
  config.maxPositions =
      reader.size("max_position_embeddings", maxIndex, traits.maxPositions);
  readHeads(context);
  if (reader.failed()) // The code below allocates by these values.
    return;
  reader.refuseNull("rms_norm_eps");
  config.normEps = reader.positive("rms_norm_eps", traits.normEps);
  config.attentionScale = std::pow(double(config.headDim), -0.5);
  if (config.isGemma()) {
    readGemma(context);
    // transformers does not read Gemma's `hidden_act`.
    readActivation(context, "hidden_activation", MLPActivation::GeluTanh);
  } else {
    readActivation(context, "hidden_act", MLPActivation::Silu);
  }
  readBiases(context);
  readLayerWindows(context);
  if (!reader.failed())
    readRopes(context);
}
