//===- GenerationRequest.cpp - What a caller asks for ---------------------===//
//
// Reads requests from JSON and puts them on top of the model's defaults. The
// ranges of values are checked by the sampler, for all sources alike.
//
//===----------------------------------------------------------------------===//

#include "../core/Json.h"
#include "lora-runtime/Checkpoint.h"
#include "lora-runtime/Generator.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace lora_rt {

namespace {

/// Reads one value of a JSON object. The overloads say what was expected.
const char *take(const Json &value, std::optional<int64_t> &to) {
  if (!value.is_number_integer() ||
      (value.is_number_unsigned() && !isIndex(value)))
    return "a whole number";
  to = value.get<int64_t>();
  return nullptr;
}

const char *take(const Json &value, std::optional<uint64_t> &to) {
  if (!value.is_number_unsigned())
    return "a whole number from 0 on";
  to = value.get<uint64_t>();
  return nullptr;
}

const char *take(const Json &value, std::optional<double> &to) {
  if (!value.is_number())
    return "a number";
  to = value.get<double>();
  return nullptr;
}

const char *take(const Json &value, std::optional<bool> &to) {
  if (!value.is_boolean())
    return "true or false";
  to = value.get<bool>();
  return nullptr;
}

const char *take(const Json &value, std::vector<std::string> &to) {
  constexpr const char *expected = "a text or a list of texts";
  to.clear();
  if (value.is_string()) {
    to.push_back(value.get<std::string>());
    return nullptr;
  }
  if (!value.is_array())
    return expected;
  for (const Json &text : value) {
    if (!text.is_string())
      return expected;
    to.push_back(text.get<std::string>());
  }
  return nullptr;
}

/// The id in a text, or nullopt.
std::optional<int32_t> parseId(std::string_view text) {
  int32_t id = 0;
  auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), id);
  if (text.empty() || error != std::errc() || end != text.data() + text.size())
    return std::nullopt;
  return id;
}

std::string jsonKey(std::string name) {
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

} // namespace

Expected<LogitBias> GenerationRequest::parseLogitBias(const std::string &text) {
  size_t colon = text.find(':');
  std::optional<int32_t> id = parseId(std::string_view(text).substr(0, colon));
  double bias = 0;
  bool fits = id && colon != std::string::npos;
  if (fits) {
    const char *end = text.data() + text.size();
    auto [next, error] = std::from_chars(text.data() + colon + 1, end, bias);
    fits = error == std::errc() && next == end;
  }
  if (!fits)
    return makeError(ErrorCode::InvalidArgument,
                     "--logit-bias: expected ID:X, a token id and a number, "
                     "but got '",
                     text, "'");
  return LogitBias{*id, bias};
}

Error GenerationRequest::read(std::string_view json,
                              std::span<const std::string_view> others,
                              const std::string &where) {
  Expected<Json> object = parseJson(json, where);
  if (!object)
    return object.takeError();
  auto refuse = [&](const auto &...what) {
    return makeError(ErrorCode::InvalidArgument, where, ": ", what...);
  };
  if (!object->is_object())
    return refuse("expected a JSON object");
  std::vector<std::string> known = {"logit_bias"};
  for (std::string_view other : others)
    known.emplace_back(other);
  Error failure;
  visitOptions(*this, [&](const char *name, auto &member) {
    std::string key = jsonKey(name);
    known.push_back(key);
    auto found = object->find(key);
    if (found == object->end() || found->is_null())
      return;
    if (const char *expected = take(*found, member); expected && !failure)
      failure = refuse("expected ", expected, " for '", key, "'");
  });
  if (failure)
    return failure;
  if (auto found = object->find("logit_bias");
      found != object->end() && !found->is_null()) {
    logitBias.clear();
    if (!found->is_object())
      return refuse("expected an object for 'logit_bias': {\"ID\": X}");
    for (const auto &[key, bias] : found->items()) {
      std::optional<int32_t> id = parseId(key);
      if (!id || !bias.is_number())
        return refuse("'logit_bias' needs token ids as keys and numbers as "
                      "values, but has '",
                      key, "'");
      logitBias.push_back({*id, bias.get<double>()});
    }
  }
  for (const auto &[key, value] : object->items())
    if (std::find(known.begin(), known.end(), key) == known.end())
      return refuse("unknown key '", key, "'", suggestion(key, {known.begin(), known.end()}));
  return Error::success();
}

SamplingOptions
GenerationRequest::sampling(const SamplingOptions &defaults) const {
  SamplingOptions options = defaults;
  auto set = [](auto &member, const auto &value) {
    if (value)
      member = *value;
  };
  set(options.temperature, temperature);
  set(options.topK, topK);
  set(options.topP, topP);
  set(options.minP, minP);
  set(options.repetitionPenalty, repetitionPenalty);
  set(options.presencePenalty, presencePenalty);
  set(options.frequencyPenalty, frequencyPenalty);
  set(options.noRepeatNgram, noRepeatNgram);
  set(options.logprobs, logprobs);
  if (seed)
    options.seed = seed;
  options.logitBias.insert(options.logitBias.end(), logitBias.begin(),
                           logitBias.end());
  if (temperature || topK || topP || minP)
    options.doSample = true;
  if (greedy)
    options.doSample = !*greedy;
  return options;
}

} // namespace lora_rt
