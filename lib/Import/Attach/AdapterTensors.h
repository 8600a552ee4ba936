//===- AdapterTensors.h - The tensors of an adapter as leaves ---*- C++ -*-===//
//
// Makes leaves of weight expressions from the tensors of an adapter. It counts
// which tensors were used, so that each one is either used or named in an
// error.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_IMPORT_ATTACH_ADAPTERTENSORS_H
#define LORA_MLIR_LIB_IMPORT_ATTACH_ADAPTERTENSORS_H

#include "GraphLayers.h"
#include "lora-mlir/Import/Adapters.h"

#include <set>

namespace lora {

class AdapterTensors {
public:
  AdapterTensors(mlir::ModuleOp module, const AdapterTerm &term,
                 llvm::ArrayRef<AdapterTerm> attached)
      : module(module), adapter(*term.adapter), name(term.name),
        attached(attached) {}

  const peft::PeftAdapter &getAdapter() const { return adapter; }

  /// The leaf of tensor `suffix` of a targeted layer. Fails if it is missing or
  /// has another shape.
  mlir::FailureOr<mlir::Attribute> getOf(const GraphLayer &target,
                                         llvm::StringRef suffix,
                                         llvm::ArrayRef<int64_t> shape);

  /// The leaf of a tensor of the adapter, relative to `path`. `type` is the
  /// expected type, with the layout if there is one.
  mlir::FailureOr<mlir::Attribute> get(const std::string &tensor,
                                       llvm::StringRef path,
                                       mlir::RankedTensorType type);

  /// Counts a tensor as used.
  void use(const lora_rt::TensorView &view) { used.insert(view.name); }

  /// Replaces base weights by the parameters that the adapter contains. Those
  /// of layers in `modules_to_save` must be there. `wasTied` says whether
  /// embedding and head are one weight, or were before `untie`.
  mlir::LogicalResult replaceParameters(llvm::ArrayRef<GraphLayer> layers,
                                        bool wasTied);

  /// Fails if the adapter trains rows of an embedding that an earlier adapter
  /// has separated from the head: the rows would be missing in the head.
  mlir::LogicalResult refuseRowsOfParted(llvm::ArrayRef<GraphLayer> layers);

  /// Puts the rows of trained tokens into tables. `wasTied` as above.
  mlir::LogicalResult replaceRows(llvm::ArrayRef<GraphLayer> layers,
                                  bool wasTied);

  /// Fails if the vocabulary of the adapter has tokens for which neither the
  /// checkpoint nor the adapter has rows.
  mlir::LogicalResult refuseMissingRows();

  /// Fails if rows are to be replaced in a layer that is also a target.
  mlir::LogicalResult refuseAdaptedRows(llvm::ArrayRef<GraphLayer> layers,
                                        llvm::ArrayRef<peft::Target> targets);

  /// Whether embedding and head, if they are one weight, will get different
  /// values by `replaceParameters` and `replaceRows`.
  mlir::FailureOr<bool> mustUntie(llvm::ArrayRef<GraphLayer> layers);

  /// Fails if a tensor was not used, and says why.
  mlir::LogicalResult refuseUnused(llvm::ArrayRef<GraphLayer> layers);

  /// Fails if the adapter replaces parameters by values that differ from the
  /// base model's, because training does not write them. Tensors with the same
  /// values are ignored from then on.
  mlir::LogicalResult refuseParameters(const BaseTensors &baseTensor);

private:
  /// The ids whose rows an adapter trained in a layer, or nullptr.
  const std::vector<int64_t> *getTokens(const GraphLayer &layer) const;
  /// An expression in which the base leaves that the adapter replaces are
  /// replaced.
  mlir::FailureOr<mlir::Attribute> replace(mlir::Attribute expr,
                                           llvm::StringRef path, bool wasTied);
  /// Handles another adapter's leaf at `path` that this adapter would also
  /// replace. The leaf stays if the two values are equal; otherwise this fails.
  mlir::FailureOr<mlir::Attribute> keep(transformer::AdapterAttr leaf,
                                        llvm::StringRef path);
  /// What the adapter puts in the place of a base leaf of `type`; null if it
  /// has nothing.
  mlir::FailureOr<mlir::Attribute> replaceLeaf(transformer::BaseAttr base,
                                               mlir::RankedTensorType type,
                                               llvm::StringRef path,
                                               bool wasTied);
  mlir::LogicalResult replaceRows(const GraphLayer &target,
                                  llvm::ArrayRef<int64_t> tokens);
  /// Fails if two tensors that are one parameter differ.
  mlir::LogicalResult refuseDifference(const lora_rt::TensorView *a,
                                       const lora_rt::TensorView *b);

  mlir::ModuleOp module;
  const peft::PeftAdapter &adapter;
  std::string name;
  llvm::ArrayRef<AdapterTerm> attached;
  std::set<std::string> used;
  /// Tensors that have the base model's values.
  std::set<std::string> sameAsBase;
};

} // namespace lora

#endif // LORA_MLIR_LIB_IMPORT_ATTACH_ADAPTERTENSORS_H
