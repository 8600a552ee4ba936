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

/// Unset: null, false, 0 entries.
bool isUnset(const OrderedJson &value) {
  return value.is_null() || (value.is_boolean() && !value.get<bool>()) ||
         ((value.is_array() || value.is_object()) && value.empty());
}

/// A key that must not be set, and the way out.
struct RefusedKey {
  const char *key;
  const char *reason;
};

constexpr const char *mergeWithPeft =
    "merge the adapter with PEFT's merge_and_unload() and compile the result";

constexpr RefusedKey refusedKeys[] = {
    {"alora_invocation_tokens", "activated LoRA depends on the prompt"},
    {"arrow_config", "Arrow routes between adapters"},
    {"corda_config", "the start of CorDA is not in the adapter"},
    {"kasa_config", "KaSA's branch is not W + sBA"},
    {"layer_replication", "it changes the base model"},
    {"lora_bias", "a bias on B is not supported"},
    {"megatron_config", "Megatron's layers are not supported"},
    {"modules_to_save", "modules trained in full are not supported"},
    {"monteclora_config", "its tensors are not supported"},
    {"target_parameters", "branches on plain parameters are not supported"},
    {"trainable_token_indices", "trained rows of embeddings are not supported"},
    {"use_bdlora", "block-diagonal LoRA is not supported"},
    {"use_dora", "DoRA is not supported"},
    {"use_qalora", "QALoRA is not supported"},
    {"velora_config", "its tensors are not supported"},
};

/// Keys without effect on what an adapter of W + sBA computes.
constexpr std::string_view inertKeys[] = {
    "auto_mapping", "base_model_name_or_path", "ensure_weight_tying",
    "eva_config",   "fan_in_fan_out",          "inference_mode",
    "loftq_config", "lora_ga_config",          "megatron_core",
    "peft_version", "qalora_group_size",       "revision",
};

class Reader {
public:
  Reader(std::string_view text, const std::string &where) {
    config.text = std::string(text);
    config.where = where;
  }

  Expected<PeftConfig> read() {
    // Duplicate keys and depth are checked once, by the other parser.
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
      return value == "none" || isUnset(value)
                 ? Error::success()
                 : makeError(ErrorCode::Unsupported, config.where,
                             ": 'bias' is ", value.dump(),
                             ": trained biases are not supported; ",
                             mergeWithPeft);
    if (key == "init_lora_weights")
      return checkInit(value);
    if (key == "task_type")
      return checkTask(value);
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

  /// Null, a string or a list of strings.
  Error readNames(const std::string &key, const OrderedJson &value,
                  std::vector<std::string> &out, bool &isText) const {
    // PEFT takes an empty string for none.
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

  /// Where the start was drawn from does not matter to W + sBA; a start that
  /// changes the base weight does.
  Error checkInit(const OrderedJson &value) const {
    static const char *const fine[] = {"gaussian", "orthogonal", "eva", "mica",
                                       "lora_ga"};
    if (value.is_boolean() || value.is_null())
      return Error::success();
    for (const char *name : fine)
      if (value == name)
        return Error::success();
    return makeError(
        ErrorCode::Unsupported, config.where, ": 'init_lora_weights' is ",
        value.dump(),
        ": this start changes the base weights, which is not "
        "supported; convert the adapter with PEFT's save_pretrained("
        "path_initial_model_for_weight_conversion=...), or ",
        mergeWithPeft);
  }

  Error checkTask(const OrderedJson &value) const {
    for (const char *task : {"SEQ_CLS", "TOKEN_CLS", "QUESTION_ANS"})
      if (value == task)
        return makeError(ErrorCode::Unsupported, config.where,
                         ": 'task_type' is ", value.dump(),
                         ": heads other than a language model's are not "
                         "supported");
    return value.is_null() || value.is_string()
               ? Error::success()
               : expected("task_type", "a string", value);
  }

  /// Checks what concerns several keys, as LoraConfig.__post_init__ does.
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
