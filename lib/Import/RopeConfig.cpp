//===- RopeConfig.cpp - The place of rotary settings ----------------------===//
//
// Finds the settings of rotary positions in `rope_scaling` of transformers 4
// and `rope_parameters` of transformers 5, by the rules of
// RotaryEmbeddingConfigMixin and of Gemma 3's configuration.
//
//===----------------------------------------------------------------------===//

#include "RopeSource.h"

#include <algorithm>

using namespace lora;
using namespace lora_rt;

/// An object; {} if the key is absent.
static Json objectOf(ConfigReader &reader, std::string_view key) {
  const Json *value = reader.find(key);
  if (!value)
    return Json::object();
  if (!value->is_object()) {
    reader.invalid(key, ": expected an object, but got ", show(*value));
    return Json::object();
  }
  return *value;
}

/// The settings of Gemma 3 for layers with full attention, or for layers with a
/// window.
static RopeSource gemma3Source(ConfigContext &context, bool isSliding) {
  ConfigReader &reader = context.reader;
  std::string_view type = isSliding ? "sliding_attention" : "full_attention";
  RopeSource source;
  source.key = "rope_parameters: " + std::string(type);
  Json byType = objectOf(reader, "rope_parameters");
  ConfigReader inner(byType, context.where + ": rope_parameters");
  bool isThere = inner.find(type) != nullptr;
  if (isThere)
    source.settings = objectOf(inner, type);
  else
    source.settings = {{"rope_type", "default"}};
  source.truncate = inner.flag("truncate", true);
  reader.adopt(inner);
  if (!isSliding && reader.find("rope_scaling")) {
    if (!isThere && reader.find("rope_parameters"))
      reader.invalid("rope_scaling stands beside rope_parameters without "
                     "full_attention, which transformers cannot read; keep "
                     "one of the two");
    if (!reader.isUnset("rope_scaling")) {
      source.key = "rope_scaling";
      source.settings.update(objectOf(reader, "rope_scaling"));
    }
  }
  std::string_view key = isSliding ? "rope_local_base_freq" : "rope_theta";
  // A value that nothing reads may be anything.
  if (source.settings.contains("rope_theta"))
    (void)reader.find(key);
  else
    source.theta = reader.positiveOrNull(key, isSliding ? 1e4 : 1e6);
  return source;
}

static RopeSource commonSource(ConfigContext &context) {
  ConfigReader &reader = context.reader;
  bool isPhi = context.config.family == ModelFamily::Phi3;
  RopeSource source;
  bool isOld = !reader.isUnset("rope_scaling");
  source.key = isOld ? "rope_scaling" : "rope_parameters";
  if (isOld && !reader.isUnset("rope_parameters"))
    context.warn("rope_parameters has no effect beside rope_scaling");
  source.settings = objectOf(reader, source.key);
  // A value that nothing reads may be anything.
  if (source.settings.contains("rope_theta"))
    (void)reader.find("rope_theta");
  else
    source.theta = reader.positiveOrNull("rope_theta", 1e4);
  source.topOriginal =
      isPhi || reader.contains("original_max_position_embeddings");
  return source;
}

void lora::readRopes(ConfigContext &context) {
  auto &[reader, traits, config, where] = context;
  std::vector<RopeSource> sources;
  if (config.family == ModelFamily::Gemma3) {
    Json byType = objectOf(reader, "rope_parameters");
    for (const auto &[name, value] : byType.items())
      if (!value.is_null() && name != "full_attention" &&
          name != "sliding_attention" && name != "truncate")
        context.warn("rope_parameters: '" + name +
                     "' is not read by gemma3_text, only settings of "
                     "full_attention and sliding_attention are");
    // transformers only reads the settings of layer types that occur.
    auto isSliding = [](const LayerConfig &layer) { return layer.rope == 1; };
    bool someSlide =
        std::any_of(config.layers.begin(), config.layers.end(), isSliding);
    bool allSlide =
        std::all_of(config.layers.begin(), config.layers.end(), isSliding);
    RopeSource full = gemma3Source(context, false),
               sliding = gemma3Source(context, true);
    if (!allSlide)
      sources.push_back(full);
    if (someSlide)
      sources.push_back(sliding);
    if (allSlide)
      for (LayerConfig &layer : config.layers)
        layer.rope = 0;
  } else {
    sources.push_back(commonSource(context));
  }
  // Only Phi-3 rotates a part of a head. The other families do not read an
  // empty value.
  double partial = 1;
  if (config.family == ModelFamily::Phi3)
    reader.refuseNull("partial_rotary_factor");
  if (config.family == ModelFamily::Phi3 ||
      !reader.isUnset("partial_rotary_factor"))
    partial = reader.positive("partial_rotary_factor", 1);
  double length = double(maxIndex);
  for (RopeSource &source : sources) {
    source.partialFactor = partial;
    double reach = 0;
    config.ropes.push_back(readRopeKind(context, source, reach));
    length = std::min(length, reach);
  }
  config.maxPositions = std::max<int64_t>(1, int64_t(length));
}
