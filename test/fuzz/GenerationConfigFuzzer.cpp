//===- GenerationConfigFuzzer.cpp - Any text as generation_config.json ----===//
//
// Parses the input as generation_config.json, or as a config.json with its
// keys. A config that is accepted must be the same after it is printed and read
// again, and tokens can be drawn with it: from finite logits, a token or an
// error, but no other.
//
//===----------------------------------------------------------------------===//

#include "Check.h"
#include "JsonMutator.h"
#include "lora-runtime/GenerationConfig.h"
#include "lora-runtime/StopTexts.h"

#include <cmath>

using namespace lora_rt;

static constexpr const char *words[] = {"do_sample",
                                        "temperature",
                                        "top_k",
                                        "top_p",
                                        "min_p",
                                        "top_h",
                                        "typical_p",
                                        "epsilon_cutoff",
                                        "eta_cutoff",
                                        "repetition_penalty",
                                        "no_repeat_ngram_size",
                                        "bad_words_ids",
                                        "sequence_bias",
                                        "min_length",
                                        "min_new_tokens",
                                        "forced_bos_token_id",
                                        "forced_eos_token_id",
                                        "suppress_tokens",
                                        "begin_suppress_tokens",
                                        "exponential_decay_length_penalty",
                                        "remove_invalid_values",
                                        "renormalize_logits",
                                        "eos_token_id",
                                        "bos_token_id",
                                        "pad_token_id",
                                        "max_new_tokens",
                                        "max_length",
                                        "stop_strings",
                                        "num_beams",
                                        "text_config"};

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size,
                                          size_t maxSize, unsigned seed) {
  return fuzz::mutateText(data, size, maxSize, seed, words);
}

static void generate(const GenerationConfig &config) {
  constexpr int64_t vocabularySize = 150;
  auto sampler =
      Sampler::create(config.sampling, vocabularySize, config.endOfSequence);
  if (!sampler)
    return;
  auto stops = StopTexts::create(config.stopTexts);
  CHECK(stops);
  TextStart start;
  start.maxNewTokens = 8;
  const int32_t prompt[] = {2, 3, 5, 3, 900};
  for (size_t length : {size_t(1), std::size(prompt)}) {
    sampler->prompt({prompt, length}, start);
    std::vector<float> logits(vocabularySize);
    for (int token = 0; token < 8; ++token) {
      for (size_t i = 0; i < logits.size(); ++i)
        logits[i] = float((i * 37 + size_t(token) * 11) % 101) / 8 - 6;
      logits[3] = -INFINITY;
      auto probabilities = sampler->probabilities(logits);
      auto choice = sampler->next(logits);
      CHECK(bool(probabilities) == bool(choice));
      if (!choice)
        return;
      // `next` does not use the memory of the probabilities.
      double sum = 0;
      for (float probability : *probabilities) {
        CHECK(probability >= 0 && probability <= 1);
        sum += probability;
      }
      CHECK(std::abs(sum - 1) < 1e-4);
      CHECK(choice->id >= 0 && choice->id < vocabularySize);
      CHECK((*probabilities)[size_t(choice->id)] > 0);
      sampler->take(choice->id);
      (void)stops->add("a piece of text\n");
    }
  }
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view text(reinterpret_cast<const char *>(data), size);
  for (auto read :
       {GenerationConfig::parse, GenerationConfig::parseModelConfig}) {
    auto config = read(text, "fuzz");
    if (!config) {
      CHECK(config.message().starts_with("fuzz: "));
      continue;
    }
    auto again = GenerationConfig::parse(config->print(), "printed");
    CHECK(again);
    CHECK(*again == *config);
    CHECK(again->print() == config->print());
    if (!config->sampling.seed)
      config->sampling.seed = 7;
    generate(*config);
  }
  return 0;
}
