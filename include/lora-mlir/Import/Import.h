//===- Import.h - A Hugging Face folder as IR -------------------*- C++ -*-===//
//
// Builds the graph of a model from its configuration and from the headers of
// its checkpoint: names, shapes and types of tensors. The bytes of tensors are
// not read.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_IMPORT_IMPORT_H
#define LORA_MLIR_IMPORT_IMPORT_H

#include "lora-mlir/Import/ModelConfig.h"
#include "lora-mlir/Import/PeftAdapter.h"
#include "lora-runtime/Checkpoint.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <functional>
#include <set>

namespace lora {

struct ImportOptions {
  /// The compute type, F32 or BF16. By default it is that of most of the
  /// checkpoint's weights, with F32 for F16 and F64.
  std::optional<lora_rt::DType> dtype;
  /// The head, if the task of an adapter decides it instead of `architectures`.
  std::optional<HeadRequest> head;
  /// The number of rows of the embedding, if an adapter was made for another
  /// number. Rows that the checkpoint's table does not have are zero, so that
  /// the adapter can replace them; rows that it has in excess are left out.
  std::optional<int64_t> vocabSize;
  /// The same if the adapter only shows the least number of rows.
  int64_t leastVocabSize = 0;
  /// Parameters that an adapter brings, by their names in the tree of modules.
  /// The checkpoint need not have them.
  std::set<std::string> provided;
  /// Folders of adapters for this model. One of them may be the model's own
  /// folder.
  std::vector<std::string> adapterFolders;
  /// Whether the graph is for training. Rotary frequencies that depend on the
  /// length of a call (dynamic, longrope) are then those of short calls, and
  /// positions are limited to these. Settings of training without effect cause
  /// a warning.
  bool training = false;
  /// Called with warnings: unused tensors, settings without effect.
  std::function<void(const std::string &)> warning;
};

/// Sets in `options` how the model must be for `adapters` to fit: its head, its
/// vocabulary, and the parameters that its checkpoint need not have. Adapters
/// must agree on the head and on the vocabulary, if they determine them.
lora_rt::Error
fitToAdapters(ImportOptions &options,
              std::span<const peft::PeftAdapter *const> adapters);

/// Imports a folder with config.json and model.safetensors, or with shards and
/// an index. The module has a block for each part of the model, whose slots
/// have the names of transformers' tree of modules: @embedding, @decoder or
/// @encoder (layers that differ in attention window, rotary positions or stored
/// types apply copies, @decoder.1 and so on), and, if the model has them,
/// @positions, @norm, @pooler and @head. Its entries are @hidden_states(ids,
/// sequence[, token types][, frequencies]) and, if the architecture has a head,
/// @logits(hidden), which a classifier calls on the rows that represent a
/// sequence; a bare encoder may have @pooled(hidden). `transformer.model`
/// describes the model: docs/executable-format.md has the keys, and
/// docs/Dialects/Transformer.md those that are added to them.
lora_rt::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
importModel(mlir::MLIRContext &context, const std::string &folder,
            const ImportOptions &options = {});

/// The same with the folder's checkpoint, which is open already.
lora_rt::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
importModel(mlir::MLIRContext &context, const std::string &folder,
            const lora_rt::Checkpoint &checkpoint,
            const ImportOptions &options = {});

/// The same from a configuration and an open checkpoint.
lora_rt::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
importModel(mlir::MLIRContext &context, const ModelConfig &config,
            const lora_rt::Checkpoint &checkpoint,
            const ImportOptions &options = {});

/// The tensor of a checkpoint for the parameter `name` of the tree of modules
/// ("model.layers.0.self_attn.q_proj.weight"), or nullptr. As in transformers,
/// a checkpoint may lack the model's prefix ("model.", "transformer.", "bert.",
/// "roberta.") or have one too many; it may have only one of a tied embedding
/// and head; and LayerNorm's parameters may be called gamma and beta.
const lora_rt::TensorView *resolveTensor(const lora_rt::Checkpoint &checkpoint,
                                         std::string_view name);

/// The same with an error that names the folder and similar tensors.
lora_rt::Expected<const lora_rt::TensorView *>
getTensor(const lora_rt::Checkpoint &checkpoint, std::string_view name);

} // namespace lora

#endif // LORA_MLIR_IMPORT_IMPORT_H
