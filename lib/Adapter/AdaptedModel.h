//===- AdaptedModel.h - What adapters make of a checkpoint's tensors ------===//
//
// The compiler's own way from folders to values: the model is imported, the
// adapters are attached by PEFT's rules, branches are merged into weight
// expressions. What remains here is to find, for each expression, the tensor of
// the checkpoint that it replaces.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_ADAPTER_ADAPTEDMODEL_H
#define LORA_MLIR_LIB_ADAPTER_ADAPTEDMODEL_H

#include "lora-mlir/Adapter/Rounding.h"
#include "lora-mlir/Dialect/LoRA/IR/LoRAOps.h"
#include "lora-mlir/Import/ModelConfig.h"
#include "lora-mlir/Import/PeftAdapter.h"
#include "lora-runtime/Checkpoint.h"
#include "mlir/IR/OwningOpRef.h"

#include <functional>
#include <memory>

namespace lora {

using Note = std::function<void(const std::string &)>;

/// A tensor that adapters change.
struct AdaptedTensor {
  /// Its name in the checkpoint, or the one that it is to have there.
  std::string name;
  /// The tensor of the checkpoint; null for one that it gets.
  const lora_rt::TensorView *stored = nullptr;
  /// The tensor whose value it had: `stored`, or the one that it was tied to;
  /// null for a new parameter.
  const lora_rt::TensorView *base = nullptr;
  lora_rt::DType dtype = lora_rt::DType::F32;
  /// As stored.
  std::vector<int64_t> shape;
  /// Its value, in f32, relative to `path`; transposed against how it is
  /// stored, or not.
  mlir::Attribute value;
  std::string path;
  bool transposed = false;
  /// Whether it is the embedding of tokens, which has as many rows as there are
  /// words.
  bool isTokenTable = false;
  /// Set if the value is that of `base` plus B diag(s) A.
  MergeAttr merge;

  int64_t elements() const;
};

/// A parameter of the model and its tensor in the checkpoint.
struct ModelParameter {
  /// In the module tree.
  std::string name;
  const lora_rt::TensorView *stored = nullptr;
  /// Whether it is the weight of a linear layer, and of nothing else.
  bool linear = false;
  /// Stored as [in, out].
  bool transposed = false;
  /// Whether it is an embedding and also the head's weight.
  bool tied = false;

  /// The name without its last part.
  std::string module() const { return name.substr(0, name.rfind('.')); }
};

/// An adapter folder and the name that it has in expressions.
struct NamedAdapter {
  std::string folder;
  std::string name = "default";
};

/// A tensor with an adapter's delta added to it or taken off.
struct RoundedSum {
  std::vector<float> delta;
  std::vector<std::byte> bytes;
  TensorRounding account;
};

class AdaptedModel {
public:
  /// Opens a model folder with any number of adapters. Fails where an adapter
  /// does not fit or cannot be merged.
  static lora_rt::Expected<std::unique_ptr<AdaptedModel>>
  open(const std::string &modelFolder,
       const std::vector<NamedAdapter> &adapters, const Note &warning = {});

  /// The same from the text of a graph and tensors in the types and shapes of
  /// its slots, of which only names, types and shapes are read. Everything that
  /// changes is a sum (`merge` is set); adapters that do anything else to this
  /// graph are refused. `tensors.folder()` is the file's name in messages.
  static lora_rt::Expected<std::unique_ptr<AdaptedModel>>
  openGraph(std::string_view text, lora_rt::Checkpoint tensors,
            const std::vector<NamedAdapter> &adapters,
            const Note &warning = {});

  const lora_rt::Checkpoint &checkpoint() const { return tensorFiles; }

  /// What changes, in the order of the model.
  const std::vector<AdaptedTensor> &tensors() const { return changed; }
  const AdaptedTensor *find(std::string_view name) const;

  /// All parameters that have a tensor, each once; a tied weight is that of the
  /// embedding.
  const std::vector<ModelParameter> &parameters() const { return all; }

  /// The head that the adapter brings or is for, if it says so.
  const std::optional<HeadRequest> &head() const { return headRequest; }

  /// Whether embedding and head, one before, are two.
  bool unties() const { return untied; }

  /// B diag(s) A as stored, in f32. The scales of the adapter `negated`, if
  /// there is one, change their sign.
  lora_rt::Error delta(const AdaptedTensor &tensor, std::span<float> target,
                       llvm::StringRef negated = "") const;

  /// `original` plus `factor` (1 or -1) times that delta, rounded once.
  lora_rt::Error addDelta(const AdaptedTensor &tensor,
                          const lora_rt::TensorView &original, float factor,
                          RoundedSum &sum, llvm::StringRef negated = "") const;

  /// The whole value as stored, in f32, not rounded to the checkpoint's type.
  lora_rt::Error value(const AdaptedTensor &tensor,
                       std::span<float> target) const;

private:
  AdaptedModel();

  lora_rt::Error attach(const Note &warning);
  /// A parameter of the graph at one place.
  struct Slot {
    std::string path;
    std::string name; ///< full, of the module tree
    mlir::Attribute value;
    bool isLinear = false, isEmbedding = false;

    /// What identifies it: a tied weight is there as table and as head.
    std::pair<std::string, bool> key() const { return {name, isLinear}; }
  };
  /// BERT's or RoBERTa's head for masked words, whose matrix is the tensor of
  /// the embedding, and whether adapters make two of the one.
  struct MaskedHead {
    const Slot *head = nullptr;
    bool parts = false;
  };
  std::optional<MaskedHead>
  findMaskedHead(const std::vector<Slot> &slots) const;
  bool haveSameBytes(mlir::Attribute a, const std::string &pathOfA,
                     mlir::Attribute b, const std::string &pathOfB) const;
  std::vector<Slot> collectSlots();
  void listParameters(const std::vector<Slot> &slots);
  lora_rt::Error addTensor(const Slot &before, const Slot &after,
                           const lora_rt::TensorView *stored,
                           const lora_rt::TensorView *base,
                           const std::string &name);
  lora_rt::Error compare(const std::vector<Slot> &before,
                         const std::vector<Slot> &after);
  lora_rt::Error evaluate(mlir::Attribute value, const AdaptedTensor &tensor,
                          std::span<float> target) const;

  mutable mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  lora_rt::Checkpoint tensorFiles;
  std::vector<std::pair<std::string, peft::PeftAdapter>> adapters;
  mlir::OwningOpRef<mlir::ModuleOp> graph;
  std::vector<AdaptedTensor> changed;
  std::vector<ModelParameter> all;
  std::optional<HeadRequest> headRequest;
  bool untied = false;
};

} // namespace lora

#endif // LORA_MLIR_LIB_ADAPTER_ADAPTEDMODEL_H
