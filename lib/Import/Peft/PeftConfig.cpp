//===- PeftConfig.cpp - Reading adapter_config.json -----------------------===//
//
// Every key is used, known to be without effect here, or refused by name.
//
//===----------------------------------------------------------------------===//

#include "Json.h"
#include "lora-mlir/Import/PeftAdapter.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

namespace lora::peft {

using lora_rt::Error;
using lora_rt::ErrorCode;
using lora_rt::Expected;
using lora_rt::Json;
using lora_rt::makeError;
using lora_rt::OrderedJson;

namespace {

/// Unset means null, false, or no entries.
bool isUnset(const OrderedJson &value) {
  return value.is_null() || (value.is_boolean() && !value.get<bool>()) ||
         ((value.is_array() || value.is_object()) && value.empty());
}

/// A key that must not be set, and what to do.
struct RefusedKey {
  const char *key;
  const char *reason;
};

constexpr const char *mergeWithPeft =
    "merge the adapter with PEFT's merge_and_unload() and compile the result";

constexpr RefusedKey refusedKeys[] = {
    {"alora_invocation_tokens", "activated LoRA depends on the prompt"},
    {"arrow_config", "Arrow routes between adapters"},
    {"corda_config", "what CorDA began with is not in the adapter"},
    {"kasa_config", "KaSA's branch is not W + sBA"},
    {"layer_replication", "it changes the base model"},
    {"megatron_config", "Megatron's layers are not supported"},
    {"target_parameters", "branches on plain parameters are not supported"},
    {"use_bdlora", "block-diagonal LoRA is not supported"},
    {"use_qalora", "QALoRA is not supported"},
};

/// Keys without effect on an adapter W + sBA.
constexpr std::string_view inertKeys[] = {
    "base_model_name_or_path",
    "eva_config",
    "fan_in_fan_out",
    "inference_mode",
    "loftq_config",
    "lora_ga_config",
    "megatron_core",
    "peft_version",
    "qalora_group_size",
    "revision",
    // How PEFT runs. Training programs write it with the other keys of a
    // LoraConfig.
    "runtime_config",
};

class Reader {
public:
  Reader(std::string_view text, const std::string &where) {
    config.text = std::string(text);
    config.where = where;
  }

  Expected<PeftConfig> read() {
    // The other parser has checked duplicate keys and depth already.
    Expected<Json> checked = lora_rt::parseJson(config.text, config.where);
    if (!checked)
      return checked.takeError();
    OrderedJson json = OrderedJson::parse(config.text, nullptr,
                                          /*allow_exceptions=*/false);
    if (!json.is_object())
      return refuse("expected a JSON object");
    auto type = json.find("peft_type");
    if (type == json.end())
      return refuse("'peft_type' is missing; is this an adapter of PEFT's?");
    if (*type != "LORA")
      return refuse("'peft_type' is ", type->dump(),
                    ", but only \"LORA\" is supported");
    for (const auto &[key, value] : json.items())
      if (Error error = readKey(key, value))
        return error;
    return finish();
  }

private:
  template <typename... Parts> Error refuse(const Parts &...parts) const {
    return makeError(ErrorCode::InvalidFile, config.where, ": ", parts...);
  }

  Error expected(const std::string &key, const char *what,
                 const OrderedJson &value) const {
    return refuse("expected '", key, "' to be ", what, ", but got ",
                  value.dump());
  }

  Error readKey(const std::string &key, const OrderedJson &value) {
    if (key == "peft_type" ||
        std::find(std::begin(inertKeys), std::end(inertKeys), key) !=
            std::end(inertKeys))
      return Error::success();
    for (const RefusedKey &refused : refusedKeys)
      if (key == refused.key)
        return isUnset(value)
                   ? Error::success()
                   : makeError(ErrorCode::Unsupported, config.where, ": '", key,
                               "' is set: ", refused.reason, "; ",
                               mergeWithPeft);
    if (key == "r")
      return readRank(key, value, config.rank);
    if (key == "lora_alpha")
      return readNumber(key, value, config.alpha);
    if (key == "lora_dropout")
      return value.is_null() ? Error::success()
                             : readNumber(key, value, config.dropout);
    if (key == "use_rslora")
      return readFlag(key, value, config.rankStabilized);
    if (key == "target_modules")
      return readTargets(key, value);
    if (key == "exclude_modules")
      return readNames(key, value, config.excludeModules,
                       config.excludeIsRegex);
    if (key == "layers_to_transform")
      return readLayers(key, value);
    if (key == "layers_pattern")
      return readNames(key, value, config.layersPattern, layersPatternIsText);
    if (key == "rank_pattern")
      return readPattern<int64_t>(
          key, value, config.rankPattern,
          [&](const std::string &name, const OrderedJson &entry, int64_t &out) {
            return readRank(name, entry, out);
          });
    if (key == "alpha_pattern")
      return readPattern<double>(
          key, value, config.alphaPattern,
          [&](const std::string &name, const OrderedJson &entry, double &out) {
            return readNumber(name, entry, out);
          });
    if (key == "bias")
      return readBias(key, value);
    if (key == "init_lora_weights")
      return readInit(value);
    if (key == "task_type")
      return readTask(key, value);
    if (key == "auto_mapping")
      return readModelClass(value);
    if (key == "use_dora")
      return readFlag(key, value, config.dora);
    if (key == "lora_bias")
      return readFlag(key, value, config.loraBias);
    if (key == "ensure_weight_tying")
      return readFlag(key, value, config.ensureWeightTying);
    if (key == "modules_to_save")
      return readSavedModules(key, value);
    if (key == "trainable_token_indices")
      return readTokens(key, value);
    if (key == "velora_config" || key == "monteclora_config") {
      config.hasTrainingTensors |= !isUnset(value);
      return Error::success();
    }
    if (isUnset(value))
      return Error::success();
    return makeError(ErrorCode::Unsupported, config.where, ": unknown key '",
                     key, "' with value ", value.dump(),
                     "; if it has no effect on the result, remove it");
  }

  Error readRank(const std::string &key, const OrderedJson &value,
                 int64_t &out) const {
    if (!value.is_number_integer() || value.get<int64_t>() <= 0 ||
        value.get<int64_t>() > std::numeric_limits<int32_t>::max())
      return expected(key, "a positive integer", value);
    out = value.get<int64_t>();
    return Error::success();
  }

  Error readNumber(const std::string &key, const OrderedJson &value,
                   double &out) const {
    if (!value.is_number() || !std::isfinite(value.get<double>()))
      return expected(key, "a number", value);
    out = value.get<double>();
    return Error::success();
  }

  Error readFlag(const std::string &key, const OrderedJson &value,
                 bool &out) const {
    if (!value.is_boolean() && !value.is_null())
      return expected(key, "true or false", value);
    out = value.is_boolean() && value.get<bool>();
    return Error::success();
  }

  Error readTargets(const std::string &key, const OrderedJson &value) {
    bool isText = false;
    if (Error error = readNames(key, value, config.targetModules, isText))
      return error;
    if (isText) {
      std::string lower = config.targetModules.front();
      std::transform(lower.begin(), lower.end(), lower.begin(),
                     [](unsigned char c) { return std::tolower(c); });
      config.targets = lower == "all-linear" ? PeftConfig::Targets::AllLinear
                                             : PeftConfig::Targets::Regex;
    } else if (!value.is_null()) {
      config.targets = PeftConfig::Targets::List;
    }
    return Error::success();
  }

  /// Reads null, a string or a list of strings.
  Error readNames(const std::string &key, const OrderedJson &value,
                  std::vector<std::string> &out, bool &isText) const {
    // For PEFT, an empty string means none.
    if (value.is_null() ||
        (value.is_string() && value == "" && key != "target_modules"))
      return Error::success();
    if (value.is_string()) {
      isText = true;
      out = {value.get<std::string>()};
      return Error::success();
    }
    if (!value.is_array())
      return expected(key, "a string or a list of strings", value);
    for (const OrderedJson &entry : value) {
      if (!entry.is_string())
        return expected(key, "a list of strings", value);
      out.push_back(entry.get<std::string>());
    }
    return Error::success();
  }

  Error readLayers(const std::string &key, const OrderedJson &value) {
    if (value.is_null())
      return Error::success();
    layersAreGiven = true;
    OrderedJson list = value.is_array() ? value : OrderedJson::array({value});
    for (const OrderedJson &entry : list) {
      if (!entry.is_number_integer())
        return expected(key, "an integer or a list of integers", value);
      config.layersToTransform.push_back(entry.get<int64_t>());
    }
    return Error::success();
  }

  template <typename T>
  Error readPattern(
      const std::string &key, const OrderedJson &value,
      std::vector<std::pair<std::string, T>> &out,
      const std::function<Error(const std::string &, const OrderedJson &, T &)>
          &readValue) const {
    if (value.is_null())
      return Error::success();
    if (!value.is_object())
      return expected(key, "an object", value);
    for (const auto &[name, entry] : value.items()) {
      T number{};
      if (Error error = readValue(key + "." + name, entry, number))
        return error;
      out.emplace_back(name, number);
    }
    return Error::success();
  }

  Error readBias(const std::string &key, const OrderedJson &value) {
    using Bias = PeftConfig::Bias;
    if (isUnset(value) || value == "none")
      config.bias = Bias::None;
    else if (value == "all")
      config.bias = Bias::All;
    else if (value == "lora_only")
      config.bias = Bias::LoraOnly;
    else
      return expected(key, "\"none\", \"all\" or \"lora_only\"", value);
    return Error::success();
  }

  /// How A and B were initialized has no effect on W + sBA. An initialization
  /// that changes the base weight has.
  Error readInit(const OrderedJson &value) {
    using Init = PeftConfig::Init;
    static constexpr std::pair<const char *, Init> names[] = {
        {"gaussian", Init::Gaussian}, {"orthogonal", Init::Orthogonal},
        {"eva", Init::FromData},      {"mica", Init::FromData},
        {"lora_ga", Init::FromData},  {"pissa", Init::Pissa},
        {"olora", Init::Olora},
    };
    if (value.is_boolean() || value.is_null()) {
      config.init = value == true ? Init::Kaiming : Init::Random;
      return Error::success();
    }
    if (!value.is_string())
      return expected("init_lora_weights", "true, false or a name", value);
    std::string lower = value.get<std::string>();
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return std::tolower(c); });
    // PEFT compares some of the names without regard to case.
    bool anyCase = lower == "gaussian" || lower == "olora" || lower == "mica";
    for (auto [name, init] : names)
      if (value == name || (anyCase && lower == name)) {
        config.init = init;
        return Error::success();
      }
    return makeError(ErrorCode::Unsupported, config.where,
                     ": 'init_lora_weights' is ", value.dump(),
                     ": this initializer changes the base weights in a way "
                     "that cannot be made "
                     "again; convert the adapter with PEFT's save_pretrained("
                     "path_initial_model_for_weight_conversion=...), or ",
                     mergeWithPeft);
  }

  Error readTask(const std::string &key, const OrderedJson &value) {
    if (value == "QUESTION_ANS" || value == "SEQ_2_SEQ_LM")
      return makeError(ErrorCode::Unsupported, config.where,
                       ": 'task_type' is ", value.dump(),
                       ": supported are CAUSAL_LM, SEQ_CLS, TOKEN_CLS and "
                       "FEATURE_EXTRACTION");
    if (!value.is_null() && !value.is_string())
      return expected(key, "a string", value);
    if (value.is_string())
      config.taskType = value.get<std::string>();
    return Error::success();
  }

  Error readModelClass(const OrderedJson &value) {
    if (isUnset(value))
      return Error::success();
    if (!value.is_object())
      return expected("auto_mapping", "an object", value);
    auto name = value.find("base_model_class");
    if (name == value.end() || name->is_null())
      return Error::success();
    if (!name->is_string())
      return expected("auto_mapping.base_model_class", "a string", *name);
    config.modelClass = name->get<std::string>();
    return Error::success();
  }

  Error readSavedModules(const std::string &key, const OrderedJson &value) {
    bool isText = false;
    if (Error error = readNames(key, value, config.modulesToSave, isText))
      return error;
    return isText ? expected(key, "a list of strings", value)
                  : Error::success();
  }

  Error readIndices(const std::string &key, const OrderedJson &value,
                    std::vector<int64_t> &out) const {
    if (!value.is_array())
      return expected(key, "a list of token ids", value);
    for (const OrderedJson &entry : value) {
      if (!entry.is_number_integer() || entry.get<int64_t>() < 0)
        return expected(key, "a list of token ids", value);
      out.push_back(entry.get<int64_t>());
    }
    return Error::success();
  }

  /// Reads a list of ids of the input embedding, or lists by the name of a
  /// layer.
  Error readTokens(const std::string &key, const OrderedJson &value) {
    if (isUnset(value))
      return Error::success();
    if (!value.is_object()) {
      config.trainableTokens.emplace_back();
      return readIndices(key, value, config.trainableTokens.back().second);
    }
    for (const auto &[name, list] : value.items()) {
      config.trainableTokens.emplace_back(name, std::vector<int64_t>());
      if (Error error = readIndices(key + "." + name, list,
                                    config.trainableTokens.back().second))
        return error;
    }
    return Error::success();
  }

  /// Checks the rules between several keys, as in LoraConfig.__post_init__.
  Expected<PeftConfig> finish() {
    bool isText = config.targets == PeftConfig::Targets::Regex ||
                  config.targets == PeftConfig::Targets::AllLinear;
    if (isText && !config.layersToTransform.empty())
      return refuse(
          "'layers_to_transform' cannot be used when 'target_modules' "
          "is a string; say the layers in the pattern");
    if (isText && !config.layersPattern.empty())
      return refuse(
          "'layers_pattern' cannot be used when 'target_modules' is a "
          "string; say the layers in the pattern");
    if (!config.layersPattern.empty() && !layersAreGiven)
      return refuse(
          "'layers_pattern' is set, but 'layers_to_transform' is not");
    if (config.dropout < 0 || config.dropout >= 1)
      return refuse("expected 'lora_dropout' to be in [0, 1), but got ",
                    config.dropout);
    if (config.loraBias && config.dora)
      return refuse("'lora_bias' cannot be used with 'use_dora'; PEFT refuses "
                    "it too");
    if (config.loraBias && config.init != PeftConfig::Init::Kaiming &&
        config.init != PeftConfig::Init::Random)
      return refuse("'lora_bias' can only be used when 'init_lora_weights' is "
                    "true or false; PEFT refuses it too");
    // PEFT trains the heads of models for these tasks in full.
    if (config.taskType == "SEQ_CLS" || config.taskType == "TOKEN_CLS")
      for (const char *head : {"classifier", "score"})
        if (std::find(config.modulesToSave.begin(), config.modulesToSave.end(),
                      head) == config.modulesToSave.end())
          config.modulesToSave.emplace_back(head);
    for (const auto &[name, tokens] : config.trainableTokens)
      if (std::find(config.modulesToSave.begin(), config.modulesToSave.end(),
                    name) != config.modulesToSave.end())
        return refuse("'", name,
                      "' is in both 'trainable_token_indices' and "
                      "'modules_to_save'; PEFT refuses it too");
    return std::move(config);
  }

  PeftConfig config;
  bool layersPatternIsText = false, layersAreGiven = false;
};

} // namespace

Expected<PeftConfig> parsePeftConfig(std::string_view text,
                                     const std::string &where) {
  return Reader(text, where).read();
}

Expected<PeftConfig> readPeftConfig(const std::string &path) {
  Expected<std::string> text =
      lora_rt::readTextFile(path, /*limit=*/uint64_t(64) << 20);
  if (!text)
    return text.takeError();
  return parsePeftConfig(*text, path);
}

} // namespace lora::peft
