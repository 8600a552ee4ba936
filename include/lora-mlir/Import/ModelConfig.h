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

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lora {

/// The families whose graph can be built.
enum class ModelFamily { Llama, Mistral, Qwen2, Qwen3 };

/// The `model_type` of a family: "qwen3".
std::string_view familyName(ModelFamily family);

/// The nonlinearity of the feed-forward layer.
enum class MLPActivation { Silu, GeluErf, GeluTanh, Relu };

/// A decoder model, as far as its graph goes. All sizes are positive and
/// checked against each other; products of two sizes fit int64_t.
struct ModelConfig {
  ModelFamily family = ModelFamily::Llama;
  /// Whether the architecture has a language-model head (LlamaForCausalLM), or
  /// ends with the last norm (LlamaModel).
  bool hasHead = true;
  int64_t vocabSize = 0;
  int64_t hiddenSize = 0;
  int64_t intermediateSize = 0;
  int64_t layers = 0;
  int64_t heads = 0;
  int64_t kvHeads = 0;
  int64_t headDim = 0;
  int64_t maxPositions = 0;
  double rmsNormEps = 0;
  double ropeTheta = 0;
  MLPActivation activation = MLPActivation::Silu;
  /// Biases of q, k, v; of o; of gate, up and down.
  bool qkvBias = false;
  bool outputBias = false;
  bool mlpBias = false;
  /// RMSNorm of each head's queries and keys (Qwen3).
  bool qkNorm = false;
  /// `tie_word_embeddings`: the head may be the embedding.
  bool tied = false;
  /// Per layer the number of keys that a token sees at most, or none.
  std::vector<std::optional<int64_t>> windows;
  /// From generation_config.json, or else config.json.
  std::vector<int64_t> eosTokenIds;
  /// What a person should know, but is no reason to refuse.
  std::vector<std::string> warnings;

  /// The module tree's prefix of the decoder: "model." below a head, else "".
  std::string_view prefix() const { return hasHead ? "model." : ""; }
};

/// Reads FOLDER/config.json, and eos ids from FOLDER/generation_config.json if
/// there is one.
lora_rt::Expected<ModelConfig> readModelConfig(const std::string &folder);

/// The same from texts; `where` names the config in messages.
lora_rt::Expected<ModelConfig> parseModelConfig(std::string_view text,
                                                const std::string &where);

/// The rotary frequencies 1 / theta^(2i/d), i < d/2, each step rounded to f32
/// as transformers computes them (Su et al. 2021, eq. 15).
std::vector<float> inverseFrequencies(double theta, int64_t headDim);

} // namespace lora

#endif // LORA_MLIR_IMPORT_MODELCONFIG_H
