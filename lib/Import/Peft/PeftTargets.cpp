//===- PeftTargets.cpp - Which layers an adapter targets ------------------===//
//
// The order is PEFT's: first exclude_modules, then modules_to_save, then the
// targets. List entries that match by the end of a path are filtered by layer.
// Rank and alpha come from the first key, in the order of the file, that
// matches the end of the path.
//
//===----------------------------------------------------------------------===//

#include "PythonRegex.h"
#include "lora-mlir/Import/PeftAdapter.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>

namespace lora::peft {

using lora_rt::Error;
using lora_rt::ErrorCode;
using lora_rt::Expected;
using lora_rt::makeError;

namespace {

bool endsInEntry(std::string_view path, std::string_view entry) {
  if (path.size() <= entry.size())
    return path == entry;
  return path.ends_with(entry) && path[path.size() - entry.size() - 1] == '.';
}

/// Patterns for the end of a path, each with its value.
template <typename T> class Patterns {
public:
  Error compile(const std::vector<std::pair<std::string, T>> &entries,
                const std::string &where) {
    for (const auto &[key, value] : entries) {
      Expected<PythonRegex> regex = PythonRegex::compile(
          "(.*\\.)?(" + key + ")$", PythonRegex::Mode::Prefix, where);
      if (!regex)
        return regex.takeError();
      patterns.push_back({key, std::move(*regex), value, false});
    }
    return Error::success();
  }

  /// The value of the first key that matches, or `fallback`.
  Expected<T> lookup(std::string_view path, T fallback) {
    for (Pattern &pattern : patterns) {
      Expected<bool> matched = pattern.regex.matches(path);
      if (!matched)
        return matched.takeError();
      if (*matched) {
        pattern.used = true;
        return pattern.value;
      }
    }
    return fallback;
  }

  void addUnused(std::vector<std::string> &names) const {
    for (const Pattern &pattern : patterns)
      if (!pattern.used)
        names.push_back(pattern.key);
  }

private:
  struct Pattern {
    std::string key;
    PythonRegex regex;
    T value;
    bool used;
  };
  std::vector<Pattern> patterns;
};

class Matcher {
public:
  Matcher(const PeftConfig &config,
          const std::vector<std::string> &defaultTargets)
      : config(config), entries(config.targets == PeftConfig::Targets::Default
                                    ? defaultTargets
                                    : config.targetModules),
        usedEntries(entries.size()) {}

  Error compile() {
    const std::string &where = config.where;
    if (config.targets == PeftConfig::Targets::Regex)
      if (Error error =
              add(target, config.targetModules.front(), PythonRegex::Mode::Full,
                  where + ": target_modules"))
        return error;
    if (config.excludeIsRegex)
      if (Error error =
              add(exclude, config.excludeModules.front(),
                  PythonRegex::Mode::Full, where + ": exclude_modules"))
        return error;
    for (const std::string &entry : config.modulesToSave)
      if (Error error =
              add(saved, "(^|.*\\.)" + entry + "($|\\..*)",
                  PythonRegex::Mode::Prefix, where + ": modules_to_save"))
        return error;
    if (config.layersToTransform.empty())
      return Error::success();
    if (config.layersPattern.empty())
      return add(numbers, ".*?\\.[^.]*\\.(?P<idx>\\d+)\\.",
                 PythonRegex::Mode::Prefix, where);
    for (const std::string &pattern : config.layersPattern)
      if (Error error =
              add(numbers, "(?:^|.*?\\.)" + pattern + "\\.(?P<idx>\\d+)\\.",
                  PythonRegex::Mode::Prefix, where + ": layers_pattern"))
        return error;
    return Error::success();
  }

  Expected<bool> matches(const LayerInfo &layer) {
    Expected<bool> excluded = isExcluded(layer.path);
    if (!excluded)
      return excluded;
    if (*excluded)
      return false;
    for (const PythonRegex &regex : saved) {
      Expected<bool> matched = regex.matches(layer.path);
      if (!matched)
        return matched;
      if (*matched)
        return false;
    }
    // PEFT then adds the embedding to the targets, and ties the head to it.
    if (layer.tied && tiesTargets())
      return true;
    switch (config.targets) {
    case PeftConfig::Targets::AllLinear:
      return layer.kind == LayerKind::Linear;
    case PeftConfig::Targets::Regex:
      return target.front().matches(layer.path);
    case PeftConfig::Targets::List:
    case PeftConfig::Targets::Default:
      return matchesList(layer.path);
    }
    return false;
  }

  std::vector<std::string> unusedEntries() const {
    std::vector<std::string> names;
    if (config.targets == PeftConfig::Targets::List)
      for (size_t i = 0; i < entries.size(); ++i)
        if (!usedEntries[i])
          names.push_back(entries[i]);
    return names;
  }

private:
  /// Whether `ensure_weight_tying` has an effect: the embedding or the head is
  /// a target, and neither is trained in full, by PEFT's names of them.
  bool tiesTargets() const {
    if (!config.ensureWeightTying)
      return false;
    auto isEmbedding = [](std::string_view entry) {
      size_t dot = entry.rfind('.');
      std::string_view last =
          dot == std::string_view::npos ? entry : entry.substr(dot + 1);
      return last == "embed_tokens" || last == "lm_head";
    };
    if (std::any_of(config.modulesToSave.begin(), config.modulesToSave.end(),
                    isEmbedding))
      return false;
    if (config.targets == PeftConfig::Targets::Regex) {
      for (const char *name : {"embed_tokens", "lm_head"}) {
        Expected<bool> matched = target.front().matches(name);
        if (matched && *matched)
          return true;
      }
      return false;
    }
    return config.targets != PeftConfig::Targets::AllLinear &&
           std::any_of(entries.begin(), entries.end(), isEmbedding);
  }

  static Error add(std::vector<PythonRegex> &regexes,
                   const std::string &pattern, PythonRegex::Mode mode,
                   const std::string &where) {
    Expected<PythonRegex> regex = PythonRegex::compile(pattern, mode, where);
    if (!regex)
      return regex.takeError();
    regexes.push_back(std::move(*regex));
    return Error::success();
  }

  Expected<bool> isExcluded(const std::string &path) {
    if (config.excludeIsRegex)
      return exclude.front().matches(path);
    return std::any_of(
        config.excludeModules.begin(), config.excludeModules.end(),
        [&](const std::string &entry) { return endsInEntry(path, entry); });
  }

  Expected<bool> matchesList(const std::string &path) {
    bool isEntry = false, endsInOne = false;
    for (size_t i = 0; i < entries.size(); ++i)
      if (endsInEntry(path, entries[i])) {
        usedEntries[i] = true;
        endsInOne = true;
        isEntry |= path == entries[i];
      }
    // A full path passes the filter by layer.
    if (isEntry || !endsInOne || config.layersToTransform.empty())
      return endsInOne;
    for (const PythonRegex &regex : numbers) {
      std::string number;
      Expected<bool> matched = regex.matches(path, number);
      if (!matched)
        return matched;
      if (!*matched)
        continue;
      int64_t layer = -1;
      std::from_chars(number.data(), number.data() + number.size(), layer);
      return std::find(config.layersToTransform.begin(),
                       config.layersToTransform.end(),
                       layer) != config.layersToTransform.end();
    }
    return false;
  }

  const PeftConfig &config;
  std::vector<std::string> entries;
  std::vector<bool> usedEntries;
  std::vector<PythonRegex> target, exclude, saved, numbers;
};

} // namespace

Expected<TargetSelection>
selectTargets(const PeftConfig &config, std::span<const LayerInfo> layers,
              const std::vector<std::string> &defaultTargets) {
  if (config.targets == PeftConfig::Targets::Default && defaultTargets.empty())
    return makeError(ErrorCode::InvalidFile, config.where,
                     ": target_modules is null, and this architecture has no "
                     "usual targets; name them, for instance \"all-linear\"");
  if (config.targets == PeftConfig::Targets::AllLinear &&
      config.taskType == "TOKEN_CLS")
    return makeError(ErrorCode::InvalidFile, config.where,
                     ": target_modules is \"all-linear\", which PEFT refuses "
                     "for the task TOKEN_CLS; name the targets");
  Matcher matcher(config, defaultTargets);
  Patterns<int64_t> ranks;
  Patterns<double> alphas;
  if (Error error = matcher.compile())
    return error;
  if (Error error =
          ranks.compile(config.rankPattern, config.where + ": rank_pattern"))
    return error;
  if (Error error =
          alphas.compile(config.alphaPattern, config.where + ": alpha_pattern"))
    return error;

  TargetSelection selection;
  for (size_t i = 0; i < layers.size(); ++i) {
    const LayerInfo &layer = layers[i];
    Expected<bool> matched = matcher.matches(layer);
    if (!matched)
      return matched.takeError();
    if (!*matched)
      continue;
    if (layer.kind == LayerKind::Embedding && config.loraBias)
      return makeError(ErrorCode::InvalidFile, config.where,
                       ": target_modules selects the embedding '", layer.path,
                       "', which cannot have 'lora_bias'; PEFT refuses it too");
    if (layer.kind == LayerKind::Other)
      return makeError(
          ErrorCode::InvalidFile, config.where, ": target_modules selects '",
          layer.path,
          "', which is neither a linear layer nor an embedding; PEFT "
          "refuses it too");
    Expected<int64_t> rank = ranks.lookup(layer.path, config.rank);
    if (!rank)
      return rank.takeError();
    Expected<double> alpha = alphas.lookup(layer.path, config.alpha);
    if (!alpha)
      return alpha.takeError();
    double r = double(*rank);
    selection.targets.push_back(
        {i, *rank, *alpha / (config.rankStabilized ? std::sqrt(r) : r)});
  }
  selection.unmatchedTargets = matcher.unusedEntries();
  ranks.addUnused(selection.unmatchedPatterns);
  alphas.addUnused(selection.unmatchedPatterns);
  return selection;
}

bool isSavedInFull(const PeftConfig &config, std::string_view path) {
  return std::any_of(
      config.modulesToSave.begin(), config.modulesToSave.end(),
      [&](const std::string &entry) { return path.ends_with(entry); });
}

std::vector<std::string> defaultTargetModules(std::string_view family) {
  static const std::map<std::string_view, std::vector<std::string>> targets = {
      {"bert", {"query", "value"}},
      {"gemma", {"q_proj", "v_proj"}},
      {"gemma2", {"q_proj", "v_proj"}},
      {"gemma3_text", {"q_proj", "v_proj"}},
      {"gpt2", {"c_attn"}},
      {"llama", {"q_proj", "v_proj"}},
      {"mistral", {"q_proj", "v_proj"}},
      {"qwen2", {"q_proj", "v_proj"}},
      {"qwen3", {"q_proj", "v_proj"}},
      {"roberta", {"query", "value"}},
  };
  auto found = targets.find(family);
  return found == targets.end() ? std::vector<std::string>() : found->second;
}

} // namespace lora::peft
