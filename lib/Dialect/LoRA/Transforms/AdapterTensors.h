//===- AdapterTensors.h - The tensors of an adapter as leaves ---*- C++ -*-===//
//
// Makes leaves of weight expressions of an adapter's tensors and keeps account
// of them, so that each is used or named in an error.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_DIALECT_LORA_TRANSFORMS_ADAPTERTENSORS_H
#define LORA_MLIR_LIB_DIALECT_LORA_TRANSFORMS_ADAPTERTENSORS_H

#include "GraphModules.h"
#include "lora-mlir/Dialect/LoRA/Transforms/AdapterSum.h"
#include "lora-mlir/Dialect/LoRA/Transforms/Adapters.h"

#include <set>

namespace lora {

class AdapterTensors {
public:
  AdapterTensors(mlir::ModuleOp module, const AdapterTerm &term,
                 llvm::ArrayRef<AdapterTerm> attached)
      : module(module), adapter(*term.adapter), name(term.name),
        attached(attached) {}

  const peft::PeftAdapter &getAdapter() const { return adapter; }

  /// The leaf of `suffix` of a targeted module, or failure if it is missing or
  /// has another shape.
  mlir::FailureOr<mlir::Attribute> getOf(const GraphModule &target,
                                         llvm::StringRef suffix,
                                         llvm::ArrayRef<int64_t> shape);

  /// The leaf of a tensor that the adapter has, seen from `path`; `type` has
  /// the expected shape, and the layout if there is one.
  mlir::FailureOr<mlir::Attribute> get(const std::string &tensor,
                                       llvm::StringRef path,
                                       mlir::RankedTensorType type);

  /// Counts a tensor as used.
  void use(const lora_rt::TensorView &view) { used.insert(view.name); }

  /// Puts the parameters that the adapter holds in the place of base weights.
  /// Those of modules in `modules_to_save` must be there. `wasTied` is whether
  /// embedding and head are one weight, or were before `untie`.
  mlir::LogicalResult replaceParameters(llvm::ArrayRef<GraphModule> modules,
                                        bool wasTied);

  /// Refuses rows of an embedding that an adapter which was attached before has
  /// parted from the head: they would be missing there.
  mlir::LogicalResult refuseRowsOfParted(llvm::ArrayRef<GraphModule> modules);

  /// Puts rows of trained tokens into tables. `wasTied` as above.
  mlir::LogicalResult replaceRows(llvm::ArrayRef<GraphModule> modules,
                                  bool wasTied);

  /// Fails if the vocabulary that the adapter was made for has tokens of which
  /// neither the checkpoint nor the adapter has rows.
  mlir::LogicalResult refuseMissingRows();

  /// Fails if rows are to be replaced of a module that is a target too.
  mlir::LogicalResult refuseAdaptedRows(llvm::ArrayRef<GraphModule> modules,
                                        llvm::ArrayRef<peft::Target> targets);

  /// Whether embedding and head, where they are one weight, get values of their
  /// own from what `replaceParameters` and `replaceRows` do.
  mlir::FailureOr<bool> mustUntie(llvm::ArrayRef<GraphModule> modules);

  /// Fails if a tensor is left over, and says why.
  mlir::LogicalResult refuseUnused(llvm::ArrayRef<GraphModule> modules);

  /// Fails if the adapter replaces parameters by other values than the base
  /// model's: what training writes does not hold them. Tensors with the same
  /// values replace nothing from then on.
  mlir::LogicalResult refuseParameters(const BaseTensors &baseTensor);

private:
  /// The ids whose rows an adapter trained of a module, or nullptr.
  const std::vector<int64_t> *getTokens(const GraphModule &module) const;
  /// An expression in which base leaves that the adapter holds are replaced.
  mlir::FailureOr<mlir::Attribute> replace(mlir::Attribute expr,
                                           llvm::StringRef path, bool wasTied);
  /// Another adapter's leaf at `path` where this one may have a value, too:
  /// stays if the two are equal.
  mlir::FailureOr<mlir::Attribute> keep(transformer::AdapterAttr leaf,
                                        llvm::StringRef path);
  /// What the adapter holds in the place of a base leaf, of `type`; null if it
  /// holds nothing.
  mlir::FailureOr<mlir::Attribute> replaceLeaf(transformer::BaseAttr base,
                                               mlir::RankedTensorType type,
                                               llvm::StringRef path,
                                               bool wasTied);
  mlir::LogicalResult replaceRows(const GraphModule &target,
                                  llvm::ArrayRef<int64_t> tokens);
  /// Fails if two tensors that are one parameter differ.
  mlir::LogicalResult refuseDifference(const lora_rt::TensorView *a,
                                       const lora_rt::TensorView *b);

  mlir::ModuleOp module;
  const peft::PeftAdapter &adapter;
  std::string name;
  llvm::ArrayRef<AdapterTerm> attached;
  std::set<std::string> used;
  /// Tensors that hold the base model's values.
  std::set<std::string> sameAsBase;
};

} // namespace lora

#endif // LORA_MLIR_LIB_DIALECT_LORA_TRANSFORMS_ADAPTERTENSORS_H
