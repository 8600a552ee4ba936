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
#include "lora-runtime/ModelHead.h"

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lora::peft {

/// What adapter_config.json says about a LoRA adapter.
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

  /// `init_lora_weights`: how a new branch begins, and what is the base weight
  /// that it stands beside.
  enum class Init {
    /// A Kaiming uniform, B zero.
    Kaiming,
    /// A and B as `torch.nn.Linear` begins: the model changes.
    Random,
    /// A normal with deviation 1 / rank, B zero.
    Gaussian,
    /// A and B random with orthogonal rows and columns: the model changes.
    Orthogonal,
    /// From data or gradients, or from the base weight without changing it
    /// (eva, lora_ga, mica): can be read, not begun.
    FromData,
    /// The base weight loses its `rank` largest singular values.
    Pissa,
    /// The base weight loses scale * Q_r R_r of its QR factorization.
    Olora,
  };

  /// `bias`: which biases of the base model were trained.
  enum class Bias { None, All, LoraOnly };

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

  Init init = Init::Kaiming;
  Bias bias = Bias::None;
  /// DoRA: weights have a magnitude per output (per feature of an embedding).
  bool dora = false;
  /// B has a bias, which is scaled like B.
  bool loraBias = false;
  /// Embedding and head are adapted together where they are one weight.
  bool ensureWeightTying = false;
  /// Modules trained in full, with those that `task_type` adds.
  std::vector<std::string> modulesToSave;
  /// Tokens whose rows were trained, by the end of the embedding's path; the
  /// name "" stands for the model's input embedding.
  std::vector<std::pair<std::string, std::vector<int64_t>>> trainableTokens;
  /// `task_type`, or empty.
  std::string taskType;
  /// `auto_mapping`'s class of the base model ("BertModel"), or empty.
  std::string modelClass;
  /// Whether tensors of VeLoRA or MonteCLoRA may be there, which training alone
  /// uses.
  bool hasTrainingTensors = false;
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
  /// An input embedding or an output embedding whose weights are one, so that
  /// `ensure_weight_tying` concerns them.
  bool tied = false;
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
/// stands for a null `target_modules`. Modules below an entry of
/// `modules_to_save` are no targets. Fails where PEFT does: a rule selects a
/// module that cannot have a branch, an invalid pattern; no target at all is no
/// failure here.
lora_rt::Expected<TargetSelection>
selectTargets(const PeftConfig &config, std::span<const ModuleInfo> modules,
              const std::vector<std::string> &defaultTargets);

/// Whether PEFT trains a module in full for `modules_to_save`: its path ends in
/// one of the entries, with or without a dot before it.
bool isSavedInFull(const PeftConfig &config, std::string_view path);

/// `target_modules` that PEFT takes for a null one, by `model_type`; empty for
/// an architecture that it does not know.
std::vector<std::string> defaultTargetModules(std::string_view family);

/// What a model must look like for an adapter to fit.
struct AdapterFacts {
  /// The head of the model that was adapted, where `task_type`, `auto_mapping`
  /// or the names of the tensors say it.
  std::optional<lora_rt::ModelHead> head;
  /// Of a classification head that the adapter brings along: its labels;
  /// otherwise 0.
  int64_t labels = 0;
  /// Rows of the embedding or the language-model head, if the adapter has one
  /// or a branch of one: they differ from config.json where tokens were added.
  /// And the tensor that says so.
  std::optional<int64_t> vocabSize;
  std::string vocabSource;
  /// One more than the last token with a trained row; 0 without any.
  int64_t leastVocabSize = 0;
  /// Parameters of the base model that the adapter replaces, with their shapes,
  /// by their names in the module tree of the model that was adapted. The base
  /// checkpoint need not have them.
  std::map<std::string, std::vector<int64_t>, std::less<>> parameters;
};

/// An adapter folder. Bytes stay mapped as long as it lives.
class PeftAdapter {
public:
  /// Opens a folder with adapter_config.json and adapter_model.safetensors.
  static lora_rt::Expected<PeftAdapter> open(const std::string &folder);

  const std::string &folder() const { return checkpoint.folder(); }
  const PeftConfig &config() const { return settings; }

  /// All tensors, by module path and role ("model.layers.0.self_attn.q_proj
  /// .lora_A.weight"), in bytewise order. Without those that say nothing: what
  /// only training uses, and the copies that PEFT writes of a module in
  /// `modules_to_save` besides X.weight, which alone it reads:
  /// X.modules_to_save.weight, and X.original_module.weight, the base model's.
  std::vector<std::string_view> names() const;

  /// Tensors that are not among `names`, by their keys in the file.
  const std::vector<std::string> &ignored() const { return ignoredKeys; }

  /// The tensor of a module in the base model's tree, or nullptr. Where the
  /// model has its head and the adapter was made without it, or the other way
  /// round, the names differ by a leading "model.", "transformer.", "bert." or
  /// "roberta.", which this knows. Of a weight that is both embedding and head
  /// the adapter may hold only the embedding's, like a checkpoint; or, where
  /// one of them is trained in full, the base model's in its
  /// X.original_module.weight.
  const lora_rt::TensorView *find(std::string_view name) const;

  /// The same without the rule of tied weights.
  const lora_rt::TensorView *findOwn(std::string_view name) const;

  /// The base model's value of a parameter that the adapter holds beside the
  /// trained one, or nullptr.
  const lora_rt::TensorView *findOriginal(std::string_view name) const;

  /// The tensor that replaces a parameter of the base model, named as in its
  /// module tree ("model.norm.weight"); its name, for `find`, or empty. It may
  /// be stored as the parameter of a targeted module
  /// ("q_proj.base_layer.bias").
  std::string overwriting(std::string_view parameter) const;

  /// What the model must look like. Fails if the head that the adapter was made
  /// for is not supported.
  lora_rt::Expected<AdapterFacts> facts() const;

  /// The file of a tensor that `find` finds.
  std::string_view fileOf(const lora_rt::TensorView &tensor) const {
    return checkpoint.fileOf(tensor.name);
  }

  /// The key in adapter_model.safetensors of a tensor that `find` takes.
  std::string keyOf(std::string_view name) const;

  /// Whether the adapter was made for the model without its head, so that its
  /// rules see paths without the leading "model.".
  bool isHeadless() const { return headless; }

  /// What paths below the head of the model that was adapted begin with:
  /// "model.", "transformer.", "bert.", "roberta."; empty without a head.
  const std::string &prefix() const { return pathPrefix; }

private:
  std::string nameInFile(std::string_view name) const;
  lora_rt::Error addTensor(std::string_view key);

  PeftConfig settings;
  lora_rt::Checkpoint checkpoint;
  /// Name without "base_model.model." and adapter name -> key in the file.
  std::map<std::string, std::string, std::less<>> keys;
  /// X.weight -> key of X.original_module.weight.
  std::map<std::string, std::string, std::less<>> originals;
  std::vector<std::string> ignoredKeys;
  std::string pathPrefix;
  bool headless = false;
};

/// A checksum of an adapter folder's config and weights, by which it is known
/// again.
lora_rt::Expected<std::string> adapterChecksum(const std::string &folder);

/// The last part of a folder's path, for people.
std::string folderName(const std::string &folder);

/// The leading part of a path that a model without its head drops ("model."),
/// or empty.
std::string_view headPrefix(std::string_view path);

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
