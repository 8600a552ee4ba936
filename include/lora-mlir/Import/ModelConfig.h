//===- ModelConfig.h - What config.json says about a model ------*- C++ -*-===//
//
// Reads the configuration of a Hugging Face folder with the defaults of the
// transformers library. Whatever would change the numbers and is not supported
// is refused by name; a size that makes no sense is refused with its key.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_IMPORT_MODELCONFIG_H
#define LORA_MLIR_IMPORT_MODELCONFIG_H

#include "lora-runtime/Error.h"
#include "lora-runtime/ModelHead.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lora {

/// The families whose graph can be built.
enum class ModelFamily {
  Llama,
  Mistral,
  Qwen2,
  Qwen3,
  Gemma2,
  Gemma3,
  Phi3,
  GPT2,
  Bert,
  Roberta,
};

/// The `model_type` of a family: "qwen3".
std::string_view familyName(ModelFamily family);

using lora_rt::ModelHead;

/// The nonlinearity of the feed-forward layer.
enum class MLPActivation { Silu, GeluErf, GeluTanh, Relu };

/// Rotary positions as transformers' modeling_rope_utils.py computes them.
struct RopeConfig {
  enum class Kind {
    /// `frequencies` hold for every call.
    Static,
    /// Calls of more than `switchLength` tokens stretch the base with the
    /// length (dynamic NTK): see lora_rt::dynamicFrequencies.
    Dynamic,
    /// Calls of more than `switchLength` tokens take `longFrequencies`.
    Longrope,
  };
  Kind kind = Kind::Static;
  /// Radians per position of each rotated pair; their number, times two, is the
  /// width that is rotated.
  std::vector<float> frequencies;
  std::vector<float> longFrequencies;
  int64_t switchLength = 0;
  /// Dynamic: the base, and how far the context is stretched.
  double theta = 0, factor = 1;
  /// Cosines and sines are multiplied by this (yarn, longrope).
  double attentionFactor = 1;
  bool operator==(const RopeConfig &) const = default;
};

/// A layer's settings, where layers may differ.
struct LayerConfig {
  /// The number of keys that a token sees at most, or all.
  std::optional<int64_t> window;
  /// Index into `ModelConfig::ropes`.
  size_t rope = 0;
  bool operator==(const LayerConfig &) const = default;
};

/// A model, as far as its graph goes. All sizes are positive and checked
/// against each other; products of two sizes fit int64_t.
struct ModelConfig {
  ModelFamily family = ModelFamily::Llama;
  ModelHead head = ModelHead::LanguageModel;
  /// A token sees itself and those before it, not all of its sequence
  /// (encoders, and decoders whose `is_causal` is false).
  bool causal = true;
  /// Of a classification head: how many labels there are.
  int64_t labels = 0;
  int64_t vocabSize = 0;
  int64_t hiddenSize = 0;
  int64_t intermediateSize = 0;
  int64_t heads = 0;
  int64_t kvHeads = 0;
  int64_t headDim = 0;
  /// The longest sequence that positions are good for.
  int64_t maxPositions = 0;
  /// Rows of a table of learned positions (GPT-2, BERT, RoBERTa); 0 without
  /// one.
  int64_t positionRows = 0;
  /// Row of the table that the first position has (RoBERTa: padding_idx + 1).
  int64_t positionOffset = 0;
  /// Of RMSNorm and LayerNorm.
  double normEps = 0;
  MLPActivation activation = MLPActivation::Silu;
  /// Biases of q, k, v; of o; of gate, up and down.
  bool qkvBias = false;
  bool outputBias = false;
  bool mlpBias = false;
  /// RMSNorm of each head's queries and keys (Qwen3, Gemma 3).
  bool qkNorm = false;
  /// What scores are multiplied with: usually 1 / sqrt(headDim).
  double attentionScale = 0;
  /// c tanh(x / c) of attention's scores and of the logits (Gemma 2).
  std::optional<double> attentionSoftcap, logitSoftcap;
  /// `tie_word_embeddings`: the head may be the embedding.
  bool tied = false;
  /// Rotary positions that layers choose from; empty with learned ones.
  std::vector<RopeConfig> ropes;
  /// One per layer.
  std::vector<LayerConfig> layers;
  /// Kinds of tokens that an encoder tells apart (`type_vocab_size`); 0 for
  /// decoders.
  int64_t tokenTypes = 0;
  /// `pad_token_id`.
  std::optional<int64_t> padTokenId;
  /// From generation_config.json, or else config.json.
  std::vector<int64_t> eosTokenIds;
  /// What a person should know, but is no reason to refuse.
  std::vector<std::string> warnings;
  /// The same for whoever trains the model.
  std::vector<std::string> trainingWarnings;

  bool isEncoder() const {
    return family == ModelFamily::Bert || family == ModelFamily::Roberta;
  }
  bool isGemma() const {
    return family == ModelFamily::Gemma2 || family == ModelFamily::Gemma3;
  }

  /// The module tree's prefix of the model below its head ("model.",
  /// "transformer.", "bert.", "roberta."), or "" without a head.
  std::string_view prefix() const;
  /// The same of the family, whatever the head.
  std::string_view familyPrefix() const;
};

/// Which head a model is to have, where the task of an adapter says so.
struct HeadRequest {
  ModelHead head = ModelHead::LanguageModel;
  /// Of a classification head; 0 for what config.json says.
  int64_t labels = 0;
};

/// Reads FOLDER/config.json, and eos ids from FOLDER/generation_config.json if
/// there is one. `head` replaces what `architectures` says.
lora_rt::Expected<ModelConfig>
readModelConfig(const std::string &folder,
                std::optional<HeadRequest> head = std::nullopt);

/// The same from texts; `where` names the config in messages.
lora_rt::Expected<ModelConfig>
parseModelConfig(std::string_view text, const std::string &where,
                 std::optional<HeadRequest> head = std::nullopt);

} // namespace lora

#endif // LORA_MLIR_IMPORT_MODELCONFIG_H
