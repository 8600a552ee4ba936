//===- PoolingSettings.cpp - How vectors of texts are made ----------------===//
//
// Describes PoolingSettings, and prints and reads the JSON that a compiled file
// keeps. What is read may not have what a folder cannot have.
//
//===----------------------------------------------------------------------===//

#include "PoolingNames.h"

namespace lora_rt {

std::string PoolingSettings::describe() const {
  if (!refusal.empty())
    return "none: " + refusal;
  std::string text;
  for (Pooling pooling : poolings)
    text += (text.empty() ? "" : " + ") +
            std::string(poolingNames[size_t(pooling)]);
  if (normalizes)
    text += ", normalised";
  if (keptWidth)
    text += ", the first " + std::to_string(keptWidth) + " values";
  if (lowersCase)
    text += ", lower case";
  if (maxTokens)
    text += ", at most " + std::to_string(maxTokens) + " tokens";
  const char *before = ", prompts ";
  for (const auto &[name, prompt] : prompts) {
    text += before + name + (name == defaultPrompt ? " (default)" : "");
    before = " ";
  }
  return text;
}

Expected<int64_t> PoolingSettings::width(int64_t hidden) const {
  if (!refusal.empty())
    return makeError(ErrorCode::Unsupported,
                     "vectors of texts cannot be computed: ", refusal);
  if (hiddenSize && hiddenSize != hidden)
    return makeError(ErrorCode::InvalidFile,
                     "the Pooling module is for hidden states of ", hiddenSize,
                     " values, but the model has ", hidden);
  int64_t all = hidden * int64_t(poolings.size());
  return keptWidth ? std::min(all, keptWidth) : all;
}

std::string PoolingSettings::print() const {
  Json modes = Json::array();
  for (Pooling pooling : poolings)
    modes.push_back(poolingNames[size_t(pooling)]);
  Json json = {{"poolings", std::move(modes)},    {"normalizes", normalizes},
               {"max_tokens", maxTokens},         {"lowers_case", lowersCase},
               {"pools_prompt", poolsPrompt},     {"hidden_size", hiddenSize},
               {"kept_width", keptWidth},         {"prompts", prompts},
               {"default_prompt", defaultPrompt}, {"refusal", refusal}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Expected<PoolingSettings> PoolingSettings::parse(std::string_view text,
                                                 const std::string &where) {
  Expected<Json> json = parseJson(text, where);
  if (!json)
    return json.takeError();
  PoolingSettings settings;
  Fields fields(*json, where);
  settings.poolings.clear();
  for (const Json &name : fields.list("poolings")) {
    if (std::optional<Pooling> pooling = parsePooling(name))
      settings.poolings.push_back(*pooling);
    else
      fields.fail("unknown pooling in 'poolings'");
  }
  // Those of a refused list may be missing.
  settings.refusal = fields.text("refusal");
  if ((settings.poolings.empty() && settings.refusal.empty()) ||
      settings.poolings.size() > poolingNames.size())
    fields.fail("expected one to six names in 'poolings'");
  settings.normalizes = fields.flag("normalizes");
  settings.maxTokens = fields.index("max_tokens");
  settings.lowersCase = fields.flag("lowers_case");
  settings.poolsPrompt = fields.flag("pools_prompt");
  settings.hiddenSize = fields.index("hidden_size");
  settings.keptWidth = fields.index("kept_width");
  settings.defaultPrompt = fields.text("default_prompt");
  if (const Json *prompts = fields.take("prompts")) {
    if (!prompts->is_object())
      fields.fail("expected an object for 'prompts'");
    else
      for (const auto &[name, prompt] : prompts->items())
        if (prompt.is_string())
          settings.prompts[name] = prompt.get<std::string>();
        else
          fields.fail("expected texts in 'prompts'");
  }
  if (!settings.defaultPrompt.empty() &&
      !settings.prompts.count(settings.defaultPrompt))
    fields.fail("'default_prompt' is not in 'prompts'");
  if (Error error = fields.finish())
    return error;
  return settings;
}

} // namespace lora_rt
