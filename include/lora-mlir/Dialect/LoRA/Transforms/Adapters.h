//===- Adapters.h - Attaching and inserting adapters ------------*- C++ -*-===//
//
// What tools call to attach an adapter to a model, and to take trained values
// out of it again. The passes `lora-attach` and `lora-insert` call the same
// functions.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_DIALECT_LORA_TRANSFORMS_ADAPTERS_H
#define LORA_MLIR_DIALECT_LORA_TRANSFORMS_ADAPTERS_H

#include "lora-mlir/Import/PeftAdapter.h"
#include "mlir/IR/BuiltinOps.h"

#include <functional>

namespace lora {

/// Returns the base model's tensor of a parameter, by its name in the tree of
/// modules, or nullptr.
using BaseTensors =
    std::function<const lora_rt::TensorView *(std::string_view)>;

/// How branches are added.
struct AdapterOptions {
  /// The name of the adapter in `#transformer.adapter`.
  std::string name = "default";
  /// Whether A and B become f32 slots of role `trainable`, cast to the compute
  /// type in the block; otherwise they are frozen, in the compute type.
  bool train = false;
  /// The seed of a random A.
  uint64_t seed = 0;
  /// With `train`, an adapter may contain tensors of the base model only if
  /// they have the same values. (PEFT saves a targeted embedding with its base
  /// weight.)
  BaseTensors baseTensor;
};

/// What was added.
struct BranchStatistics {
  /// The number of linear layers that got a branch, over all applications.
  int64_t branches = 0;
  /// The number of values in their A and B.
  int64_t parameters = 0;
  /// The number of operations that were added to the IR.
  int64_t operations = 0;
};

/// Attaches a PEFT adapter: each targeted `transformer.linear` becomes a
/// `lora.linear`. Every tensor of the adapter is used; otherwise this fails and
/// names it.
mlir::FailureOr<BranchStatistics>
attachAdapter(mlir::ModuleOp module, const peft::PeftAdapter &adapter,
              const AdapterOptions &options = {});

/// Adds new branches to the targets of `config`. A is random and B is zero, so
/// the model computes the same as before.
mlir::FailureOr<BranchStatistics>
insertBranches(mlir::ModuleOp module, const peft::PeftConfig &config,
               const AdapterOptions &options = {});

/// A tensor that was taken out of a slot, named relative to the block like the
/// slot.
struct LeafTensor {
  std::string name;
  /// The shape of the leaf, row-major.
  std::vector<int64_t> shape;
  std::vector<float> values;
};

/// Separates the trained values of a slot: inverts the slot's weight expression
/// (concatenations and transpositions of leaves) and appends one tensor for
/// each leaf. `data` is the value of the slot, row-major.
mlir::LogicalResult unfuseTrainable(mlir::Location loc, mlir::Attribute value,
                                    llvm::ArrayRef<float> data,
                                    std::vector<LeafTensor> &leaves);

} // namespace lora

#endif // LORA_MLIR_DIALECT_LORA_TRANSFORMS_ADAPTERS_H
