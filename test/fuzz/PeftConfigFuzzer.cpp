//===- PeftConfigFuzzer.cpp - Any text as adapter_config.json -------------===//
//
// Parses the input as adapter_config.json. A config that is accepted must
// select the same targets after it is written and read again.
//
//===----------------------------------------------------------------------===//

#include "Check.h"
#include "JsonMutator.h"
#include "lora-mlir/Import/PeftAdapter.h"

using namespace lora::peft;

static constexpr const char *words[] = {"LORA",
                                        "peft_type",
                                        "target_modules",
                                        "all-linear",
                                        "exclude_modules",
                                        "layers_to_transform",
                                        "layers_pattern",
                                        "layers",
                                        "rank_pattern",
                                        "alpha_pattern",
                                        "q_proj",
                                        "lm_head",
                                        ".*\\.q_proj",
                                        "(a+)+$",
                                        "(?:.*)*x",
                                        "[^.]+",
                                        "r",
                                        "lora_alpha",
                                        "use_rslora",
                                        "use_dora",
                                        "bias",
                                        "none",
                                        "all",
                                        "lora_only",
                                        "modules_to_save",
                                        "init_lora_weights",
                                        "pissa",
                                        "fan_in_fan_out",
                                        "model.layers.1.self_attn.q_proj"};

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size,
                                          size_t maxSize, unsigned seed) {
  return fuzz::mutateText(data, size, maxSize, seed, words);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto config =
      parsePeftConfig({reinterpret_cast<const char *>(data), size}, "fuzz");
  if (!config) {
    CHECK(config.message().starts_with("fuzz: "));
    return 0;
  }
  // A config that was accepted can be applied and written.
  const LayerInfo modules[] = {
      {"model.layers.0.self_attn.q_proj", LayerKind::Linear},
      {"model.layers.1.mlp.down_proj", LayerKind::Linear},
      {"model.embed_tokens", LayerKind::Embedding},
      {"lm_head", LayerKind::OutputEmbedding}};
  auto selection = selectTargets(*config, modules, {"q_proj"});
  auto written = parsePeftConfig(writePeftConfig(*config), "written");
  CHECK(written);
  auto again = selectTargets(*written, modules, {"q_proj"});
  auto isSlow = [](const auto &result) {
    return result.message().find("takes too long") != std::string::npos;
  };
  // Matching has a time limit.
  CHECK(bool(again) == bool(selection) || isSlow(again) || isSlow(selection));
  if (again && selection)
    CHECK(again->targets.size() == selection->targets.size());
  return 0;
}
