//===- FamilySettings.cpp - Sizes and settings by family ------------------===//
//
// Reads the keys of each kind of family: those with RMSNorm, rotary positions
// and a gated feed-forward layer (Llama, Mistral, Qwen, Gemma, Phi-3); GPT-2,
// which has names of its own for sizes; BERT and RoBERTa. Then the layers whose
// attention has a window, by the rules of transformers' families.
//
//===----------------------------------------------------------------------===//

#include "ConfigParts.h"

#include <algorithm>
#include <cmath>

using namespace lora;
using namespace lora_rt;

//===----------------------------------------------------------------------===//
// Llama, Mistral, Qwen, Gemma, Phi-3
//===----------------------------------------------------------------------===//

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

//===----------------------------------------------------------------------===//
// GPT-2
//===----------------------------------------------------------------------===//

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

//===----------------------------------------------------------------------===//
// BERT and RoBERTa
//===----------------------------------------------------------------------===//

static void refuseDecoders(ConfigReader &reader) {
  if (!reader.isUnset("is_decoder"))
    reader.unsupported("is_decoder = ", show(*reader.find("is_decoder")),
                       " is not supported: attention of encoders sees all "
                       "tokens");
  if (reader.isUnset("position_embedding_type"))
    return;
  std::string kind = reader.text("position_embedding_type");
  if (kind != "absolute")
    reader.unsupported("position_embedding_type '", kind,
                       "' is not supported; supported is: absolute");
}

/// The positions of RoBERTa begin after the row of padding.
static void readPositions(ConfigContext &context) {
  auto &[reader, traits, config, where] = context;
  reader.refuseNull("max_position_embeddings");
  config.positionRows =
      reader.size("max_position_embeddings", maxIndex, traits.maxPositions);
  config.maxPositions = config.positionRows;
  if (config.family != ModelFamily::Roberta || reader.failed())
    return;
  if (!config.padTokenId)
    return reader.invalid("pad_token_id: expected a token id, because "
                          "positions are counted from it, but got ",
                          reader.find("pad_token_id")
                              ? show(*reader.find("pad_token_id"))
                              : "null");
  config.positionOffset = *config.padTokenId + 1;
  config.maxPositions = config.positionRows - config.positionOffset;
  if (config.maxPositions < 1)
    reader.invalid("max_position_embeddings: expected more than ",
                   config.positionOffset,
                   ", because positions begin after pad_token_id, but got ",
                   config.positionRows);
}

void lora::readEncoder(ConfigContext &context) {
  auto &[reader, traits, config, where] = context;
  refuseDecoders(reader);
  config.hiddenSize = reader.size("hidden_size", maxWidth);
  config.intermediateSize = reader.size("intermediate_size", maxWidth);
  config.layers.resize(size_t(reader.size("num_hidden_layers", maxLayers)));
  config.heads = reader.size("num_attention_heads", maxWidth);
  readPositions(context);
  reader.refuseNull("type_vocab_size");
  config.tokenTypes = reader.size("type_vocab_size", maxIndex, 2);
  if (reader.failed())
    return;
  if (config.hiddenSize % config.heads)
    return reader.invalid("hidden_size ", config.hiddenSize,
                          " is not a multiple of num_attention_heads ",
                          config.heads);
  config.kvHeads = config.heads;
  config.headDim = config.hiddenSize / config.heads;
  config.attentionScale = std::pow(double(config.headDim), -0.5);
  reader.refuseNull("layer_norm_eps");
  config.normEps = reader.positive("layer_norm_eps", traits.normEps);
  readActivation(context, "hidden_act", MLPActivation::GeluErf);
  config.qkvBias = config.outputBias = config.mlpBias = true;
}

//===----------------------------------------------------------------------===//
// Windows of layers
//===----------------------------------------------------------------------===//

/// The layers with a window by `layer_types`; nullopt if the key is absent.
static std::optional<std::vector<bool>> readTypes(ConfigContext &context) {
  auto &[reader, traits, config, where] = context;
  const Json *types = reader.find("layer_types");
  if (!types)
    return std::nullopt;
  std::vector<bool> sliding(config.layers.size(), false);
  if (!types->is_array() || types->size() != sliding.size()) {
    reader.invalid("layer_types: expected a list of ", sliding.size(),
                   " kinds of layers, but got ", show(*types));
    return sliding;
  }
  for (size_t i = 0; i < sliding.size(); ++i) {
    const Json &type = (*types)[i];
    if (type == "sliding_attention")
      sliding[i] = true;
    // An old name of full_attention.
    else if (type != "full_attention" && type != "attention")
      reader.unsupported("layer_types: layer ", i, " is ", show(type),
                         "; supported are: full_attention, sliding_attention");
  }
  return sliding;
}

/// Qwen: layers from `max_window_layers` on have a window, if that is enabled.
static std::vector<bool> qwenRule(ConfigContext &context) {
  auto &[reader, traits, config, where] = context;
  int64_t first = 28;
  reader.refuseNull("max_window_layers");
  if (const Json *value = reader.find("max_window_layers")) {
    if (!isIndex(*value))
      reader.invalid("max_window_layers: expected a whole number, but got ",
                     show(*value));
    else
      first = value->get<int64_t>();
  }
  std::vector<bool> sliding(config.layers.size());
  for (size_t i = 0; i < sliding.size(); ++i)
    sliding[i] = int64_t(i) >= first;
  return sliding;
}

/// Gemma: each `pattern`-th layer has full attention.
static std::vector<bool> gemmaRule(ConfigContext &context) {
  auto &[reader, traits, config, where] = context;
  size_t pattern = 2;
  if (config.family == ModelFamily::Gemma3) {
    reader.refuseNull("sliding_window_pattern");
    pattern = size_t(reader.size("sliding_window_pattern", maxIndex, 6));
  }
  std::vector<bool> sliding(config.layers.size());
  for (size_t i = 0; i < sliding.size(); ++i)
    sliding[i] = (i + 1) % pattern != 0;
  return sliding;
}

/// The window; 0 for none.
static int64_t readWindow(ConfigReader &reader, int64_t absent) {
  return reader.size("sliding_window", maxIndex,
                     reader.contains("sliding_window") ? 0 : absent);
}

void lora::readLayerWindows(ConfigContext &context) {
  auto &[reader, traits, config, where] = context;
  std::vector<bool> sliding(config.layers.size(), true);
  int64_t window = 0;
  std::string_view without = "sliding_window is null";
  switch (config.family) {
  case ModelFamily::Mistral:
    window = readWindow(reader, 4096);
    break;
  case ModelFamily::Phi3:
    window = readWindow(reader, 0);
    break;
  case ModelFamily::Qwen2:
  case ModelFamily::Qwen3: {
    bool mayNot = !reader.flag("use_sliding_window", false);
    window = readWindow(reader, 4096);
    if (mayNot) {
      window = 0;
      without = "use_sliding_window is false";
    }
    std::optional<std::vector<bool>> types = readTypes(context);
    std::vector<bool> rule = qwenRule(context);
    sliding = types    ? *types
              : window ? rule
                       : std::vector<bool>(config.layers.size(), false);
    break;
  }
  case ModelFamily::Gemma2:
  case ModelFamily::Gemma3: {
    window = readWindow(reader, 4096);
    std::optional<std::vector<bool>> types = readTypes(context);
    std::vector<bool> rule = gemmaRule(context);
    sliding = types.value_or(rule);
    break;
  }
  default:
    return;
  }
  bool mayBeNull = config.family == ModelFamily::Mistral ||
                   config.family == ModelFamily::Phi3;
  for (size_t i = 0; i < sliding.size() && !reader.failed(); ++i) {
    if (!sliding[i])
      continue;
    if (!window && !mayBeNull)
      return reader.unsupported("layer ", i, " is sliding_attention, but ",
                                without,
                                "; give a window, or set layer_types "
                                "to full_attention");
    if (window)
      config.layers[i].window = window;
    if (config.family == ModelFamily::Gemma3)
      config.layers[i].rope = 1;
  }
}

void lora::limitToWindows(ConfigContext &context) {
  auto &[reader, traits, config, where] = context;
  if (config.causal)
    return;
  int64_t smallest = 0;
  for (LayerConfig &layer : config.layers)
    if (layer.window) {
      smallest = smallest ? std::min(smallest, *layer.window) : *layer.window;
      layer.window.reset();
    }
  // In transformers: |i - j| <= window.
  if (!smallest || smallest >= config.maxPositions - 1)
    return;
  config.maxPositions = smallest + 1;
  context.warn("is_causal is false, and sliding_window is " +
               std::to_string(smallest) +
               ": windows to both sides are not supported, so the model takes "
               "up to " +
               std::to_string(config.maxPositions) +
               " tokens, which all see each other");
}
