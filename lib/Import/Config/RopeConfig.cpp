//===- RopeConfig.cpp - Rotary positions ----------------------------------===//
//
// Finds the settings in `rope_scaling` of transformers 4 and `rope_parameters`
// of transformers 5, by the rules of RotaryEmbeddingConfigMixin and of Gemma
// 3's configuration, and reads each kind by those of modeling_rope_utils.py.
//
//===----------------------------------------------------------------------===//

#include "ConfigParts.h"
#include "RopeFrequencies.h"
#include "lora-runtime/Rotary.h"

#include <algorithm>
#include <cmath>

using namespace lora;
using namespace lora_rt;

namespace {

/// The settings of one kind, and the values of the top level for it.
struct RopeSource {
  lora_rt::Json settings = lora_rt::Json::object();
  /// The key of the settings, for messages, such as "rope_scaling".
  std::string key = "rope_parameters";
  /// The base for settings without one; nullopt if it is null.
  std::optional<double> theta = 10000;
  double partialFactor = 1;
  /// Whether `original_max_position_embeddings` of the top level has precedence
  /// over that of the settings.
  bool topOriginal = false;
  /// Has precedence over `truncate` of yarn's settings: transformers looks for
  /// it one level above settings by layer type.
  std::optional<bool> truncate = std::nullopt;
};

} // namespace

//===----------------------------------------------------------------------===//
// Kinds
//===----------------------------------------------------------------------===//

namespace {

class RopeReader {
public:
  RopeReader(ConfigContext &context, const RopeSource &source)
      : context(context), config(context.config), source(source),
        reader(source.settings, context.where + ": " + source.key) {}

  RopeConfig read();
  /// The longest sequence that the positions support.
  double length = 0;

private:
  std::string readKind();
  void readWidth();
  double original();
  void readDynamic(RopeConfig &rope);
  void readYarn(RopeConfig &rope);
  void readLlama3(RopeConfig &rope);
  void readLongrope(RopeConfig &rope);
  /// The factor of yarn and longrope. A null means that it follows from the
  /// positions.
  double stretch(double original);

  ConfigContext &context;
  const ModelConfig &config;
  const RopeSource &source;
  ConfigReader reader;
  double theta = 1;
  int64_t width = 2;
};

} // namespace

std::string RopeReader::readKind() {
  std::string_view key = reader.contains("rope_type") ? "rope_type" : "type";
  reader.refuseNull(key);
  std::string kind = reader.text(key);
  const Json *old = reader.find("type");
  if (old && key == "rope_type" && *old != kind)
    context.warn(source.key + ": type = " + show(*old) +
                 " has no effect beside rope_type '" + kind + "'");
  if (kind.empty() && !reader.contains(key))
    kind = "default";
  // Phi-3's files say yarn for what is now called longrope.
  if (config.family == ModelFamily::Phi3 && kind == "yarn")
    kind = "longrope";
  std::vector<std::string_view> kinds = {"default", "linear",   "dynamic",
                                         "yarn",    "longrope", "llama3"};
  if (config.family == ModelFamily::Phi3)
    kinds = {"default", "longrope"};
  if (!reader.failed() && std::ranges::find(kinds, kind) == kinds.end()) {
    std::string all;
    for (std::string_view one : kinds)
      all += (all.empty() ? "" : ", ") + std::string(one);
    reader.unsupported("rope_type '", kind,
                       "' is not supported; supported are: ", all);
  }
  return kind;
}

void RopeReader::readWidth() {
  reader.refuseNull("partial_rotary_factor");
  double factor =
      reader.positive("partial_rotary_factor", source.partialFactor);
  if (config.family != ModelFamily::Phi3 && factor != 1)
    reader.unsupported("partial_rotary_factor = ", factor,
                       " is not supported for model_type '",
                       context.traits.type, "'");
  double exact = std::min(double(config.headDim) * factor, 1e9);
  width = int64_t(exact);
  // An odd width is rounded up to pairs.
  if (width < 1 || width + width % 2 > config.headDim) {
    if (factor == 1)
      context.reader.invalid("head_dim: expected an even number, because "
                             "rotary positions turn pairs, but got ",
                             config.headDim);
    else
      reader.invalid("partial_rotary_factor = ", factor, " gives ", width,
                     " of head_dim ", config.headDim, " to turn");
    width = 2;
  }
}

double RopeReader::original() {
  std::string_view key = "original_max_position_embeddings";
  if (source.topOriginal) {
    (void)reader.find(key); // Something else counts.
    context.reader.refuseNull(key);
    return double(context.reader.size(key, maxIndex, 4096));
  }
  reader.refuseNull(key);
  return double(reader.size(key, maxIndex, config.maxPositions));
}

void RopeReader::readDynamic(RopeConfig &rope) {
  rope.kind = RopeConfig::Kind::Dynamic;
  rope.switchLength = config.maxPositions;
  rope.theta = theta;
  rope.factor = reader.positive("factor", 1);
  length *= rope.factor;
  if (width <= 2)
    return reader.unsupported("rope_type 'dynamic' needs more than ", width,
                              " elements of a head to turn");
  // The factor of the base at the original length, by the formula.
  double positions = double(config.maxPositions);
  double rest = (rope.factor * positions / positions) - (rope.factor - 1);
  rope.frequencies = lora_rt::rotaryFrequencies(
      theta * std::pow(rest, double(width) / double(width - 2)), width);
}

double RopeReader::stretch(double original) {
  return reader.positiveOrNull("factor", std::nullopt)
      .value_or(double(config.maxPositions) / original);
}

void RopeReader::readYarn(RopeConfig &rope) {
  YarnSettings settings;
  settings.original = original();
  settings.factor = stretch(settings.original);
  // Python's `or`: null and 0 mean the same as an absent key.
  auto numberOr = [&](std::string_view key, double absent) {
    return reader.isUnset(key) ? absent : reader.positive(key, absent);
  };
  settings.betaFast = numberOr("beta_fast", 32);
  settings.betaSlow = numberOr("beta_slow", 1);
  // Python's truth value: null and 0 mean false.
  bool truncate = reader.contains("truncate") && reader.isUnset("truncate")
                      ? false
                      : reader.flag("truncate", true);
  settings.truncate = source.truncate.value_or(truncate);
  double mscale = numberOr("mscale", 0), allDim = numberOr("mscale_all_dim", 0);
  auto scale = [&](double weight) {
    return settings.factor <= 1
               ? 1.0
               : 0.1 * weight * std::log(settings.factor) + 1.0;
  };
  double automatic =
      mscale > 0 && allDim > 0 ? scale(mscale) / scale(allDim) : scale(1);
  rope.attentionFactor = reader.positive("attention_factor", automatic);
  length = std::max(length, settings.factor * settings.original);
  if (theta == 1)
    return reader.unsupported("rope_theta 1 is not supported by rope_type "
                              "'yarn'");
  if (!reader.failed())
    rope.frequencies = yarnFrequencies(theta, width, settings);
}

void RopeReader::readLlama3(RopeConfig &rope) {
  Llama3Settings settings;
  settings.original = original();
  auto needed = [&](std::string_view key) {
    if (!reader.find(key))
      reader.invalid(key, " is missing; rope_type 'llama3' needs it");
    return reader.positive(key, 1);
  };
  settings.factor = needed("factor");
  settings.lowFactor = needed("low_freq_factor");
  settings.highFactor = needed("high_freq_factor");
  if (settings.lowFactor == settings.highFactor)
    reader.invalid("high_freq_factor: expected a number above "
                   "low_freq_factor, but both are ",
                   settings.lowFactor);
  length = std::max(length, settings.factor * settings.original);
  if (!reader.failed())
    rope.frequencies = llama3Frequencies(theta, width, settings);
}

void RopeReader::readLongrope(RopeConfig &rope) {
  rope.kind = RopeConfig::Kind::Longrope;
  double positions = original();
  rope.switchLength = int64_t(positions);
  // The factor only determines the factor of attention.
  bool isGiven = reader.find("attention_factor");
  (void)reader.find("factor");
  double factor = isGiven ? 1 : stretch(positions);
  if (width % 2)
    reader.unsupported("rope_type 'longrope' with an odd width of ", width,
                       " is not supported");
  size_t pairs = size_t(width / 2);
  std::vector<double> near = reader.positives("short_factor", pairs);
  std::vector<double> far = reader.positives("long_factor", pairs);
  if (positions == 1 && factor > 1)
    reader.unsupported("original_max_position_embeddings 1 is not supported "
                       "by rope_type 'longrope'");
  double automatic =
      factor <= 1 ? 1 : std::sqrt(1 + std::log(factor) / std::log(positions));
  rope.attentionFactor = reader.positive("attention_factor", automatic);
  if (reader.failed())
    return;
  rope.frequencies = longropeFrequencies(theta, width, near);
  rope.longFrequencies = longropeFrequencies(theta, width, far);
}

RopeConfig RopeReader::read() {
  RopeConfig rope;
  length = double(config.maxPositions);
  for (const auto &[name, value] : source.settings.items())
    if (value.is_object())
      reader.unsupported("rotary positions per layer type ('", name,
                         "') are not supported for model_type '",
                         context.traits.type, "'");
  std::string kind = readKind();
  reader.refuseNull("rope_theta");
  theta = reader.positive("rope_theta", source.theta.value_or(1));
  if (!source.theta && !reader.find("rope_theta"))
    reader.invalid("rope_theta: expected a number, but got null");
  if (!std::isfinite(float(theta)) || float(theta) <= 0)
    reader.invalid("rope_theta: expected a number that f32 holds, but got ",
                   theta);
  rope.theta = theta;
  readWidth();
  bool hasFactor = kind == "linear" || kind == "dynamic";
  if (hasFactor && !reader.find("factor"))
    reader.invalid("factor is missing; rope_type '", kind, "' needs it");
  if (kind == "yarn" && !reader.contains("factor"))
    reader.invalid("factor is missing; rope_type 'yarn' needs it");
  if (kind == "linear") {
    double factor = reader.positive("factor", 1);
    length *= factor;
    rope.frequencies = linearFrequencies(theta, width, factor);
  } else if (kind == "dynamic") {
    readDynamic(rope);
  } else if (kind == "yarn") {
    readYarn(rope);
  } else if (kind == "llama3") {
    readLlama3(rope);
  } else if (kind == "longrope") {
    readLongrope(rope);
  } else {
    rope.frequencies = lora_rt::rotaryFrequencies(theta, width);
  }
  for (const std::vector<float> *list :
       {&rope.frequencies, &rope.longFrequencies})
    for (float value : *list)
      if (!std::isfinite(value) || value < 0)
        reader.invalid("these settings give the frequency ", double(value),
                       ", which is not a number of radians");
  if (!std::isfinite(rope.attentionFactor) || !std::isfinite(length))
    reader.invalid("factor is too large");
  for (const std::string &name : reader.unread())
    context.warn(source.key + ": '" + name +
                 "' has no effect with rope_type '" + kind + "'");
  context.reader.adopt(reader);
  return rope;
}

/// Reads the settings of one kind. Also returns the longest sequence that the
/// positions support.
static RopeConfig readRopeKind(ConfigContext &context, const RopeSource &source,
                               double &length) {
  RopeReader reader(context, source);
  RopeConfig rope = reader.read();
  length = reader.length;
  return rope;
}

//===----------------------------------------------------------------------===//
// Places
//===----------------------------------------------------------------------===//

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
