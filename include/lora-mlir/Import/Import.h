//===- Import.h - A Hugging Face folder as IR -------------------*- C++ -*-===//
//
// Builds the graph of a model from its configuration and the headers of its
// checkpoint: names, shapes and types of tensors, none of their bytes.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_IMPORT_IMPORT_H
#define LORA_MLIR_IMPORT_IMPORT_H

#include "lora-mlir/Import/ModelConfig.h"
#include "lora-runtime/Checkpoint.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <functional>

namespace lora {

struct ImportOptions {
  /// The type to compute in, F32 or BF16; by default that of most of the
  /// checkpoint's weights, where F16 and F64 become F32.
  std::optional<lora_rt::DType> dtype;
  /// Gets what a person should know: unused tensors, settings without effect.
  std::function<void(const std::string &)> warning;
};

/// Imports a folder with config.json and model.safetensors, or shards with an
/// index. The module has the blocks @embedding, @decoder, @norm and @head,
/// whose slots have the names of the Hugging Face module tree (layers that
/// differ in attention window or types in the file apply copies, @decoder.1 and
/// so on); the entries @hidden_states(ids, sequence) and, unless the
/// architecture has no head, @logits(hidden); and `transformer.model` with
/// family, vocab_size, hidden_size, max_positions, layers, tied and
/// eos_token_ids.
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
/// lack the prefix "model." or have it in excess, as in transformers; of a tied
/// embedding and head it may hold only one.
const lora_rt::TensorView *resolveTensor(const lora_rt::Checkpoint &checkpoint,
                                         std::string_view name);

/// The same with an error that names the folder and similar tensors.
lora_rt::Expected<const lora_rt::TensorView *>
getTensor(const lora_rt::Checkpoint &checkpoint, std::string_view name);

} // namespace lora

#endif // LORA_MLIR_IMPORT_IMPORT_H
