//===- GeneratedText.cpp - A new text as JSON -----------------------------===//
//
// The object that --json prints, and that programs in other languages get.
//
//===----------------------------------------------------------------------===//

#include "../core/Json.h"
#include "lora-runtime/Generator.h"

namespace lora_rt {

const char *finishName(FinishReason reason) {
  switch (reason) {
  case FinishReason::Stop:
    return "stop";
  case FinishReason::Length:
    return "length";
  case FinishReason::Stopped:
    break;
  }
  return "stopped";
}

std::string answerJson(const GeneratedText &answer, bool hasLogprobs) {
  OrderedJson json;
  json["text"] = answer.text;
  json["ids"] = answer.ids;
  json["prompt_tokens"] = answer.promptTokens;
  json["finish_reason"] = finishName(answer.finish);
  if (hasLogprobs) {
    OrderedJson &all = json["logprobs"] = OrderedJson::array();
    for (const std::vector<TokenLogprob> &step : answer.logprobs) {
      OrderedJson tokens = OrderedJson::array();
      for (const TokenLogprob &token : step)
        tokens.push_back({token.id, token.logprob});
      all.push_back(std::move(tokens));
    }
  }
  return json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

} // namespace lora_rt
