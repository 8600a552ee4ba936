//===- ModelConfigFuzzer.cpp - Any text as config.json --------------------===//
//
// Parses the input as config.json. A configuration that is accepted must have
// sizes that the importer can compute with.
//
//===----------------------------------------------------------------------===//

#include "Check.h"
#include "JsonMutator.h"
#include "lora-mlir/Import/ModelConfig.h"

static constexpr const char *words[] = {"llama",
                                        "mistral",
                                        "qwen2",
                                        "qwen3",
                                        "architectures",
                                        "model_type",
                                        "head_dim",
                                        "hidden_act",
                                        "hidden_size",
                                        "layer_types",
                                        "sliding_window",
                                        "full_attention",
                                        "rope_scaling",
                                        "rope_parameters",
                                        "sliding_attention",
                                        "rope_type",
                                        "factor",
                                        "original_max_position_embeddings",
                                        "linear",
                                        "dynamic",
                                        "yarn",
                                        "longrope",
                                        "llama3",
                                        "short_factor",
                                        "long_factor",
                                        "eos_token_id",
                                        "num_key_value_heads",
                                        "default",
                                        "rope_theta",
                                        "partial_rotary_factor",
                                        "gelu",
                                        "silu",
                                        "max_window_layers",
                                        "text_config",
                                        "gpt2",
                                        "bert",
                                        "roberta",
                                        "gemma2",
                                        "gemma3_text",
                                        "phi3",
                                        "num_labels",
                                        "id2label"};

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size,
                                          size_t maxSize, unsigned seed) {
  return fuzz::mutateText(data, size, maxSize, seed, words);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto config = lora::parseModelConfig(
      {reinterpret_cast<const char *>(data), size}, "fuzz");
  if (!config) {
    CHECK(config.message().starts_with("fuzz: "));
    return 0;
  }
  // A configuration that was accepted can be computed with.
  CHECK(config->hiddenSize > 0 && config->vocabSize > 0 && config->heads > 0);
  int64_t width;
  CHECK(!__builtin_mul_overflow(config->hiddenSize, config->vocabSize, &width));
  return 0;
}
