//===- PeftAdapter.cpp - Reading adapter folders --------------------------===//

#include "lora-mlir/Import/PeftAdapter.h"
#include "lora-mlir/Import/WeightedAdapter.h"

#include <filesystem>
#include <optional>

namespace lora::peft {

using lora_rt::Error;
using lora_rt::ErrorCode;
using lora_rt::Expected;
using lora_rt::makeError;
using lora_rt::ModelHead;
using lora_rt::TensorView;

namespace {

constexpr std::string_view keyPrefix = "base_model.model.";
/// What paths below a head begin with, by family.
constexpr std::string_view headPrefixes[] = {"model.", "transformer.", "bert.",
                                             "roberta."};

/// Modules beside the prefix: what a model without its head does not have.
constexpr std::string_view headModules[] = {"lm_head.", "score.", "classifier.",
                                            "cls."};

void eraseAll(std::string &text, std::string_view part,
              std::string_view replacement) {
  for (size_t at = text.find(part); at != std::string::npos;
       at = text.find(part, at + replacement.size()))
    text.replace(at, part.size(), replacement);
}

/// Drops the adapter's name, which PEFT strips when it saves, and wrappers that
/// came and went between its versions: "q_proj.lora_A.default.weight" is
/// "q_proj.lora_A.weight", "q_proj.lora_magnitude_vector.default.weight" is
/// "q_proj.lora_magnitude_vector", "norm.modules_to_save.default.weight" is
/// "norm.weight".
std::string normalName(std::string_view key) {
  std::string name(key);
  eraseAll(name, ".modules_to_save.default.", ".");
  eraseAll(name, ".modules_to_save.", ".");
  eraseAll(name, ".token_adapter.base_layer.", ".base_layer.");
  size_t role = name.rfind(".lora_");
  size_t tokens = name.rfind(".token_adapter.");
  if (role == std::string::npos && tokens == std::string::npos)
    return name;
  size_t at = role == std::string::npos ? tokens : role;
  std::string rest = name.substr(at);
  eraseAll(rest, ".default.", ".");
  if (rest.ends_with(".default"))
    rest.resize(rest.size() - 8);
  if (rest == ".lora_magnitude_vector.weight")
    rest = ".lora_magnitude_vector";
  return name.substr(0, at) + rest;
}

/// Whether a tensor serves training alone.
bool isForTraining(std::string_view name) {
  return name.find(".lora_velora_") != std::string_view::npos ||
         name.find(".lora_monteclora_") != std::string_view::npos;
}

/// Whether a parameter is the table of a model's tokens.
bool isInputEmbedding(std::string_view name) {
  size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || name.substr(dot + 1) != "weight")
    return false;
  std::string_view module = name.substr(0, dot);
  for (std::string_view last : {"embed_tokens", "wte", "word_embeddings"})
    if (module == last || (module.ends_with(last) &&
                           module[module.size() - last.size() - 1] == '.'))
      return true;
  return false;
}

/// The base parameter that a tensor replaces, or empty for a tensor of a
/// branch.
std::string baseParameter(std::string_view name) {
  if (name.find(".lora_") != std::string_view::npos ||
      name.find(".token_adapter.") != std::string_view::npos)
    return {};
  std::string parameter(name);
  eraseAll(parameter, ".base_layer.", ".");
  return parameter;
}

} // namespace

std::string_view headPrefix(std::string_view path) {
  for (std::string_view prefix : headPrefixes)
    if (path.starts_with(prefix))
      return prefix;
  return {};
}

std::string fileKey(std::string_view name) {
  return std::string(keyPrefix) + std::string(name);
}

bool isMlxAdapter(const std::string &folder) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  auto exists = [&](const char *name) {
    return fs::exists(fs::path(folder) / name, ignored);
  };
  return (exists("adapters.safetensors") || exists("adapters.npz")) &&
         !exists("adapter_model.safetensors") &&
         !exists("adapter_model.safetensors.index.json");
}

Expected<PeftAdapter> PeftAdapter::open(const std::string &folder) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  auto exists = [&](const char *name) {
    return fs::exists(fs::path(folder) / name, ignored);
  };
  if (isMlxAdapter(folder))
    return makeError(ErrorCode::Unsupported, folder,
                     ": an adapter of mlx-lm; 'lora-adapter convert ", folder,
                     " -o OUT_DIR' makes a PEFT folder of it");
  if (!exists("adapter_config.json"))
    return makeError(ErrorCode::InvalidFile, folder,
                     ": no adapter_config.json; expected a folder that PEFT's "
                     "save_pretrained() wrote");
  Expected<PeftConfig> config =
      readPeftConfig((fs::path(folder) / "adapter_config.json").string());
  if (!config)
    return config.takeError();
  if (!exists("adapter_model.safetensors") &&
      !exists("adapter_model.safetensors.index.json")) {
    if (exists("adapter_model.bin"))
      return makeError(
          ErrorCode::Unsupported, folder,
          ": adapter_model.bin is a pickle, which can run code when it is "
          "read; "
          "convert it with Python: safetensors.torch.save_file(torch.load("
          "'adapter_model.bin', weights_only=True), "
          "'adapter_model.safetensors', {'format': 'pt'})");
    return makeError(
        ErrorCode::InvalidFile, folder,
        ": no adapter_model.safetensors beside "
        "adapter_config.json; an adapter without weights cannot be "
        "attached");
  }
  Expected<lora_rt::Checkpoint> checkpoint =
      lora_rt::Checkpoint::open(folder, "adapter_model");
  if (!checkpoint)
    return checkpoint.takeError();

  PeftAdapter adapter;
  adapter.settings = std::move(*config);
  bool hasTrainingTensors = adapter.settings.hasTrainingTensors;
  bool hasHead = checkpoint->size() == 0;
  for (std::string_view key : checkpoint->names()) {
    if (!key.starts_with(keyPrefix))
      return makeError(ErrorCode::InvalidFile, checkpoint->fileOf(key),
                       ": expected tensor '", key, "' to begin with '",
                       keyPrefix, "', as PEFT writes it");
    std::string_view inTree = key.substr(keyPrefix.size());
    std::string name = normalName(inTree);
    // With bias = "all" PEFT also saves what its wrappers of modules_to_save
    // hold: the base model's bias, and the trained one a second time.
    bool isCopy =
        inTree.find(".original_module.") != std::string_view::npos ||
        (inTree.find(".modules_to_save.bias") != std::string_view::npos &&
         checkpoint->find(std::string(keyPrefix) + name));
    if (isCopy || (hasTrainingTensors && isForTraining(name))) {
      adapter.ignoredKeys.emplace_back(key);
      continue;
    }
    if (adapter.pathPrefix.empty())
      adapter.pathPrefix = headPrefix(name);
    for (std::string_view module : headModules)
      hasHead |= name.starts_with(module);
    auto [place, isNew] = adapter.keys.emplace(name, std::string(key));
    if (!isNew)
      return makeError(ErrorCode::InvalidFile, checkpoint->fileOf(key),
                       ": tensors '", place->second, "' and '", key,
                       "' are the same one");
  }
  adapter.headless = !hasHead && adapter.pathPrefix.empty();
  adapter.checkpoint = std::move(*checkpoint);
  return adapter;
}

std::vector<std::string_view> PeftAdapter::names() const {
  std::vector<std::string_view> result;
  for (const auto &[name, key] : keys)
    result.push_back(name);
  return result;
}

std::string PeftAdapter::nameInFile(std::string_view name) const {
  if (keys.contains(name))
    return std::string(name);
  if (std::string_view begin = headPrefix(name); !begin.empty())
    return std::string(headless ? name.substr(begin.size()) : name);
  std::string longer = pathPrefix + std::string(name);
  return keys.contains(longer) ? longer : std::string(name);
}

const TensorView *PeftAdapter::findOwn(std::string_view name) const {
  auto found = keys.find(nameInFile(name));
  return found == keys.end() ? nullptr : checkpoint.find(found->second);
}

const TensorView *PeftAdapter::find(std::string_view name) const {
  if (const TensorView *own = findOwn(name))
    return own;
  // Where embedding and head are one parameter, each is the other's; what is
  // trained in full is a parameter of its own.
  std::string parameter = baseParameter(name);
  auto isHead = [](std::string_view tensor) {
    return baseParameter(tensor) == "lm_head.weight";
  };
  bool wantsHead = isInputEmbedding(parameter);
  if (!wantsHead && !isHead(name))
    return nullptr;
  for (const auto &[other, key] : keys)
    if ((wantsHead ? isHead(other) : isInputEmbedding(baseParameter(other))) &&
        !isSavedInFull(settings, other.substr(0, other.rfind('.'))))
      return checkpoint.find(key);
  return nullptr;
}

std::string PeftAdapter::overwriting(std::string_view parameter) const {
  if (!baseParameter(parameter).empty() && findOwn(parameter))
    return std::string(parameter);
  size_t dot = parameter.rfind('.');
  if (dot == std::string_view::npos)
    return {};
  std::string wrapped = std::string(parameter.substr(0, dot)) + ".base_layer" +
                        std::string(parameter.substr(dot));
  return findOwn(wrapped) ? wrapped : std::string();
}

/// The head that a class of transformers' has ("BertForTokenClassification").
static std::optional<ModelHead> headOfClass(std::string_view name) {
  if (name.ends_with("ForCausalLM") || name.ends_with("LMHeadModel") ||
      name.ends_with("ForMaskedLM") || name.ends_with("ForPreTraining"))
    return ModelHead::LanguageModel;
  if (name.ends_with("ForSequenceClassification"))
    return ModelHead::SequenceClassification;
  if (name.ends_with("ForTokenClassification"))
    return ModelHead::TokenClassification;
  if (name.ends_with("Model"))
    return ModelHead::None;
  return std::nullopt;
}

Expected<AdapterFacts> PeftAdapter::facts() const {
  AdapterFacts facts;
  for (const auto &[name, key] : keys) {
    const std::vector<int64_t> &shape = checkpoint.find(key)->shape;
    std::string parameter = baseParameter(name);
    if (!parameter.empty())
      facts.parameters.emplace(parameter, shape);
    if (shape.size() != 2)
      continue;
    // A vocabulary, from a table, or from a branch beside one.
    if (isInputEmbedding(parameter) || parameter == "lm_head.weight")
      facts.vocabSize = shape[0];
    else if (!facts.vocabSize && name == "lm_head.lora_B.weight")
      facts.vocabSize = shape[0];
    for (const char *head :
         {"score.weight", "classifier.weight", "classifier.out_proj.weight"})
      if (parameter == head)
        facts.labels = shape[0];
  }
  if (settings.taskType == "CAUSAL_LM")
    facts.head = ModelHead::LanguageModel;
  else if (settings.taskType == "SEQ_CLS")
    facts.head = ModelHead::SequenceClassification;
  else if (settings.taskType == "TOKEN_CLS")
    facts.head = ModelHead::TokenClassification;
  else if (settings.taskType == "FEATURE_EXTRACTION")
    facts.head = ModelHead::None;
  else if (!settings.modelClass.empty())
    facts.head = headOfClass(settings.modelClass);
  if (!facts.head && !settings.modelClass.empty())
    return makeError(ErrorCode::Unsupported, settings.where,
                     ": 'auto_mapping' says that the adapter was made for ",
                     settings.modelClass,
                     "; supported are language models, classification of "
                     "sequences and of tokens, and models without a head");
  if (!facts.head && headless)
    facts.head = ModelHead::None;
  return facts;
}

std::string PeftAdapter::keyOf(std::string_view name) const {
  return fileKey(nameInFile(name));
}

} // namespace lora::peft
