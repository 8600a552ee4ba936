//===- ModelConfig.h - What config.json says about a model ------*- C++ -*-===//
//
// Reads the configuration of a Hugging Face folder with the defaults of the
// transformers library. A setting that would change the numbers and is not
// supported is refused by name. A size that makes no sense is refused with its
// key.
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
    /// `frequencies` are those of every call.
    Static,
    /// For calls of more than `switchLength` tokens the base grows with the
    /// length (dynamic NTK): see lora_rt::dynamicFrequencies.
    Dynamic,
    /// Calls of more than `switchLength` tokens use `longFrequencies`.
    Longrope,
  };
  /// Which frequencies calls use.
  Kind kind = Kind::Static;
  /// Radians per position, for each rotated pair. The rotated width is twice
  /// their number.
  std::vector<float> frequencies;
  /// For Longrope, like `frequencies`.
  std::vector<float> longFrequencies;
  /// For Dynamic and Longrope: a number of tokens.
  int64_t switchLength = 0;
  /// For Dynamic: the base, and the factor by which the context is stretched.
  double theta = 0, factor = 1;
  /// Cosines and sines are multiplied by this (yarn, longrope).
  double attentionFactor = 1;
  bool operator==(const RopeConfig &) const = default;
};

/// The settings in which layers may differ.
struct LayerConfig {
  /// The most keys that a token sees; nullopt for all.
  std::optional<int64_t> window;
  /// Index into `ModelConfig::ropes`.
  size_t rope = 0;
  bool operator==(const LayerConfig &) const = default;
};

/// The configuration of a model, as far as its graph depends on it. All sizes
/// are positive and checked against each other; products of two sizes fit
/// int64_t.
struct ModelConfig {
  /// The family, which selects the layers of the graph.
  ModelFamily family = ModelFamily::Llama;
  /// What the model computes from hidden states.
  ModelHead head = ModelHead::LanguageModel;
  /// Whether a token sees only itself and the tokens before it. False for
  /// encoders, and for decoders with `is_causal` = false.
  bool causal = true;
  /// The number of labels of a classification head.
  int64_t labels = 0;
  /// The rows of the embedding.
  int64_t vocabSize = 0;
  /// The width of hidden states.
  int64_t hiddenSize = 0;
  /// The width of the feed-forward layer.
  int64_t intermediateSize = 0;
  /// The number of query heads, a multiple of kvHeads.
  int64_t heads = 0;
  /// The number of key and value heads.
  int64_t kvHeads = 0;
  /// The width of a head; not always hiddenSize / heads.
  int64_t headDim = 0;
  /// The longest sequence that the positions support.
  int64_t maxPositions = 0;
  /// The rows of a table of learned positions (GPT-2, BERT, RoBERTa); 0 if
  /// there is none.
  int64_t positionRows = 0;
  /// The row of that table for the first position (RoBERTa: padding_idx + 1).
  int64_t positionOffset = 0;
  /// The epsilon of RMSNorm and LayerNorm.
  double normEps = 0;
  /// The activation of the feed-forward layer.
  MLPActivation activation = MLPActivation::Silu;
  /// Whether q, k and v have biases; o; gate, up and down.
  bool qkvBias = false;
  bool outputBias = false;
  bool mlpBias = false;
  /// Whether each head's queries and keys have an RMSNorm (Qwen3, Gemma 3).
  bool qkNorm = false;
  /// The factor of the scores, usually 1 / sqrt(headDim).
  double attentionScale = 0;
  /// c in c tanh(x / c), for the scores of attention and for the logits (Gemma
  /// 2).
  std::optional<double> attentionSoftcap, logitSoftcap;
  /// `tie_word_embeddings`: the head may be the embedding.
  bool tied = false;
  /// The rotary positions that layers use; empty if positions are learned.
  std::vector<RopeConfig> ropes;
  /// One for each layer.
  std::vector<LayerConfig> layers;
  /// The number of token types of an encoder (`type_vocab_size`); 0 for
  /// decoders.
  int64_t tokenTypes = 0;
  /// `pad_token_id`.
  std::optional<int64_t> padTokenId;
  /// From generation_config.json, otherwise from config.json.
  std::vector<int64_t> eosTokenIds;
  /// Warnings for the user.
  std::vector<std::string> warnings;
  /// Warnings for users who train the model.
  std::vector<std::string> trainingWarnings;

  /// Whether the family is BERT or RoBERTa.
  bool isEncoder() const {
    return family == ModelFamily::Bert || family == ModelFamily::Roberta;
  }
  /// Whether the family is Gemma 2 or 3.
  bool isGemma() const {
    return family == ModelFamily::Gemma2 || family == ModelFamily::Gemma3;
  }

  /// The prefix of the model below its head in the tree of modules ("model.",
  /// "transformer.", "bert.", "roberta."); "" if there is no head.
  std::string_view prefix() const;
  /// The prefix of the family, for any head.
  std::string_view familyPrefix() const;
};

/// The head that the task of an adapter requires.
struct HeadRequest {
  /// The head of the adapted model.
  ModelHead head = ModelHead::LanguageModel;
  /// The number of labels of a classification head; 0 for the number in
  /// config.json.
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
