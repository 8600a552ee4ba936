//===- PeftAdapter.cpp - Reading adapter folders --------------------------===//
//
// Maps each tensor of adapter_model.safetensors to a layer and a role, for the
// names of all versions of PEFT, and finds out how the model must be. A name
// with no meaning is an error.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Import/PeftAdapter.h"
#include "lora-mlir/Import/WeightedAdapter.h"
#include "lora-runtime/Folder.h"

#include <algorithm>
#include <filesystem>
#include <limits>
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
/// The beginnings of paths below a head, by family.
constexpr std::string_view headPrefixes[] = {"model.", "transformer.", "bert.",
                                             "roberta."};

/// Layers outside of the prefix, which a model without a head does not have.
constexpr std::string_view headLayers[] = {"lm_head.", "score.", "classifier.",
                                            "cls."};

void eraseAll(std::string &text, std::string_view part,
              std::string_view replacement) {
  for (size_t at = text.find(part); at != std::string::npos;
       at = text.find(part, at + replacement.size()))
    text.replace(at, part.size(), replacement);
}

/// Removes the adapter's name, which PEFT removes when it saves, and wrappers
/// that only some versions have: "q_proj.lora_A.default.weight" becomes
/// "q_proj.lora_A.weight", "q_proj.lora_magnitude_vector.default.weight"
/// becomes "q_proj.lora_magnitude_vector",
/// "norm.modules_to_save.default.weight" becomes "norm.weight".
std::string normalName(std::string_view key) {
  std::string name(key);
  eraseAll(name, ".modules_to_save.default.", ".");
  eraseAll(name, ".modules_to_save.", ".");
  eraseAll(name, ".original_module.", ".");
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

/// Whether only training uses a tensor.
bool isForTraining(std::string_view name) {
  return name.find(".lora_velora_") != std::string_view::npos ||
         name.find(".lora_monteclora_") != std::string_view::npos;
}

/// Whether a layer is the token embedding, by its path in the families' trees
/// of modules.
bool isInputEmbedding(std::string_view layer) {
  layer.remove_prefix(headPrefix(layer).size());
  return layer == "embed_tokens" || layer == "wte" ||
         layer == "embeddings.word_embeddings";
}

/// Whether a layer computes logits of all tokens: the head of decoders, or the
/// heads for masked words of BERT and RoBERTa.
bool isOutputEmbedding(std::string_view layer) {
  return layer == "lm_head" || layer == "lm_head.decoder" ||
         layer == "cls.predictions.decoder";
}

/// "lm_head" of "lm_head.weight".
std::string_view moduleOf(std::string_view parameter) {
  return parameter.substr(0, std::min(parameter.rfind('.'), parameter.size()));
}

bool isTable(std::string_view parameter, bool (*isModule)(std::string_view)) {
  return parameter.ends_with(".weight") && isModule(moduleOf(parameter));
}

/// The size of the vocabulary that a tensor shows: that of a table, or of a
/// branch of one.
std::optional<int64_t> vocabularyOf(std::string_view name,
                                    std::string_view parameter,
                                    const std::vector<int64_t> &shape) {
  if (shape.size() != 2)
    return std::nullopt;
  if (isTable(parameter, isInputEmbedding) ||
      isTable(parameter, isOutputEmbedding))
    return shape[0];
  size_t role = name.rfind(".lora_");
  if (role == std::string_view::npos)
    return std::nullopt;
  std::string_view layer = name.substr(0, role);
  if (isInputEmbedding(layer) && name.ends_with(".lora_embedding_A"))
    return shape[1];
  if (isOutputEmbedding(layer) && name.ends_with(".lora_B.weight"))
    return shape[0];
  return std::nullopt;
}

/// The base parameter that a tensor replaces; empty for a tensor of a branch.
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

Expected<PeftAdapter> PeftAdapter::open(const std::string &path) {
  Expected<std::string> folder =
      lora_rt::findFolder(path, lora_rt::FolderKind::Adapter);
  if (!folder)
    return folder.takeError();
  if (isMlxAdapter(*folder))
    return makeError(ErrorCode::Unsupported, path,
                     ": an adapter of mlx-lm; 'lora-adapter convert ", path,
                     " -o OUT_DIR' makes a PEFT folder of it");
  std::string file = *folder + "/adapter_config.json";
  if (!lora_rt::isFile(file))
    return lora_rt::missingConfig(*folder, lora_rt::FolderKind::Adapter);
  Expected<PeftConfig> config = readPeftConfig(file);
  if (!config)
    return config.takeError();
  Expected<lora_rt::Checkpoint> checkpoint =
      lora_rt::Checkpoint::open(*folder, "adapter_model");
  if (!checkpoint)
    return checkpoint.takeError();

  PeftAdapter adapter;
  adapter.settings = std::move(*config);
  adapter.checkpoint = std::move(*checkpoint);
  for (std::string_view key : adapter.checkpoint.names()) {
    if (const TensorView *tensor = adapter.checkpoint.find(key);
        tensor->elements() == 0)
      return makeError(ErrorCode::InvalidFile, adapter.checkpoint.fileOf(key),
                       ": tensor '", key, "' is ",
                       lora_rt::shapeText(tensor->shape),
                       ", so it holds nothing: the adapter was saved under "
                       "DeepSpeed ZeRO-3 without being gathered; save it with "
                       "the trainer, or make the weights of its checkpoint "
                       "with DeepSpeed's zero_to_fp32.py");
    if (Error error = adapter.addTensor(key))
      return error;
  }
  bool hasHead = adapter.checkpoint.size() == 0;
  for (const auto &[name, key] : adapter.keys) {
    if (adapter.pathPrefix.empty())
      adapter.pathPrefix = headPrefix(name);
    for (std::string_view layer : headLayers)
      hasHead |= name.starts_with(layer);
  }
  adapter.headless = !hasHead && adapter.pathPrefix.empty();
  return adapter;
}

/// Finds the role of a tensor by PEFT's rules for loading. For a layer that is
/// trained in full, PEFT reads X.weight and nothing else.
Error PeftAdapter::addTensor(std::string_view key) {
  if (!key.starts_with(keyPrefix))
    return makeError(ErrorCode::InvalidFile, checkpoint.fileOf(key),
                     ": expected tensor '", key, "' to begin with '", keyPrefix,
                     "', as PEFT writes it");
  std::string_view inTree = key.substr(keyPrefix.size());
  std::string name = normalName(inTree);
  bool isOriginal = inTree.find(".original_module.") != std::string_view::npos;
  if (isOriginal)
    originals.emplace(name, key);
  bool isSaved = inTree.find(".modules_to_save.") != std::string_view::npos;
  if (isOriginal || (isSaved && checkpoint.find(fileKey(name))) ||
      (settings.hasTrainingTensors && isForTraining(name))) {
    ignoredKeys.emplace_back(key);
    return Error::success();
  }
  // PEFT does not read this name.
  if (isSaved && !isSavedInFull(settings, moduleOf(name)))
    return makeError(ErrorCode::InvalidFile, checkpoint.fileOf(key),
                     ": tensor '", key,
                     "' is of a layer trained in full, but "
                     "'modules_to_save' in adapter_config.json does not name '",
                     moduleOf(name), "'");
  auto [place, isNew] = keys.emplace(name, std::string(key));
  if (isNew)
    return Error::success();
  if (!haveSameBytes(*checkpoint.find(place->second), *checkpoint.find(key)))
    return makeError(ErrorCode::InvalidFile, checkpoint.fileOf(key),
                     ": tensors '", place->second, "' and '", key,
                     "' are the same one, but their values differ");
  ignoredKeys.emplace_back(key);
  return Error::success();
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

const TensorView *PeftAdapter::findOriginal(std::string_view name) const {
  auto found = originals.find(nameInFile(name));
  return found == originals.end() ? nullptr : checkpoint.find(found->second);
}

const TensorView *PeftAdapter::find(std::string_view name) const {
  if (const TensorView *own = findOwn(name))
    return own;
  // Rows of tokens of the embedding are also those of the head.
  constexpr std::string_view rows = ".token_adapter.trainable_tokens_delta";
  if (name.ends_with(rows) &&
      isOutputEmbedding(name.substr(0, name.size() - rows.size()))) {
    for (const auto &[other, key] : keys)
      if (other.ends_with(rows) &&
          isInputEmbedding(
              std::string_view(other).substr(0, other.size() - rows.size())))
        return checkpoint.find(key);
    return nullptr;
  }
  // If embedding and head are one parameter, each one stands for the other. A
  // parameter that is trained in full is separate from the base model's.
  std::string parameter = baseParameter(name);
  bool wantsHead = isTable(parameter, isInputEmbedding);
  if (!wantsHead && parameter != "lm_head.weight")
    return nullptr;
  auto isOther = [&](std::string_view table) {
    return wantsHead ? table == "lm_head.weight"
                     : isTable(table, isInputEmbedding);
  };
  for (const auto &[other, key] : keys)
    if (std::string table = baseParameter(other);
        isOther(table) && !isSavedInFull(settings, moduleOf(table)))
      return checkpoint.find(key);
  for (const auto &[other, key] : originals)
    if (isOther(other))
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
  if (findOwn(wrapped))
    return wrapped;
  // The bias of a head for masked words has two names.
  for (std::string_view head : {"cls.predictions", "lm_head"})
    if (parameter == std::string(head) + ".bias")
      return overwriting(std::string(head) + ".decoder.bias");
  return {};
}

/// The head of a class of transformers ("BertForTokenClassification"), for the
/// families whose graph can be built. The names of some other classes end in
/// the same way, but they compute something else (GPT2DoubleHeadsModel,
/// LlamaBiModel).
static std::optional<ModelHead> headOfClass(std::string_view name) {
  constexpr std::string_view stems[] = {
      "Llama",   "Mistral",    "Qwen2",    "Qwen3", "Gemma2",
      "Gemma3",  "Gemma3Text", "Phi3",     "GPT2",  "Bert",
      "Roberta", "XLMRoberta", "Camembert"};
  constexpr std::pair<std::string_view, ModelHead> ends[] = {
      {"ForCausalLM", ModelHead::LanguageModel},
      {"LMHeadModel", ModelHead::LanguageModel},
      {"ForMaskedLM", ModelHead::LanguageModel},
      {"ForPreTraining", ModelHead::LanguageModel},
      {"ForSequenceClassification", ModelHead::SequenceClassification},
      {"ForTokenClassification", ModelHead::TokenClassification},
      {"Model", ModelHead::None},
  };
  for (std::string_view stem : stems)
    if (name.starts_with(stem))
      for (auto [end, head] : ends)
        if (name.substr(stem.size()) == end)
          return head;
  return std::nullopt;
}

Expected<AdapterFacts> PeftAdapter::facts() const {
  AdapterFacts facts;
  for (const auto &[name, key] : keys) {
    const std::vector<int64_t> &shape = checkpoint.find(key)->shape;
    std::string parameter = baseParameter(name);
    if (!parameter.empty())
      facts.parameters.emplace(parameter, shape);
    if (auto rows = vocabularyOf(name, parameter, shape);
        rows && (!facts.vocabSize || !parameter.empty())) {
      facts.vocabSize = rows;
      facts.vocabSource = key;
    }
    if (shape.size() != 2)
      continue;
    for (const char *head :
         {"score.weight", "classifier.weight", "classifier.out_proj.weight"})
      if (parameter == head)
        facts.labels = shape[0];
  }
  for (const auto &[name, tokens] : settings.trainableTokens)
    for (int64_t token : tokens)
      if (token < std::numeric_limits<int32_t>::max())
        facts.leastVocabSize = std::max(facts.leastVocabSize, token + 1);
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
