//===- LayerWindows.cpp - The attention window of each layer --------------===//
//
// The rules by which transformers' families choose the layers whose attention
// has a window: all layers (Mistral, Phi-3), those of `layer_types`, or those
// of a rule if this key is absent.
//
//===----------------------------------------------------------------------===//

#include "ConfigParts.h"

#include <algorithm>

using namespace lora;
using namespace lora_rt;

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
