//===- Import.h - A Hugging Face folder as IR -------------------*- C++ -*-===//
//
// Builds the graph of a model from its configuration and the headers of its
// checkpoint: names, shapes and types of tensors, none of their bytes.
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
  /// The type to compute in, F32 or BF16; by default that of most of the
  /// checkpoint's weights, where F16 and F64 become F32.
  std::optional<lora_rt::DType> dtype;
  /// The head, where something else than `architectures` decides: the task of
  /// an adapter.
  std::optional<HeadRequest> head;
  /// Rows of the embedding, where an adapter was made for another number of
  /// them: what the checkpoint's table lacks is zero, for the adapter to
  /// replace, and what it has in excess is left out.
  std::optional<int64_t> vocabSize;
  /// The same where the adapter only shows how many there are at least.
  int64_t leastVocabSize = 0;
  /// Parameters that an adapter brings, by their names in the module tree: the
  /// checkpoint need not have them.
  std::set<std::string> provided;
  /// Folders of adapters that the model gets: one of them may be the model's
  /// own.
  std::vector<std::string> adapterFolders;
  /// The graph is for training: rotary frequencies that depend on the length of
  /// a call (dynamic, longrope) are those of short calls, and positions are
  /// limited to these; settings of training without effect are warned of.
  bool training = false;
  /// Gets what a person should know: unused tensors, settings without effect.
  std::function<void(const std::string &)> warning;
};

/// Sets in `options` what a model must look like for `adapter` to fit: its
/// head, its vocabulary, and which parameters it need not have.
lora_rt::Error fitToAdapter(ImportOptions &options,
                            const peft::PeftAdapter &adapter);

/// The same for several, which must agree on the head and the vocabulary as far
/// as they say it.
lora_rt::Error
fitToAdapters(ImportOptions &options,
              std::span<const peft::PeftAdapter *const> adapters);

/// Imports a folder with config.json and model.safetensors, or shards with an
/// index. The module has a block per part of the model, whose slots have the
/// names of the Hugging Face module tree: @embedding, @decoder or @encoder
/// (layers that differ in attention window, rotary positions or types in the
/// file apply copies, @decoder.1 and so on), and, where the model has them,
/// @positions, @norm, @pooler and @head. Its entries are @hidden_states(ids,
/// sequence[, token types][, frequencies]) and, unless the architecture has no
/// head, @logits(hidden), which classification calls on the rows that stand for
/// a sequence; a bare encoder may have @pooled(hidden). `transformer.model`
/// describes it: docs/executable-format.md has the keys, `layers` and `tied`
/// beside them.
lora_rt::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
importModel(mlir::MLIRContext &context, const std::string &folder,
            const ImportOptions &options = {});

/// The same from a configuration and an open checkpoint.
lora_rt::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
importModel(mlir::MLIRContext &context, const ModelConfig &config,
            const lora_rt::Checkpoint &checkpoint,
            const ImportOptions &options = {});

/// The tensor of a checkpoint that holds the parameter `name` of the module
/// tree
/// ("model.layers.0.self_attn.q_proj.weight"), or nullptr. A checkpoint may
/// lack the model's prefix ("model.", "transformer.", "bert.", "roberta.") or
/// have it in excess, as in transformers; of a tied embedding and head it may
/// hold only one; LayerNorm's parameters may be called gamma and beta.
const lora_rt::TensorView *resolveTensor(const lora_rt::Checkpoint &checkpoint,
                                         std::string_view name);

/// The same with an error that names the folder and similar tensors.
lora_rt::Expected<const lora_rt::TensorView *>
getTensor(const lora_rt::Checkpoint &checkpoint, std::string_view name);

} // namespace lora

#endif // LORA_MLIR_IMPORT_IMPORT_H
