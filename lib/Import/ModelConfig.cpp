//===- ModelConfig.cpp - Reading config.json ------------------------------===//
//
// One function per group of keys; the defaults of absent keys are those of the
// family's configuration class in transformers.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Import/ModelConfig.h"
#include "ConfigReader.h"

#include "lora-runtime/File.h"

#include <algorithm>
#include <cmath>
#include <sys/stat.h>

using namespace lora;
using namespace lora_rt;

namespace {

/// What differs between the families, and transformers' values of absent keys.
struct FamilyTraits {
  ModelFamily family;
  std::string_view type;
  /// Class names are this + "ForCausalLM" and this + "Model".
  std::string_view className;
  /// 0: as many as heads.
  int64_t kvHeads;
  /// 0: hidden_size / heads.
  int64_t headDim;
  int64_t maxPositions;
};

/// Bounds that no model comes near; products of two still fit int64_t.
constexpr int64_t maxLayers = 4096;
constexpr int64_t maxWidth = int64_t(1) << 24;
/// Token ids and positions are 32 bits wide.
constexpr int64_t maxIndex = (int64_t(1) << 31) - 1;

} // namespace

static constexpr FamilyTraits families[] = {
    {ModelFamily::Llama, "llama", "Llama", 0, 0, 2048},
    {ModelFamily::Mistral, "mistral", "Mistral", 8, 0, 131072},
    {ModelFamily::Qwen2, "qwen2", "Qwen2", 32, 0, 32768},
    {ModelFamily::Qwen3, "qwen3", "Qwen3", 32, 128, 32768},
};

static const FamilyTraits &traitsOf(ModelFamily family) {
  return *std::find_if(std::begin(families), std::end(families),
                       [&](auto &traits) { return traits.family == family; });
}

std::string_view ModelConfig::prefix() const {
  return head == ModelHead::None ? "" : "model.";
}

std::string_view lora::familyName(ModelFamily family) {
  return traitsOf(family).type;
}

static std::string supportedTypes() {
  std::string text;
  for (const FamilyTraits &traits : families)
    text += (text.empty() ? "" : ", ") + std::string(traits.type);
  return text;
}

/// The family from `model_type`, or from the first architecture where it is
/// absent; whether there is a head from the architecture.
static void readFamily(ConfigReader &reader, ModelConfig &config) {
  std::string type = reader.text("model_type"), architecture;
  if (const Json *list = reader.find("architectures")) {
    if (!list->is_array() || (!list->empty() && !(*list)[0].is_string()))
      return reader.invalid("architectures: expected a list of names, but got ",
                            show(*list));
    if (!list->empty())
      architecture = (*list)[0].get<std::string>();
  }
  const FamilyTraits *found = nullptr;
  for (const FamilyTraits &traits : families)
    if (!type.empty()
            ? traits.type == type
            : architecture.starts_with(traits.className) &&
                  architecture.size() > traits.className.size() &&
                  (architecture.substr(traits.className.size()) ==
                       "ForCausalLM" ||
                   architecture.substr(traits.className.size()) == "Model"))
      found = &traits;
  if (!found && type.empty() && architecture.empty())
    return reader.invalid("neither model_type nor architectures is there; take "
                          "the config.json that came with the weights");
  if (!found)
    return reader.unsupported(
        !type.empty() ? "model_type '" : "architecture '",
        !type.empty() ? type : architecture,
        "' is not supported; supported are: ", supportedTypes());
  config.family = found->family;
  std::string name(found->className);
  if (architecture.empty() || architecture == name + "ForCausalLM")
    return;
  if (architecture != name + "Model")
    return reader.unsupported("architecture '", architecture,
                              "' is not supported for model_type '",
                              found->type, "'; supported are: ", name,
                              "ForCausalLM, ", name, "Model");
  config.head = ModelHead::None;
}

/// Keys that change what the model computes, whatever the family.
static void refuseUnsupported(ConfigReader &reader) {
  if (reader.find("quantization_config"))
    reader.unsupported("quantization_config: quantized checkpoints are not "
                       "supported; take the "
                       "model's F32, F16 or BF16 checkpoint");
  if (reader.find("text_config"))
    reader.unsupported("text_config: models of several modalities are not "
                       "supported; save the language model by itself");
  for (const char *key : {"use_bidirectional_attention", "is_encoder_decoder",
                          "add_cross_attention"})
    if (!reader.isUnset(key))
      reader.unsupported(key, " = ", show(*reader.find(key)),
                         " is not supported; only decoders with causal "
                         "attention are");
}

static void readSizes(ConfigReader &reader, ModelConfig &config) {
  const FamilyTraits &traits = traitsOf(config.family);
  config.vocabSize = reader.size("vocab_size", maxIndex);
  config.hiddenSize = reader.size("hidden_size", maxWidth);
  config.intermediateSize = reader.size("intermediate_size", maxWidth);
  config.layers.resize(size_t(reader.size("num_hidden_layers", maxLayers)));
  config.heads = reader.size("num_attention_heads", maxWidth);
  config.maxPositions =
      reader.size("max_position_embeddings", maxIndex, traits.maxPositions);
  int64_t absent = reader.contains("num_key_value_heads") || !traits.kvHeads
                       ? config.heads
                       : traits.kvHeads;
  config.kvHeads = reader.size("num_key_value_heads", maxWidth, absent);
  config.headDim = reader.size("head_dim", maxWidth, traits.headDim);
  if (reader.failed())
    return;
  if (config.heads % config.kvHeads)
    return reader.invalid("num_attention_heads ", config.heads,
                          " is not a multiple of num_key_value_heads ",
                          config.kvHeads);
  if (!config.headDim) {
    if (config.hiddenSize % config.heads)
      return reader.invalid(
          "head_dim is missing, and hidden_size ", config.hiddenSize,
          " is not a multiple of num_attention_heads ", config.heads);
    config.headDim = config.hiddenSize / config.heads;
  }
  if (config.headDim % 2)
    return reader.invalid("head_dim: expected an even number, because rotary "
                          "positions turn pairs, but got ",
                          config.headDim);
  if (config.headDim > maxWidth / config.heads)
    reader.invalid("num_attention_heads ", config.heads, " times head_dim ",
                   config.headDim, " is above ", maxWidth);
  config.attentionScale = 1.0 / std::sqrt(double(config.headDim));
}

/// `rope_scaling`, where it is not empty, beats `rope_parameters`; theta stands
/// in the one that counts, or at the top level.
static double readRopeTheta(ConfigReader &reader) {
  double theta = reader.positive("rope_theta", 10000.0);
  if (!reader.isUnset("partial_rotary_factor") &&
      reader.positive("partial_rotary_factor", 1) != 1)
    reader.unsupported(
        "partial_rotary_factor = ", show(*reader.find("partial_rotary_factor")),
        " is not supported");
  const char *key =
      !reader.isUnset("rope_scaling") ? "rope_scaling" : "rope_parameters";
  const Json *rope = reader.find(key);
  if (!rope)
    return theta;
  if (!rope->is_object()) {
    reader.invalid(key, ": expected an object, but got ", show(*rope));
    return 1;
  }
  ConfigReader inner(*rope, key);
  std::string kind = inner.text(inner.find("rope_type") ? "rope_type" : "type");
  theta = inner.positive("rope_theta", theta);
  double factor = inner.positive("partial_rotary_factor", 1);
  if (inner.failed()) {
    reader.invalid(inner.takeError().message());
    return 1;
  }
  for (const auto &[name, value] : rope->items())
    if (value.is_object()) {
      reader.unsupported(key, ": rotary positions per layer type ('", name,
                         "') are not supported");
      return 1;
    }
  if (!kind.empty() && kind != "default") {
    reader.unsupported(key, ": rope_type '", kind,
                       "' is not supported; supported is: default");
    return 1;
  }
  if (factor != 1)
    reader.unsupported(key, ": partial_rotary_factor = ", factor,
                       " is not supported");
  return theta;
}

static void readActivation(ConfigReader &reader, ModelConfig &config) {
  std::string name = reader.text("hidden_act");
  if (name.empty() || name == "silu" || name == "swish")
    config.activation = MLPActivation::Silu;
  else if (name == "gelu")
    config.activation = MLPActivation::GeluErf;
  else if (name == "gelu_new" || name == "gelu_pytorch_tanh")
    config.activation = MLPActivation::GeluTanh;
  else if (name == "relu")
    config.activation = MLPActivation::Relu;
  else
    reader.unsupported("hidden_act '", name,
                       "' is not supported; supported are: silu, gelu, "
                       "gelu_new, gelu_pytorch_tanh, relu");
}

static void readBiases(ConfigReader &reader, ModelConfig &config) {
  bool attentionBias = reader.flag("attention_bias", false);
  bool mlpBias = reader.flag("mlp_bias", false);
  switch (config.family) {
  case ModelFamily::Llama:
    config.mlpBias = mlpBias;
    [[fallthrough]];
  case ModelFamily::Qwen3:
    config.qkvBias = config.outputBias = attentionBias;
    break;
  case ModelFamily::Qwen2:
    config.qkvBias = true;
    break;
  default:
    break;
  }
  config.qkNorm = config.family == ModelFamily::Qwen3;
}

/// Which layers have a window, by the family's rule.
static std::vector<bool> slidingLayers(ConfigReader &reader,
                                       const ModelConfig &config, bool isQwen) {
  std::vector<bool> sliding(config.layers.size(), !isQwen);
  const Json *types = isQwen ? reader.find("layer_types") : nullptr;
  if (!types) {
    int64_t first = 0;
    if (const Json *value = reader.find("max_window_layers"); isQwen && value) {
      if (!isIndex(*value))
        reader.invalid("max_window_layers: expected a whole number, but got ",
                       show(*value));
      else
        first = value->get<int64_t>();
    } else if (isQwen) {
      first = 28;
    }
    for (int64_t i = first; i < int64_t(config.layers.size()); ++i)
      sliding[size_t(i)] = true;
    return sliding;
  }
  if (!types->is_array() || types->size() != sliding.size()) {
    reader.invalid("layer_types: expected a list of ", config.layers.size(),
                   " kinds of layers, but got ", show(*types));
    return sliding;
  }
  for (size_t i = 0; i < sliding.size(); ++i) {
    const Json &type = (*types)[i];
    if (type == "sliding_attention")
      sliding[i] = true;
    else if (type != "full_attention")
      reader.unsupported("layer_types: layer ", i, " is ", show(type),
                         "; supported are: full_attention, sliding_attention");
  }
  return sliding;
}

static void readWindows(ConfigReader &reader, ModelConfig &config) {
  bool isQwen = config.family == ModelFamily::Qwen2 ||
                config.family == ModelFamily::Qwen3;
  if (config.family == ModelFamily::Llama)
    return;
  bool maySlide = !isQwen || reader.flag("use_sliding_window", false);
  int64_t absent = reader.contains("sliding_window") ? 0 : 4096;
  int64_t window = reader.size("sliding_window", maxIndex, absent);
  if (!maySlide || !window) {
    if (const Json *types = reader.find("layer_types"); isQwen && types)
      for (const Json &type : *types)
        if (type != "full_attention")
          return reader.unsupported(
              "layer_types has ", show(type), " but ",
              maySlide ? "sliding_window is null"
                       : "use_sliding_window is false",
              "; set all of them to full_attention, or give a window");
    return;
  }
  std::vector<bool> sliding = slidingLayers(reader, config, isQwen);
  for (size_t i = 0; i < sliding.size(); ++i)
    if (sliding[i])
      config.layers[i].window = window;
}

Expected<ModelConfig> lora::parseModelConfig(std::string_view text,
                                             const std::string &where,
                                             std::optional<HeadRequest> head) {
  Expected<Json> json = parseJson(text, where);
  if (!json)
    return json.takeError();
  if (!json->is_object())
    return makeError(ErrorCode::InvalidFile, where,
                     ": expected a JSON object, but got ", show(*json));
  ConfigReader reader(*json, where);
  ModelConfig config;
  readFamily(reader, config);
  if (head) {
    config.head = head->head;
    config.labels = head->labels;
  }
  refuseUnsupported(reader);
  if (reader.failed()) // The rules below are those of the supported families.
    return reader.takeError();
  readSizes(reader, config);
  if (reader.failed()) // Lists of layers are made below.
    return reader.takeError();
  config.normEps = reader.positive("rms_norm_eps", 1e-6);
  RopeConfig rope;
  rope.theta = readRopeTheta(reader);
  rope.frequencies = inverseFrequencies(rope.theta, config.headDim);
  config.ropes.push_back(rope);
  readActivation(reader, config);
  readBiases(reader, config);
  readWindows(reader, config);
  config.tied = reader.flag("tie_word_embeddings", false);
  config.eosTokenIds = reader.tokenIds("eos_token_id");
  if (!reader.isUnset("attention_dropout"))
    config.warnings.push_back(where + ": attention_dropout = " +
                              show(*reader.find("attention_dropout")) +
                              " has no effect in training");
  if (!reader.isUnset("auto_map"))
    config.warnings.push_back(where + ": auto_map names code of the model's "
                                      "own, which is not run");
  if (reader.failed())
    return reader.takeError();
  return config;
}

static bool exists(const std::string &path) {
  struct stat facts;
  return stat(path.c_str(), &facts) == 0;
}

Expected<ModelConfig> lora::readModelConfig(const std::string &folder,
                                            std::optional<HeadRequest> head) {
  std::string path = folder + "/config.json";
  if (!exists(path))
    return makeError(
        ErrorCode::InvalidFile, folder, ": no config.json is there; ",
        exists(folder + "/adapter_config.json")
            ? "this is a PEFT adapter, give the folder of its base model"
        : exists(folder) ? "give the folder of a Hugging Face model"
                         : "there is no such folder");
  Expected<std::string> text = readTextFile(path);
  if (!text)
    return text.takeError();
  Expected<ModelConfig> config = parseModelConfig(*text, path, head);
  std::string generation = folder + "/generation_config.json";
  if (!config || !exists(generation))
    return config;
  text = readTextFile(generation);
  if (!text)
    return text.takeError();
  Expected<Json> json = parseJson(*text, generation);
  if (!json)
    return json.takeError();
  if (!json->is_object())
    return makeError(ErrorCode::InvalidFile, generation,
                     ": expected a JSON object, but got ", show(*json));
  ConfigReader reader(*json, generation);
  if (reader.contains("eos_token_id"))
    config->eosTokenIds = reader.tokenIds("eos_token_id");
  if (reader.failed())
    return reader.takeError();
  return config;
}

std::vector<float> lora::inverseFrequencies(double theta, int64_t width) {
  std::vector<float> result;
  for (int64_t i = 0; i < width; i += 2) {
    float exponent = float(i) / float(width);
    float power = float(std::pow(double(float(theta)), double(exponent)));
    result.push_back(1.0f / power);
  }
  return result;
}

std::vector<float> lora::dynamicFrequencies(const RopeConfig &rope,
                                            int64_t tokens) {
  if (tokens <= rope.switchLength)
    return rope.frequencies;
  double width = 2.0 * double(rope.frequencies.size());
  float length = float(rope.factor) * float(tokens);
  float stretch = length / float(rope.switchLength) - float(rope.factor - 1);
  float power =
      float(std::pow(double(stretch), double(float(width / (width - 2)))));
  return inverseFrequencies(float(rope.theta) * power, int64_t(width));
}
