//===- RequestFuzzer.cpp - Any line as a request for a text ---------------===//
//
// Reads the input as a line of --input. A request that is accepted either gives
// settings with which a token is drawn, or an error that names an option. Reads
// it as the value of --logit-bias, too.
//
//===----------------------------------------------------------------------===//

#include "Check.h"
#include "JsonMutator.h"
#include "lora-runtime/Generator.h"

using namespace lora_rt;

static constexpr const char *words[] = {"prompt",
                                        "messages",
                                        "max_tokens",
                                        "stop",
                                        "temperature",
                                        "top_k",
                                        "top_p",
                                        "min_p",
                                        "repetition_penalty",
                                        "presence_penalty",
                                        "frequency_penalty",
                                        "no_repeat_ngram",
                                        "logit_bias",
                                        "seed",
                                        "greedy",
                                        "logprobs"};

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size,
                                          size_t maxSize, unsigned seed) {
  return fuzz::mutateText(data, size, maxSize, seed, words);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string text(reinterpret_cast<const char *>(data), size);
  (void)GenerationRequest::parseLogitBias(text);
  static constexpr std::string_view others[] = {"prompt", "messages"};
  GenerationRequest request;
  if (Error error = request.read(text, others, "fuzz: line 1")) {
    CHECK(error.message().starts_with("fuzz: line 1"));
    return 0;
  }
  constexpr int64_t vocabularySize = 150;
  SamplingOptions options = request.sampling({});
  if (!options.seed)
    options.seed = 7;
  auto sampler = Sampler::create(options, vocabularySize);
  if (!sampler) {
    CHECK(!sampler.message().empty());
    return 0;
  }
  std::vector<float> logits(vocabularySize);
  for (size_t i = 0; i < logits.size(); ++i)
    logits[i] = float((i * 37) % 101) / 8 - 6;
  const int32_t prompt[] = {2, 3, 5, 3};
  sampler->prompt(prompt);
  if (auto choice = sampler->next(logits)) {
    CHECK(choice->id >= 0 && choice->id < vocabularySize);
    CHECK(int64_t(choice->top.size()) <= options.logprobs);
  }
  return 0;
}
