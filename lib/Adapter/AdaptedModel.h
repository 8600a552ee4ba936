//===- AdaptedModel.h - What adapters make of a checkpoint's tensors ------===//
//
// Folders become values as in the compiler: the model is imported, the adapters
// are attached by PEFT's rules, and branches are merged into weight
// expressions. This class then finds, for each expression, the tensor of the
// checkpoint that it replaces.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_ADAPTER_ADAPTEDMODEL_H
#define LORA_MLIR_LIB_ADAPTER_ADAPTEDMODEL_H

#include "lora-mlir/Adapter/Rounding.h"
#include "lora-mlir/Dialect/LoRA/IR/LoRAOps.h"
#include "lora-mlir/Import/OpenedModel.h"

#include <functional>
#include <memory>

namespace lora {

using Note = std::function<void(const std::string &)>;

/// A tensor of the checkpoint that adapters change or add.
struct AdaptedTensor {
  /// Its name in the checkpoint, or the name that it will have there.
  std::string name;
  /// The tensor of the checkpoint; null if the checkpoint does not have it yet.
  const lora_rt::TensorView *stored = nullptr;
  /// The tensor that held its value before: `stored`, or the tensor that it was
  /// tied to. Null for a new parameter.
  const lora_rt::TensorView *base = nullptr;
  lora_rt::DType dtype = lora_rt::DType::F32;
  /// The shape as it is stored.
  std::vector<int64_t> shape;
  /// Its value in f32. Paths in it are relative to `path`. Its dimensions may
  /// be transposed relative to `shape`.
  mlir::Attribute value;
  std::string path;
  bool transposed = false;
  /// Whether this is the token embedding, which has one row for each token of
  /// the vocabulary.
  bool isTokenTable = false;
  /// Set if the value is the value of `base` plus B diag(s) A.
  MergeAttr merge;

  int64_t elements() const;
};

/// A parameter of the model and its tensor in the checkpoint.
struct ModelParameter {
  /// Its name in the model's tree of modules, as in transformers.
  std::string name;
  const lora_rt::TensorView *stored = nullptr;
  /// Whether it is the weight of a linear layer and has no other use.
  bool linear = false;
  /// Whether it is stored as [in, out].
  bool transposed = false;
  /// Whether it is an embedding and also the weight of the head.
  bool tied = false;

  /// The name without its last component.
  std::string layer() const { return name.substr(0, name.rfind('.')); }
};

/// A tensor with an adapter's delta added or subtracted, rounded.
struct RoundedSum {
  std::vector<float> delta;
  std::vector<std::byte> bytes;
  TensorRounding account;
};

class AdaptedModel {
public:
  /// Opens a model folder with any number of adapters. Fails if an adapter does
  /// not fit the model or cannot be merged.
  static lora_rt::Expected<std::unique_ptr<AdaptedModel>>
  open(const std::string &modelFolder,
       const std::vector<NamedAdapter> &adapters, const Note &warning = {});

  /// The same from the text of a graph, and from tensors whose names, types and
  /// shapes are those of its slots. Only names, types and shapes of the tensors
  /// are read. Every change is a sum (`merge` is set); an adapter that changes
  /// this graph in another way is an error. `tensors.folder()` is the name of
  /// the file in messages.
  static lora_rt::Expected<std::unique_ptr<AdaptedModel>>
  openGraph(std::string_view text, lora_rt::Checkpoint tensors,
            const std::vector<NamedAdapter> &adapters,
            const Note &warning = {});

  const lora_rt::Checkpoint &checkpoint() const { return opened.checkpoint; }

  /// The tensors that change, in the order of the model.
  const std::vector<AdaptedTensor> &tensors() const { return changed; }
  const AdaptedTensor *find(std::string_view name) const;

  /// All parameters that have a tensor, each once. A tied weight has the name
  /// of the embedding.
  const std::vector<ModelParameter> &parameters() const { return all; }

  /// The head that the adapter brings, or that it was made for, if it says so.
  const std::optional<HeadRequest> &head() const { return opened.head; }

  /// Whether embedding and head were tied and are separate now.
  bool unties() const { return untied; }

  /// B diag(s) A in the stored layout, in f32. The scales of the adapter named
  /// `negated` change their sign.
  lora_rt::Error delta(const AdaptedTensor &tensor, std::span<float> target,
                       llvm::StringRef negated = "") const;

  /// `original` plus `factor` (1 or -1) times this delta, rounded once.
  lora_rt::Error addDelta(const AdaptedTensor &tensor,
                          const lora_rt::TensorView &original, float factor,
                          RoundedSum &sum, llvm::StringRef negated = "") const;

  /// The whole value in the stored layout, in f32, before it is rounded to the
  /// type of the checkpoint.
  lora_rt::Error value(const AdaptedTensor &tensor,
                       std::span<float> target) const;

private:
  AdaptedModel();

  lora_rt::Error attach(const Note &warning);
  /// A parameter of the graph at one path.
  struct Slot {
    std::string path;
    std::string name; ///< The full name in the module tree.
    mlir::Attribute value;
    bool isLinear = false, isEmbedding = false;

    /// The key of the slot. A tied weight occurs twice, as embedding and as
    /// head.
    std::pair<std::string, bool> key() const { return {name, isLinear}; }
  };
  /// The head for masked words of BERT or RoBERTa, whose matrix is the tensor
  /// of the embedding; and whether adapters separate the two.
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
  OpenedModel opened;
  std::vector<AdaptedTensor> changed;
  std::vector<ModelParameter> all;
  bool untied = false;
};

} // namespace lora

#endif // LORA_MLIR_LIB_ADAPTER_ADAPTEDMODEL_H
