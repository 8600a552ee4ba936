//===- PeftAdapter.h - Adapter folders as PEFT writes them ------*- C++ -*-===//
//
// Reads and writes PEFT's LoRA adapters: adapter_config.json and
// adapter_model.safetensors. Every key and every tensor is used or refused by
// name. The rules that say which modules are targeted are PEFT's, to the
// letter; its `LoraConfig` and `check_target_module_exists` are their source.
//
// Needs neither LLVM nor MLIR.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_IMPORT_PEFTADAPTER_H
#define LORA_MLIR_IMPORT_PEFTADAPTER_H

#include "lora-runtime/Checkpoint.h"

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lora::peft {

/// What adapter_config.json says about a LoRA adapter on linear layers.
struct PeftConfig {
  enum class Targets {
    /// `target_modules` is null: the architecture's usual ones.
    Default,
    /// Literal entries: a path equal to one, or ending in "." + one.
    List,
    /// A Python regular expression that matches the whole path.
    Regex,
    /// Every linear layer but the output embedding.
    AllLinear,
  };

  /// The file's name, for messages.
  std::string where;
  /// The JSON text, so that the writer can keep what it says.
  std::string text;

  Targets targets = Targets::Default;
  /// The entries of a list, or the one regular expression.
  std::vector<std::string> targetModules;
  /// Entries of a list, or one regular expression; empty for none.
  std::vector<std::string> excludeModules;
  bool excludeIsRegex = false;
  /// Layers that list entries are limited to; empty for all.
  std::vector<int64_t> layersToTransform;
  /// Names of the list of layers, regular expressions; empty for any name.
  std::vector<std::string> layersPattern;

  int64_t rank = 8;
  double alpha = 8;
  /// Scale alpha / sqrt(rank) rather than alpha / rank.
  bool rankStabilized = false;
  double dropout = 0;
  /// In the order of the file, which decides between keys that both match.
  std::vector<std::pair<std::string, int64_t>> rankPattern;
  std::vector<std::pair<std::string, double>> alphaPattern;
};

/// Reads the text of an adapter_config.json; `where` names it in messages.
/// Refuses by name what is not a plain LoRA adapter on linear layers.
lora_rt::Expected<PeftConfig> parsePeftConfig(std::string_view text,
                                              const std::string &where);

/// Reads a file.
lora_rt::Expected<PeftConfig> readPeftConfig(const std::string &path);

enum class ModuleKind {
  Linear,
  /// The linear layer that makes logits, which "all-linear" leaves out.
  OutputEmbedding,
  Embedding,
  /// A norm, or a module that only holds others.
  Other,
};

/// A module of the model, by its path in the module tree.
struct ModuleInfo {
  std::string path;
  ModuleKind kind = ModuleKind::Linear;
};

/// A module that gets a low-rank branch.
struct Target {
  /// Index into the modules.
  size_t module = 0;
  int64_t rank = 0;
  double scale = 0;
};

/// What the rules select. Not finding a module for an entry is not an error for
/// PEFT; a tool may want to say so.
struct TargetSelection {
  std::vector<Target> targets;
  /// Entries of a `target_modules` list that no module ends in.
  std::vector<std::string> unmatchedTargets;
  /// Keys of `rank_pattern` and `alpha_pattern` that no target matches.
  std::vector<std::string> unmatchedPatterns;
};

/// Applies the targeting rules of `config` to `modules`. `defaultTargets`
/// stands for a null `target_modules`. Fails where PEFT does: a rule selects a
/// module that cannot have a branch, an invalid pattern; no target at all is no
/// failure here.
lora_rt::Expected<TargetSelection>
selectTargets(const PeftConfig &config, std::span<const ModuleInfo> modules,
              const std::vector<std::string> &defaultTargets);

/// `target_modules` that PEFT takes for a null one, by `model_type`; empty for
/// an architecture that it does not know.
std::vector<std::string> defaultTargetModules(std::string_view family);

/// An adapter folder. Bytes stay mapped as long as it lives.
class PeftAdapter {
public:
  /// Opens a folder with adapter_config.json and adapter_model.safetensors.
  static lora_rt::Expected<PeftAdapter> open(const std::string &folder);

  const std::string &folder() const { return checkpoint.folder(); }
  const PeftConfig &config() const { return settings; }

  /// All tensors, by module path and role ("model.layers.0.self_attn.q_proj
  /// .lora_A.weight"), in bytewise order.
  std::vector<std::string_view> names() const;

  /// The tensor of a module in the base model's tree, or nullptr. Where the
  /// model has its head and the adapter was made without it, or the other way
  /// round, the names differ by a leading "model.", which this knows.
  const lora_rt::TensorView *find(std::string_view name) const;

  /// The key in adapter_model.safetensors of a tensor that `find` takes.
  std::string keyOf(std::string_view name) const;

  /// Whether the adapter was made for the model without its head, so that its
  /// rules see paths without the leading "model.".
  bool isHeadless() const { return headless; }

private:
  std::string nameInFile(std::string_view name) const;

  PeftConfig settings;
  lora_rt::Checkpoint checkpoint;
  /// Name without "base_model.model." and adapter name -> key in the file.
  std::map<std::string, std::string, std::less<>> keys;
  bool headless = false;
};

/// The key in adapter_model.safetensors of a tensor named as in `names()`.
std::string fileKey(std::string_view name);

/// A tensor to be written, named by its key in adapter_model.safetensors.
struct AdapterTensor {
  std::string key;
  std::vector<int64_t> shape;
  std::vector<float> values;
};

/// Writes `folder`/adapter_config.json with all of PEFT's keys, those of
/// `config`'s text kept, and adapter_model.safetensors with f32 tensors in
/// PEFT's order.
lora_rt::Error writePeftAdapter(const std::string &folder,
                                const PeftConfig &config,
                                std::span<const AdapterTensor> tensors);

/// The text of adapter_config.json that `writePeftAdapter` writes.
std::string writePeftConfig(const PeftConfig &config);

} // namespace lora::peft

#endif // LORA_MLIR_IMPORT_PEFTADAPTER_H
