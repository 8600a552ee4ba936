//===- PeftAdapter.h - Adapter folders as PEFT writes them ------*- C++ -*-===//
//
// Reads and writes PEFT's LoRA adapters: adapter_config.json and
// adapter_model.safetensors. Every key and every tensor is used or refused by
// name. The targeting rules are exactly PEFT's; their source is `LoraConfig`
// and `check_target_module_exists`.
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
  /// The forms of `target_modules`.
  enum class Targets {
    /// `target_modules` is null: the usual targets of the architecture.
    Default,
    /// Literal entries: a path matches if it equals one, or ends in "." + one.
    List,
    /// A Python regular expression that matches the whole path.
    Regex,
    /// Every linear layer except the output embedding.
    AllLinear,
  };

  /// `init_lora_weights`: how a new branch is initialized, and how the base
  /// weight changes with it.
  enum class Init {
    /// A is Kaiming uniform, B is zero.
    Kaiming,
    /// A and B are initialized like a `torch.nn.Linear`, so that B A is not
    /// zero: the model changes.
    Random,
    /// A is normal with the deviation 1 / rank, B is zero.
    Gaussian,
    /// A and B are random, and B A is zero: the rows of B are orthogonal to the
    /// columns of A.
    Orthogonal,
    /// A and B are computed from data or gradients, or from the base weight
    /// without changing it (eva, lora_ga, mica). Such an adapter can be read,
    /// but not initialized.
    FromData,
    /// The part of the base weight for the `rank` largest singular values is
    /// subtracted from it.
    Pissa,
    /// scale * Q_r R_r of its QR factorization is subtracted from the base
    /// weight.
    Olora,
  };

  /// `bias`: which biases of the base model were trained.
  enum class Bias { None, All, LoraOnly };

  /// The name of the file in messages.
  std::string where;
  /// The JSON text, so that the writer can keep its keys.
  std::string text;

  /// `target_modules`.
  Targets targets = Targets::Default;
  /// The entries of a list, or the one regular expression.
  std::vector<std::string> targetModules;
  /// Entries of a list, or one regular expression; empty for none.
  std::vector<std::string> excludeModules;
  /// Whether excludeModules is a regular expression.
  bool excludeIsRegex = false;
  /// The layers to which list entries are limited; empty for all.
  std::vector<int64_t> layersToTransform;
  /// Names of the list of layers, as regular expressions; empty for any name.
  std::vector<std::string> layersPattern;

  /// `r`, for layers without an entry in rankPattern.
  int64_t rank = 8;
  /// `lora_alpha`, for layers without an entry in alphaPattern.
  double alpha = 8;
  /// Whether the scale is alpha / sqrt(rank) instead of alpha / rank.
  bool rankStabilized = false;
  /// `lora_dropout`.
  double dropout = 0;
  /// In the order of the file. The first key that matches is used.
  std::vector<std::pair<std::string, int64_t>> rankPattern;
  std::vector<std::pair<std::string, double>> alphaPattern;

  Init init = Init::Kaiming;
  Bias bias = Bias::None;
  /// DoRA: weights have a magnitude for each output (for an embedding, for each
  /// feature).
  bool dora = false;
  /// Whether B has a bias, which is scaled like B.
  bool loraBias = false;
  /// Whether embedding and head are adapted together if they are one weight.
  bool ensureWeightTying = false;
  /// Layers that are trained in full, including those that `task_type` adds.
  std::vector<std::string> modulesToSave;
  /// Tokens whose rows were trained, by the end of the embedding's path. The
  /// name "" is the model's input embedding.
  std::vector<std::pair<std::string, std::vector<int64_t>>> trainableTokens;
  /// `task_type`; may be empty.
  std::string taskType;
  /// The class of the base model in `auto_mapping` ("BertModel"); may be empty.
  std::string modelClass;
  /// Whether the file may have tensors of VeLoRA or MonteCLoRA, which only
  /// training uses.
  bool hasTrainingTensors = false;
};

/// Reads the text of an adapter_config.json; `where` names it in messages.
/// Settings that this library does not support are refused by name.
lora_rt::Expected<PeftConfig> parsePeftConfig(std::string_view text,
                                              const std::string &where);

/// Reads a file.
lora_rt::Expected<PeftConfig> readPeftConfig(const std::string &path);

/// The kind of a layer, as far as the targeting rules distinguish it.
enum class LayerKind {
  Linear,
  /// The linear layer that computes logits. "all-linear" leaves it out.
  OutputEmbedding,
  Embedding,
  /// A norm, or a layer that only contains others.
  Other,
};

/// A layer of the model, by its path in the tree of modules.
struct LayerInfo {
  /// The path: "model.layers.0.self_attn.q_proj".
  std::string path;
  LayerKind kind = LayerKind::Linear;
  /// Whether this is an input or output embedding and both have one weight, so
  /// that `ensure_weight_tying` applies to it.
  bool tied = false;
};

/// A layer that gets a low-rank branch.
struct Target {
  /// Index into the layers.
  size_t layer = 0;
  /// The rank of its branch.
  int64_t rank = 0;
  /// The factor of B A: alpha / rank, or alpha / sqrt(rank).
  double scale = 0;
};

/// The layers that the rules select. In PEFT, an entry without a match is not
/// an error; a tool may warn about it.
struct TargetSelection {
  /// In the order of the layers.
  std::vector<Target> targets;
  /// Entries of a `target_modules` list that match no path.
  std::vector<std::string> unmatchedTargets;
  /// Keys of `rank_pattern` and `alpha_pattern` that no target matches.
  std::vector<std::string> unmatchedPatterns;
};

/// Applies the targeting rules of `config` to `layers`. `defaultTargets` are
/// used for a null `target_modules`. Layers below an entry of
/// `modules_to_save` are not targets. Fails in the cases in which PEFT fails: a
/// rule selects a layer that cannot have a branch, or a pattern is invalid. A
/// selection without targets is not an error here.
lora_rt::Expected<TargetSelection>
selectTargets(const PeftConfig &config, std::span<const LayerInfo> layers,
              const std::vector<std::string> &defaultTargets);

/// Whether PEFT trains a layer in full because of `modules_to_save`: its path
/// ends in one of the entries, with or without a dot before it.
bool isSavedInFull(const PeftConfig &config, std::string_view path);

/// The `target_modules` that PEFT uses for a null one, by `model_type`; empty
/// for an architecture that PEFT does not know.
std::vector<std::string> defaultTargetModules(std::string_view family);

/// The properties that a model must have for an adapter to fit.
struct AdapterFacts {
  /// The head of the adapted model, if `task_type`, `auto_mapping` or the names
  /// of tensors determine it.
  std::optional<lora_rt::ModelHead> head;
  /// The number of labels of a classification head that the adapter contains;
  /// otherwise 0.
  int64_t labels = 0;
  /// The number of rows of the embedding or of the language-model head, if the
  /// adapter contains one of them or a branch of one. It differs from
  /// config.json if tokens were added. `vocabSource` is the name of the tensor
  /// that has this number of rows.
  std::optional<int64_t> vocabSize;
  std::string vocabSource;
  /// The largest id of a token with a trained row, plus one; 0 if there is
  /// none.
  int64_t leastVocabSize = 0;
  /// Parameters of the base model that the adapter replaces, with their shapes,
  /// by their names in the tree of modules of the adapted model. The base
  /// checkpoint need not have them.
  std::map<std::string, std::vector<int64_t>, std::less<>> parameters;
};

/// An adapter folder. The bytes of its tensors stay mapped as long as this
/// object lives.
class PeftAdapter {
public:
  /// Opens a folder with adapter_config.json and adapter_model.safetensors.
  static lora_rt::Expected<PeftAdapter> open(const std::string &folder);

  const std::string &folder() const { return checkpoint.folder(); }
  const PeftConfig &config() const { return settings; }

  /// The names of all tensors that have an effect, in bytewise order. A name is
  /// the path of a layer and what the tensor is there:
  /// "model.layers.0.self_attn.q_proj.lora_A.weight". Tensors that only
  /// training uses are left out. A layer X in `modules_to_save` may have
  /// several copies in the file. PEFT reads X.weight; X.modules_to_save.weight
  /// and X.original_module.weight (the value in the base model) are left out.
  std::vector<std::string_view> names() const;

  /// Tensors that are not in `names`, by their keys in the file.
  const std::vector<std::string> &ignored() const { return ignoredKeys; }

  /// The tensor with this name in the tree of the base model, or nullptr. If
  /// either the model or the adapter has no head, their names differ by a
  /// leading "model.", "transformer.", "bert." or "roberta.". The tensor is
  /// found in both cases. If embedding and head are one weight, the name of one
  /// also finds the tensor of the other. If that one is trained in full, its
  /// base value (X.original_module.weight) is found instead.
  const lora_rt::TensorView *find(std::string_view name) const;

  /// The same, without the rule for tied weights.
  const lora_rt::TensorView *findOwn(std::string_view name) const;

  /// The base model's value of a parameter, if the adapter contains it in
  /// addition to the trained value; otherwise nullptr.
  const lora_rt::TensorView *findOriginal(std::string_view name) const;

  /// The name, for `find`, of the tensor that replaces a parameter of the base
  /// model ("model.norm.weight" in its tree of modules); empty if there is
  /// none. It may be stored as a parameter of a targeted layer
  /// ("q_proj.base_layer.bias").
  std::string overwriting(std::string_view parameter) const;

  /// The properties that the model must have. Fails if the adapter was made for
  /// a head that is not supported.
  lora_rt::Expected<AdapterFacts> facts() const;

  /// The file of a tensor that `find` returned.
  std::string_view fileOf(const lora_rt::TensorView &tensor) const {
    return checkpoint.fileOf(tensor.name);
  }

  /// The key in adapter_model.safetensors of a tensor name that `find` accepts.
  std::string keyOf(std::string_view name) const;

  /// Whether the adapter was made for the model without its head. Then its
  /// rules apply to paths without the leading "model.".
  bool isHeadless() const { return headless; }

  /// The leading component that paths have because the adapted model has a
  /// head: "model.", "transformer.", "bert.", "roberta."; empty without a head.
  const std::string &prefix() const { return pathPrefix; }

private:
  std::string nameInFile(std::string_view name) const;
  lora_rt::Error addTensor(std::string_view key);

  PeftConfig settings;
  lora_rt::Checkpoint checkpoint;
  /// From names without "base_model.model." and adapter name to keys in the
  /// file.
  std::map<std::string, std::string, std::less<>> keys;
  /// From X.weight to the key of X.original_module.weight.
  std::map<std::string, std::string, std::less<>> originals;
  std::vector<std::string> ignoredKeys;
  std::string pathPrefix;
  bool headless = false;
};

/// A checksum of an adapter folder's config and weights, to recognize the
/// adapter.
lora_rt::Expected<std::string> adapterChecksum(const std::string &folder);

/// The last component of a folder's path, for messages.
std::string folderName(const std::string &folder);

/// The leading component of a path that exists only in a model with a head
/// ("model."); empty if the path has none.
std::string_view headPrefix(std::string_view path);

/// The key in adapter_model.safetensors of a tensor named as in `names()`.
std::string fileKey(std::string_view name);

/// A tensor to be written.
struct AdapterTensor {
  /// The key in adapter_model.safetensors.
  std::string key;
  std::vector<int64_t> shape;
  std::vector<float> values;
};

/// Writes adapter_config.json and adapter_model.safetensors into `folder`. The
/// config has all of PEFT's keys, and keeps those of `config`'s text. The
/// tensors are f32, in PEFT's order.
lora_rt::Error writePeftAdapter(const std::string &folder,
                                const PeftConfig &config,
                                std::span<const AdapterTensor> tensors);

/// The text of adapter_config.json that `writePeftAdapter` writes.
std::string writePeftConfig(const PeftConfig &config);

} // namespace lora::peft

#endif // LORA_MLIR_IMPORT_PEFTADAPTER_H
