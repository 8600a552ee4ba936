//===- SentenceTransformers.cpp - The files of sentence-transformers ------===//
//
// Implements PoolingSettings::load: reads modules.json and the configurations
// of its modules, as version 6 of sentence-transformers reads its own files and
// those of older versions.
//
//===----------------------------------------------------------------------===//

#include "PoolingNames.h"
#include "lora-runtime/EncoderSettings.h"
#include "lora-runtime/Folder.h"

#include <filesystem>

namespace lora_rt {

namespace {

template <typename... Parts> Error invalid(const Parts &...parts) {
  return makeError(ErrorCode::InvalidFile, parts...);
}

/// A JSON object in a file, whose values are checked as they are read. Keeps
/// the first error.
class ObjectFile {
public:
  ObjectFile(Json object, std::string path)
      : object(std::move(object)), path(std::move(path)) {}

  static Expected<ObjectFile> read(const std::string &path) {
    Expected<Json> json = readJsonFile(path);
    if (!json)
      return json.takeError();
    if (!json->is_object())
      return invalid(path, ": expected a JSON object");
    return ObjectFile(std::move(*json), path);
  }

  const Json &json() const { return object; }

  /// nullptr if the key is absent or null.
  const Json *find(const char *key) const {
    auto found = object.find(key);
    return found == object.end() || found->is_null() ? nullptr : &*found;
  }

  bool flag(const char *key, bool fallback) {
    const Json *value = find(key);
    if (value && !value->is_boolean())
      fail(key, "true or false", *value);
    return value && value->is_boolean() ? value->get<bool>() : fallback;
  }

  /// A number of 1 or more; 0 if absent.
  int64_t size(const char *key) {
    const Json *value = find(key);
    if (!value)
      return 0;
    // A model without a limit has an enormous number, maybe with an exponent.
    if (value->is_number() && value->get<double>() > double(INT32_MAX))
      return 0;
    if (isIndex(*value) && value->get<int64_t>() > 0)
      return value->get<int64_t>();
    fail(key, "a whole number from 1 on", *value);
    return 0;
  }

  std::string text(const char *key, const char *fallback = "") {
    const Json *value = find(key);
    if (value && !value->is_string())
      fail(key, "a text", *value);
    return value && value->is_string() ? value->get<std::string>() : fallback;
  }

  void fail(const char *key, const char *expected, const Json &found) {
    if (!error)
      error =
          invalid(path, ": '", key, "': expected ", expected, ", but got ",
                  found.dump(-1, ' ', false, Json::error_handler_t::replace));
  }

  Error take() { return std::move(error); }

private:
  Json object;
  std::string path;
  Error error;
};

/// One module of modules.json.
struct Module {
  std::string type;
  std::string folder; ///< relative to the model's folder; may be empty
};

Expected<std::vector<Module>> readModules(const std::string &path) {
  Expected<Json> json = readJsonFile(path);
  if (!json)
    return json.takeError();
  if (!json->is_array())
    return invalid(path, ": expected a list of modules, as "
                         "sentence-transformers writes it");
  std::vector<Module> modules;
  for (Json &element : *json) {
    if (!element.is_object() || !element.contains("type"))
      return invalid(path, ": module ", modules.size(),
                     ": expected an object with a 'type' and a 'path'");
    ObjectFile fields(std::move(element), path);
    Module module = {fields.text("type"), fields.text("path")};
    if (Error error = fields.take())
      return error;
    for (const std::filesystem::path &part :
         std::filesystem::path(module.folder))
      if (part == ".." || part.has_root_directory())
        return invalid(path, ": the path of a module, '", module.folder,
                       "', leads out of the folder");
    modules.push_back(std::move(module));
  }
  return modules;
}

/// The class of a module without its package, or nothing for a class that is
/// not one of sentence-transformers.
std::string className(const std::string &type) {
  if (!type.starts_with("sentence_transformers."))
    return "";
  return type.substr(type.rfind('.') + 1);
}

class SettingsReader {
public:
  explicit SettingsReader(std::string folder) : folder(std::move(folder)) {}

  Expected<PoolingSettings> read() {
    Expected<std::vector<Module>> modules = readModules(path("modules.json"));
    if (!modules)
      return modules.takeError();
    if (isFile(path("config_sentence_transformers.json")))
      if (Error error = readModel(path("config_sentence_transformers.json")))
        return error;
    bool hasPooling = false;
    for (size_t i = 0; i < modules->size(); ++i)
      if (Error error = readModule((*modules)[i], i, hasPooling))
        return error;
    if (!hasPooling)
      refuse("modules.json has no Pooling");
    return settings;
  }

private:
  std::string path(const std::string &name) const {
    return folder + "/" + name;
  }
  std::string path(const Module &module, const std::string &name) const {
    return path(module.folder.empty() ? name : module.folder + "/" + name);
  }

  /// Keeps the first reason.
  template <typename... Parts> void refuse(const Parts &...parts) {
    if (settings.refusal.empty())
      settings.refusal = makeError(ErrorCode::Unsupported, parts...).message();
  }

  Error readModule(const Module &module, size_t index, bool &hasPooling) {
    std::string name = className(module.type);
    if (name == "Transformer" && index == 0)
      return readTransformer(module);
    if (name == "Pooling" && index > 0 && !hasPooling) {
      hasPooling = true;
      return readPooling(module);
    }
    if (name == "Normalize" && hasPooling)
      return readNormalize(module);
    // It changes nothing except in training.
    if (name == "Dropout")
      return Error::success();
    refuse("modules.json has the module ", index, " of type '", module.type,
           "', which is not supported; supported are a Transformer, a Pooling, "
           "and then Normalize");
    return Error::success();
  }

  /// config_sentence_transformers.json
  Error readModel(const std::string &file) {
    Expected<ObjectFile> config = ObjectFile::read(file);
    if (!config)
      return config.takeError();
    std::string type = config->text("model_type", "SentenceTransformer");
    if (type != "SentenceTransformer")
      refuse("the folder has a ", type,
             ", not a SentenceTransformer (model_type in "
             "config_sentence_transformers.json)");
    settings.keptWidth = config->size("truncate_dim");
    settings.defaultPrompt = config->text("default_prompt_name");
    if (const Json *prompts = config->find("prompts")) {
      if (!prompts->is_object())
        config->fail("prompts", "an object of texts", *prompts);
      else
        for (const auto &[name, prompt] : prompts->items())
          if (prompt.is_string())
            settings.prompts[name] = prompt.get<std::string>();
          else if (!prompt.is_null())
            config->fail("prompts", "an object of texts", *prompts);
    }
    if (Error error = config->take())
      return error;
    if (!settings.defaultPrompt.empty() &&
        !settings.prompts.count(settings.defaultPrompt))
      return invalid(file, ": default_prompt_name is '", settings.defaultPrompt,
                     "', which is not in 'prompts'");
    return Error::success();
  }

  Error readTransformer(const Module &module) {
    for (const char *kind : {"bert", "roberta", "distilbert", "camembert",
                             "albert", "xlm-roberta", "xlnet"}) {
      std::string file =
          path(module, std::string("sentence_") + kind + "_config.json");
      if (!isFile(file))
        continue;
      Expected<ObjectFile> config = ObjectFile::read(file);
      if (!config)
        return config.takeError();
      // An empty configuration counts as none.
      if (config->json().empty())
        continue;
      settings.maxTokens = config->size("max_seq_length");
      settings.lowersCase = config->flag("do_lower_case", false);
      checkTransformer(*config);
      return config->take();
    }
    return Error::success();
  }

  /// Refuses settings that change what the transformer computes.
  void checkTransformer(ObjectFile &config) {
    for (const auto &[key, value] : config.json().items()) {
      if (value.is_null() || value == Json::object() || key == "unpad_inputs" ||
          key == "max_seq_length" || key == "do_lower_case")
        continue;
      auto isOf = [&, &key = key](const char *name) { return key == name; };
      bool known = false;
      if (isOf("transformer_task"))
        known = value == "feature-extraction";
      else if (isOf("module_output_name"))
        known = value == "token_embeddings";
      else if (isOf("modality_config"))
        known = value == Json{{"text",
                               {{"method", "forward"},
                                {"method_output_name", "last_hidden_state"}}}};
      else if (isOf("model_args") || isOf("model_kwargs"))
        known = hasOnly(value, {"trust_remote_code", "attn_implementation",
                                "torch_dtype", "dtype", "add_pooling_layer"});
      else if (isOf("tokenizer_args") || isOf("processor_kwargs"))
        known = readTokenizerSettings(value);
      else if (isOf("config_args") || isOf("config_kwargs"))
        known = hasOnly(value, {"trust_remote_code", "use_cache"});
      if (!known)
        refuse("the Transformer module has '", key, "': ",
               value.dump(-1, ' ', false, Json::error_handler_t::replace),
               ", which is not supported");
    }
  }

  static bool hasOnly(const Json &value,
                      std::initializer_list<const char *> names) {
    if (!value.is_object())
      return false;
    for (const auto &[key, element] : value.items())
      if (std::find(names.begin(), names.end(), key) == names.end())
        return false;
    return true;
  }

  bool readTokenizerSettings(const Json &value) {
    if (!hasOnly(value, {"trust_remote_code", "padding_side", "use_fast",
                         "model_max_length"}))
      return false;
    if (auto length = value.find("model_max_length");
        length != value.end() && !length->is_null()) {
      if (!isIndex(*length) || *length == 0)
        return false;
      settings.maxTokens = length->get<int64_t>();
    }
    return true;
  }

  Error readPooling(const Module &module) {
    std::string file = path(module, "config.json");
    if (!isFile(file))
      return invalid(folder, ": modules.json has a Pooling in '", module.folder,
                     "', but there is no ", file);
    Expected<ObjectFile> config = ObjectFile::read(file);
    if (!config)
      return config.takeError();
    settings.poolings.clear();
    if (const Json *mode = config->find("pooling_mode"))
      readMode(*mode, *config);
    else
      readFlags(*config);
    settings.poolsPrompt = config->flag("include_prompt", true);
    settings.hiddenSize = config->size("embedding_dimension");
    if (!settings.hiddenSize)
      settings.hiddenSize = config->size("word_embedding_dimension");
    for (const auto &[key, value] : config->json().items())
      if (key != "pooling_mode" && key != "include_prompt" &&
          key != "embedding_dimension" && key != "word_embedding_dimension" &&
          std::find_if(std::begin(flagNames), std::end(flagNames),
                       [&key = key](const char *name) {
                         return key == name;
                       }) == std::end(flagNames))
        refuse("the Pooling module has '", key, "', which is not known");
    return config->take();
  }

  /// A name, or a list of names.
  void readMode(const Json &mode, ObjectFile &config) {
    const Json list = mode.is_array() ? mode : Json::array({mode});
    for (const Json &name : list) {
      if (std::optional<Pooling> pooling = parsePooling(name))
        settings.poolings.push_back(*pooling);
      else if (name.is_string())
        refuse("the Pooling module has the pooling_mode '",
               name.get<std::string>(),
               "', which is not known; known are cls, max, mean, "
               "mean_sqrt_len_tokens, weightedmean and lasttoken");
      else
        config.fail("pooling_mode", "a name or a list of names", mode);
    }
    if (list.empty() || list.size() > poolingNames.size())
      config.fail("pooling_mode", "one to six names", mode);
  }

  /// Files of version 5 and before have a flag for each pooling. Without any,
  /// it is the mean.
  void readFlags(ObjectFile &config) {
    for (size_t i = 0; i < poolingNames.size(); ++i)
      if (config.flag(flagNames[i], false))
        settings.poolings.push_back(Pooling(i));
    if (settings.poolings.empty())
      settings.poolings = {Pooling::Mean};
  }

  Error readNormalize(const Module &module) {
    settings.normalizes = true;
    std::string file = path(module, "config.json");
    // Older versions write no file. With an empty path, it is the model's.
    if (module.folder.empty() || !isFile(file))
      return Error::success();
    Expected<ObjectFile> config = ObjectFile::read(file);
    if (!config)
      return config.takeError();
    for (const char *key : {"module_input_name", "module_output_name"})
      if (std::string name = config->text(key, "sentence_embedding");
          name != "sentence_embedding")
        refuse("the Normalize module has '", key, "': '", name,
               "', which is not supported");
    return config->take();
  }

  static constexpr std::array<const char *, 6> flagNames = {
      "pooling_mode_cls_token",           "pooling_mode_max_tokens",
      "pooling_mode_mean_tokens",         "pooling_mode_mean_sqrt_len_tokens",
      "pooling_mode_weightedmean_tokens", "pooling_mode_lasttoken"};

  std::string folder;
  PoolingSettings settings;
};

/// The folder with the modules.json that is about the model in `folder`: that
/// folder, or the one above it, whose first module it is, as older versions
/// save it (0_Transformer). Empty if there is none.
Expected<std::string> findModules(const std::string &folder) {
  namespace fs = std::filesystem;
  if (isFile(folder + "/modules.json"))
    return folder;
  std::error_code code;
  fs::path real = fs::canonical(folder, code);
  if (code || !isFile((real.parent_path() / "modules.json").string()))
    return std::string();
  std::string above = real.parent_path().string();
  Expected<std::vector<Module>> modules = readModules(above + "/modules.json");
  if (!modules)
    return modules.takeError();
  bool isFirst = !modules->empty() && (*modules)[0].folder == real.filename();
  return isFirst ? above : std::string();
}

} // namespace

Expected<std::optional<PoolingSettings>>
PoolingSettings::load(const std::string &path) {
  Expected<std::string> folder = findFolder(path, FolderKind::Model);
  if (!folder)
    return folder.takeError();
  Expected<std::string> root = findModules(*folder);
  if (!root)
    return root.takeError();
  if (root->empty())
    return std::optional<PoolingSettings>();
  Expected<PoolingSettings> settings = SettingsReader(*root).read();
  if (!settings)
    return settings.takeError();
  return std::optional(std::move(*settings));
}

} // namespace lora_rt
