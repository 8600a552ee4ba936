//===- Targets.cpp - PEFT's rules on the layers of a graph ----------------===//
//
// Implements Targets.h: applies the rules of lora::peft to the layers of a
// graph, and turns what they report into diagnostics with similar names.
//
//===----------------------------------------------------------------------===//

#include "Targets.h"
#include "mlir/IR/Remarks.h"
#include "llvm/ADT/StringExtras.h"

#include <set>

using namespace mlir;
using namespace lora;
using namespace lora::transformer;

std::string lora::inUsersWords(const peft::PeftConfig &config,
                               std::string message) {
  if (config.where != kFromOptions)
    return message;
  bool isRegex = config.targets == peft::PeftConfig::Targets::Regex;
  std::pair<StringRef, StringRef> words[] = {
      {"target_modules is null", "no targets are given"},
      {"target_modules", isRegex ? "regex" : "targets"},
      {"exclude_modules", "exclude"},
      {"layers_to_transform", "layers"},
      {"layers_pattern", "layers-pattern"},
      {"rank_pattern", "rank-pattern"},
      {"alpha_pattern", "alpha-pattern"},
      {"lora_alpha", "alpha"},
      {"use_rslora", "rslora"},
      {"'r'", "'rank'"},
  };
  for (auto [key, option] : words)
    for (size_t at = message.find(key); at != std::string::npos;
         at = message.find(key, at + option.size()))
      message.replace(at, key.size(), option);
  return message;
}

/// Begins an error about `config`.
static InFlightDiagnostic emitAbout(ModuleOp module,
                                    const peft::PeftConfig &config,
                                    const std::string &message) {
  return module.emitError() << inUsersWords(config, message);
}

void lora::seeAsAdapter(MutableArrayRef<GraphLayer> layers,
                        const peft::PeftAdapter &adapter) {
  bool hasPrefix = llvm::any_of(layers, [](const GraphLayer &known) {
    return !peft::headPrefix(known.info.path).empty();
  });
  for (GraphLayer &known : layers) {
    std::string_view prefix = peft::headPrefix(known.info.path);
    if (adapter.isHeadless() && hasPrefix)
      known.seen = prefix.empty() ? "" : known.info.path.substr(prefix.size());
    else if (!adapter.isHeadless() && !hasPrefix)
      known.seen = adapter.prefix() + known.info.path;
  }
}

LogicalResult lora::refuseTiedTraining(ModuleOp module,
                                       const peft::PeftConfig &config,
                                       ArrayRef<GraphLayer> layers,
                                       ArrayRef<peft::Target> targets) {
  if (!config.ensureWeightTying)
    return success();
  for (const peft::Target &target : targets)
    if (layers[target.layer].info.tied)
      return module.emitError()
             << config.where
             << ": 'ensure_weight_tying' is set, but training one branch for '"
             << layers[target.layer].seen
             << "' and the weight that it is tied to is not supported; train "
                "with PEFT, or leave it out";
  return success();
}

LogicalResult lora::refuseTraining(ModuleOp module,
                                   const peft::PeftConfig &config,
                                   ArrayRef<GraphLayer> layers) {
  auto refuse = [&](const char *key, const char *what) {
    return module.emitError()
           << config.where << ": '" << key << "' is set, but training " << what
           << " is not supported; train with PEFT, or leave it out";
  };
  if (config.dropout != 0)
    return module.emitError()
           << config.where << ": 'lora_dropout' is " << config.dropout
           << ", but training with dropout is not supported; set it to 0";
  if (config.dora)
    return refuse("use_dora", "magnitudes");
  if (config.loraBias)
    return refuse("lora_bias", "biases");
  if (config.bias != peft::PeftConfig::Bias::None)
    return refuse("bias", "biases");
  if (!config.trainableTokens.empty())
    return refuse("trainable_token_indices", "rows of an embedding");
  for (const GraphLayer &known : layers)
    if (!known.seen.empty() && peft::isSavedInFull(config, known.seen))
      return module.emitError()
             << config.where << ": 'modules_to_save' selects '" << known.seen
             << "', but training layers in full is not supported; train with "
                "PEFT, or leave it out";
  return success();
}

void lora::reportStatistics(ModuleOp module, StringRef pass,
                            const BranchStatistics &statistics) {
  remark::analysis(module.getLoc(),
                   remark::RemarkOpts::name("Branches").category(pass))
      << remark::metric("Branches", statistics.branches)
      << remark::metric("Parameters", statistics.parameters)
      << remark::metric("Operations", statistics.operations);
}

void lora::warnOfOddBranches(ModuleOp module, const peft::PeftConfig &config,
                             ArrayRef<GraphLayer> layers,
                             ArrayRef<peft::Target> targets) {
  const peft::Target *wide = nullptr, *without = nullptr, *negative = nullptr;
  int64_t numWide = 0;
  for (const peft::Target &target : targets) {
    const GraphLayer &known = layers[target.layer];
    if (target.rank > std::min(known.in, known.out)) {
      wide = wide ? wide : &target;
      ++numWide;
    }
    if (target.scale == 0 && !without)
      without = &target;
    if (target.scale < 0 && !negative)
      negative = &target;
  }
  auto pathOf = [&](const peft::Target &target) {
    return layers[target.layer].info.path;
  };
  if (wide) {
    const GraphLayer &known = layers[wide->layer];
    InFlightDiagnostic diag = module.emitWarning();
    diag << config.where << ": rank " << wide->rank << " of '" << pathOf(*wide)
         << "' is above " << std::min(known.in, known.out)
         << ", the smaller dimension of its weight [" << known.out << ", "
         << known.in << "]: a higher rank adds numbers, but no change of the "
         << "weight";
    if (numWide > 1)
      diag << " (so for " << numWide << " branches)";
  }
  if (without)
    module.emitWarning() << config.where << ": alpha of '" << pathOf(*without)
                         << "' is 0, so its branch adds nothing and does not "
                            "learn";
  if (negative)
    module.emitWarning() << config.where << ": alpha of '" << pathOf(*negative)
                         << "' is negative, so its scale is "
                         << negative->scale;
}

void lora::warnOfUnmatched(ModuleOp module, const peft::PeftConfig &config,
                           ArrayRef<GraphLayer> layers) {
  auto endsIn = [](StringRef path, StringRef entry) {
    return path == entry || (path.consume_back(entry) && path.ends_with("."));
  };
  if (!config.excludeIsRegex)
    for (const std::string &entry : config.excludeModules)
      if (llvm::none_of(layers, [&](const GraphLayer &known) {
            return endsIn(known.seen, entry);
          }))
        module.emitWarning()
            << inUsersWords(config, config.where +
                                        ": exclude_modules has no effect: no "
                                        "layer is named '" +
                                        entry + "'")
            << nearLayers(entry, layers);
  // Numbers in paths are layer numbers.
  for (int64_t layer : config.layersToTransform) {
    std::string part = "." + std::to_string(layer) + ".";
    if (llvm::none_of(layers, [&](const GraphLayer &known) {
          return StringRef(known.seen).contains(part);
        }))
      module.emitWarning() << inUsersWords(
          config, config.where +
                      ": layers_to_transform: the model has no "
                      "layer " +
                      std::to_string(layer));
  }
}

std::string lora::nearLayers(StringRef entry, ArrayRef<GraphLayer> layers) {
  // The ends of paths with as many components as the entry has.
  size_t parts = entry.count('.') + 1;
  std::set<std::string> ends;
  for (const GraphLayer &known : layers) {
    if (known.info.kind == peft::LayerKind::Other)
      continue;
    StringRef path = known.seen;
    size_t at = path.size();
    for (size_t i = 0; i < parts && at != StringRef::npos; ++i)
      at = path.rfind('.', at);
    ends.insert((at == StringRef::npos ? path : path.drop_front(at + 1)).str());
  }
  std::vector<std::string_view> names(ends.begin(), ends.end());
  return lora_rt::suggestion(entry, names);
}

/// The path of a linear layer, as an example for messages.
static std::string firstPath(ArrayRef<GraphLayer> layers) {
  for (const GraphLayer &known : layers)
    if (known.info.kind == peft::LayerKind::Linear && !known.seen.empty())
      return known.seen;
  return {};
}

/// The numbers of the blocks that `targets` are in, as "0, 1, 2". The first
/// number of a path is that of the block; others are those of experts.
static std::string blocksOf(ArrayRef<peft::LayerInfo> layers,
                            ArrayRef<peft::Target> targets) {
  std::set<int64_t> blocks;
  for (const peft::Target &target : targets)
    for (StringRef part : llvm::split(layers[target.layer].path, '.'))
      if (int64_t block; !part.getAsInteger(10, block)) {
        blocks.insert(block);
        break;
      }
  return llvm::join(
      llvm::map_range(blocks,
                      [](int64_t block) { return std::to_string(block); }),
      ", ");
}

/// What is wrong with a config that selects nothing, if it would select
/// something without its limits: then these are wrong, and not the targets.
static std::string blameLimits(const peft::PeftConfig &config,
                               const std::vector<peft::LayerInfo> &layers,
                               const std::vector<std::string> &defaults) {
  auto select = [&](const peft::PeftConfig &other) {
    auto selection = peft::selectTargets(other, layers, defaults);
    return selection ? std::move(selection->targets)
                     : std::vector<peft::Target>();
  };
  peft::PeftConfig other = config;
  other.excludeModules.clear();
  other.excludeIsRegex = false;
  if (!config.excludeModules.empty() && !select(other).empty())
    return "exclude_modules leaves out every layer that target_modules "
           "selects";
  other = config;
  other.layersPattern.clear();
  if (!config.layersPattern.empty() && !select(other).empty())
    return "layers_pattern '" + llvm::join(config.layersPattern, "', '") +
           "' names no list of layers that a target is in";
  other.layersToTransform.clear();
  if (std::vector<peft::Target> targets = select(other);
      !config.layersToTransform.empty() && !targets.empty())
    return "layers_to_transform selects none of the layers that "
           "target_modules is in: these are " +
           blocksOf(layers, targets);
  return {};
}

FailureOr<peft::TargetSelection>
lora::selectInGraph(ModuleOp module, const peft::PeftConfig &config,
                    ArrayRef<GraphLayer> layers) {
  // The rules apply to the layers that exist in the model that was adapted.
  std::vector<peft::LayerInfo> visible;
  std::vector<size_t> indices;
  for (auto [index, known] : llvm::enumerate(layers)) {
    if (known.seen.empty())
      continue;
    visible.push_back({known.seen, known.info.kind, known.info.tied});
    indices.push_back(index);
  }
  std::string family = getModelFacts(module).value_or(ModelFacts()).family;

  auto defaults = peft::defaultTargetModules(family);
  lora_rt::Expected<peft::TargetSelection> selection =
      peft::selectTargets(config, visible, defaults);
  if (!selection)
    return emitAbout(module, config, selection.message());
  for (peft::Target &target : selection->targets)
    target.layer = indices[target.layer];

  if (selection->targets.empty())
    if (std::string blamed = blameLimits(config, visible, defaults);
        !blamed.empty())
      return emitAbout(module, config, config.where + ": " + blamed);
  if (selection->targets.empty()) {
    InFlightDiagnostic diag = emitAbout(
        module, config,
        config.where + ": target_modules selects no layer of the model");
    // Each entry is reported with the names that are similar to it.
    const char *separator = ": ";
    for (const std::string &entry : selection->unmatchedTargets) {
      diag << separator << "no linear layer or embedding is named '" << entry
           << "'" << nearLayers(entry, layers);
      separator = "; ";
    }
    if (config.targets == peft::PeftConfig::Targets::Regex)
      diag << ": the whole of a path must match, for instance '"
           << firstPath(layers) << "'";
    return diag;
  }
  for (const peft::Target &target : selection->targets) {
    const GraphLayer &linear = layers[target.layer];
    if (linear.fused)
      return module.emitError()
             << "expected '" << linear.info.path
             << "' not to be fused yet; attach all adapters before lora-fuse";
  }
  std::vector<GraphLayer> targeted;
  for (const peft::Target &target : selection->targets)
    targeted.push_back(layers[target.layer]);
  for (const std::string &key : selection->unmatchedPatterns)
    module.emitWarning() << inUsersWords(
                                config,
                                config.where + ": the pattern '" + key +
                                    "' of rank_pattern or alpha_pattern "
                                    "matches no target")
                         << nearLayers(key, targeted);
  return std::move(*selection);
}
