//===- ModelConfig.cpp - Reading config.json ------------------------------===//
//
// Calls the parts in this order: the family first, because it determines the
// keys; then the keys that are refused in any case; then sizes, and then the
// lists that depend on them. Every key is read by a part, refused here because
// it would change the numbers, known here to have no effect, or named in a
// warning.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Import/ModelConfig.h"
#include "ConfigParts.h"
#include "lora-runtime/File.h"
#include "lora-runtime/Folder.h"

#include <algorithm>

using namespace lora;
using namespace lora_rt;

//===----------------------------------------------------------------------===//
// Common keys, and keys that no family reads
//===----------------------------------------------------------------------===//

/// Keys that transformers writes, but that do not affect the numbers of a call.
static constexpr std::string_view withoutEffect[] = {
    "_attn_implementation",
    "_attn_implementation_autoset",
    "_name_or_path",
    "_sliding_window_pattern",
    "attn_implementation",
    "bos_token_id",
    "cache_implementation",
    "chunk_size_feed_forward",
    "cls_token_id",
    "decoder_start_token_id",
    "directionality",
    "dtype",
    "finetuning_task",
    "gradient_checkpointing",
    "id2label",
    "initializer_range",
    "label2id",
    "mask_token_id",
    "max_length",
    "max_window_layers",
    "n_ctx",
    "name_or_path",
    "num_labels",
    "original_max_position_embeddings",
    "output_past",
    "pooler_fc_size",
    "pooler_num_attention_heads",
    "pooler_num_fc_layers",
    "pooler_size_per_head",
    "pooler_type",
    "position_embedding_type",
    "predict_special_tokens",
    "pretraining_tp",
    "problem_type",
    "reorder_and_upcast_attn",
    "return_dict",
    "sep_token_id",
    "summary_activation",
    "summary_proj_to_labels",
    "summary_type",
    "summary_use_proj",
    "task_specific_params",
    "tokenizer_class",
    "torch_dtype",
    "transformers_version",
    "unk_token_id",
    "use_cache",
};

/// Keys that only training uses.
static constexpr std::string_view dropoutKeys[] = {
    "attention_dropout",
    "attention_probs_dropout_prob",
    "attn_pdrop",
    "classifier_dropout",
    "embd_pdrop",
    "hidden_dropout_prob",
    "hidden_dropout",
    "resid_pdrop",
    "classifier_dropout_prob",
    "summary_first_dropout",
};

void lora::refuseUnsupported(ConfigContext &context) {
  auto &[reader, traits, config, where] = context;
  if (const Json *value = reader.find("quantization_config");
      value && *value != Json::object())
    reader.unsupported("quantization_config: quantized checkpoints are not "
                       "supported; take the "
                       "model's F32, F16 or BF16 checkpoint");
  for (const char *key : {"text_config", "vision_config", "audio_config"})
    if (reader.find(key))
      reader.unsupported(key, ": models of several modalities are not "
                              "supported; save the language model by itself");
  for (const char *key : {"use_bidirectional_attention", "is_encoder_decoder",
                          "add_cross_attention"})
    if (!reader.isUnset(key))
      reader.unsupported(key, " = ", show(*reader.find(key)),
                         " is not supported; only decoders with causal "
                         "attention and encoders are");
  // This is the first file that transformers looks for.
  if (!reader.isUnset("transformers_weights") &&
      *reader.find("transformers_weights") != "model.safetensors")
    reader.unsupported(
        "transformers_weights = ", show(*reader.find("transformers_weights")),
        " names the file of the weights; call it model.safetensors, and leave "
        "the key out");
  for (const char *key : {"pruned_heads", "per_layer_config"})
    if (!reader.isUnset(key))
      reader.unsupported(key, " = ", show(*reader.find(key)),
                         " is not supported: all layers must have the same "
                         "sizes");
  // The generic head of decoders; GPT-2's head and those of encoders always
  // have a bias.
  if (config.head == ModelHead::TokenClassification && !config.isEncoder() &&
      config.family != ModelFamily::GPT2)
    if (!reader.flag("token_classification_bias", true))
      reader.unsupported("token_classification_bias = false is not supported");
}

/// In transformers from 5.2 on, all tokens of a decoder see each other if
/// is_causal is false. How it treats values other than true and false depends
/// on its implementation of attention ("sdpa", "eager"); the same applies to
/// true for an encoder.
void lora::readCausality(ConfigContext &context) {
  auto &[reader, traits, config, where] = context;
  constexpr std::string_view key = "is_causal";
  config.causal = !config.isEncoder();
  if (!reader.contains(key))
    return;
  const Json *value = reader.find(key);
  if (config.isEncoder()) {
    if (value && *value != false)
      reader.unsupported(key, " = ", show(*value),
                         " is not supported: tokens of an encoder see all "
                         "tokens; leave the key out");
    return;
  }
  if (!value || !value->is_boolean())
    return reader.invalid(key,
                          ": expected true (each token sees those before "
                          "it) or false (all tokens see each other), but "
                          "got ",
                          value ? show(*value) : "null");
  config.causal = value->get<bool>();
}

void lora::readActivation(ConfigContext &context, std::string_view key,
                          MLPActivation absent) {
  auto &[reader, traits, config, where] = context;
  struct Name {
    std::string_view text;
    MLPActivation kind;
  };
  static constexpr Name names[] = {
      {"silu", MLPActivation::Silu},
      {"swish", MLPActivation::Silu},
      {"gelu", MLPActivation::GeluErf},
      {"gelu_python", MLPActivation::GeluErf},
      {"gelu_new", MLPActivation::GeluTanh},
      {"gelu_pytorch_tanh", MLPActivation::GeluTanh},
      {"gelu_python_tanh", MLPActivation::GeluTanh},
      {"gelu_fast", MLPActivation::GeluTanh},
      {"gelu_accurate", MLPActivation::GeluTanh},
      {"relu", MLPActivation::Relu},
  };
  config.activation = absent;
  reader.refuseNull(key);
  if (!reader.find(key))
    return;
  std::string name = reader.text(key), supported;
  for (const Name &candidate : names) {
    if (candidate.text == name) {
      config.activation = candidate.kind;
      return;
    }
    supported += (supported.empty() ? "" : ", ") + std::string(candidate.text);
  }
  reader.unsupported(key, " '", name,
                     "' is not supported; supported are: ", supported);
}

static void readPadding(ConfigContext &context) {
  auto &[reader, traits, config, where] = context;
  const Json *value = reader.find("pad_token_id");
  if (!value) {
    if (!reader.contains("pad_token_id"))
      config.padTokenId = traits.padTokenId;
  } else if (value->is_number_integer() && !value->is_number_unsigned()) {
    context.warn("pad_token_id = " + show(*value) +
                 " is no token, so there is no padding");
    return;
  } else if (!isIndex(*value)) {
    return reader.invalid("pad_token_id: expected a token id, but got ",
                          show(*value));
  } else {
    config.padTokenId = value->get<int64_t>();
  }
  // All embeddings except GPT-2's have a row for padding.
  if (config.padTokenId && *config.padTokenId >= config.vocabSize &&
      config.family != ModelFamily::GPT2)
    reader.invalid("pad_token_id: expected a token id below vocab_size ",
                   config.vocabSize, ", but got ", *config.padTokenId,
                   value ? "" : ", the value of an absent key");
}

void lora::readTokenIds(ConfigContext &context) {
  auto &[reader, traits, config, where] = context;
  readPadding(context);
  if (!reader.contains("eos_token_id")) {
    if (traits.eosTokenId && *traits.eosTokenId < config.vocabSize)
      config.eosTokenIds = {*traits.eosTokenId};
    return;
  }
  for (int64_t id : reader.tokenIds("eos_token_id"))
    if (id < config.vocabSize)
      config.eosTokenIds.push_back(id);
    else
      context.warn("eos_token_id " + std::to_string(id) +
                   " is outside the vocabulary of " +
                   std::to_string(config.vocabSize) + " and never comes");
}

void lora::warnOfUnusedKeys(ConfigContext &context) {
  auto &[reader, traits, config, where] = context;
  bool hasCode = !reader.isUnset("auto_map");
  std::string dropouts, unknown;
  auto append = [](std::string &list, const std::string &text) {
    list += (list.empty() ? "" : ", ") + text;
  };
  for (const std::string &key : reader.unread()) {
    if (std::ranges::find(dropoutKeys, key) != std::end(dropoutKeys))
      append(dropouts, key + " = " + show(*reader.find(key)));
    else if (std::find(std::begin(withoutEffect), std::end(withoutEffect),
                       key) == std::end(withoutEffect))
      append(unknown, "'" + key + "'");
  }
  if (!dropouts.empty())
    config.trainingWarnings.push_back(where + ": " + dropouts +
                                      ": dropout is not applied in training");
  if (hasCode)
    context.warn("auto_map names code of the model's own, which is not run");
  if (!unknown.empty())
    context.warn("of " + std::string(traits.type) +
                 ", transformers does not read " + unknown +
                 ", and neither do we");
}

//===----------------------------------------------------------------------===//
// The reader
//===----------------------------------------------------------------------===//

static void readFamilySettings(ConfigContext &context) {
  switch (context.config.family) {
  case ModelFamily::GPT2:
    return readGPT2(context);
  case ModelFamily::Bert:
  case ModelFamily::Roberta:
    return readEncoder(context);
  default:
    return readDecoder(context);
  }
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
  const FamilyTraits *traits = readFamily(reader);
  if (!traits) // The rules below are those of the supported families.
    return reader.takeError();
  ModelConfig config;
  config.family = traits->family;
  ConfigContext context{reader, *traits, config, where};
  readHead(context, head);
  refuseUnsupported(context);
  readCausality(context);
  config.vocabSize = reader.size("vocab_size", maxIndex);
  if (reader.failed())
    return reader.takeError();
  readTokenIds(context);
  config.tied = reader.flag("tie_word_embeddings", traits->tied);
  if (!reader.failed())
    readFamilySettings(context);
  if (!reader.failed())
    limitToWindows(context);
  if (reader.failed())
    return reader.takeError();
  warnOfUnusedKeys(context);
  return config;
}

Expected<ModelConfig> lora::readModelConfig(const std::string &path,
                                            std::optional<HeadRequest> head) {
  Expected<std::string> found = findFolder(path, FolderKind::Model);
  if (!found)
    return found.takeError();
  std::string file = *found + "/config.json";
  if (!isFile(file))
    return missingConfig(*found, FolderKind::Model);
  Expected<std::string> text = readTextFile(file);
  if (!text)
    return text.takeError();
  Expected<ModelConfig> config = parseModelConfig(*text, file, head);
  std::string generation = *found + "/generation_config.json";
  if (!config || !isFile(generation))
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
