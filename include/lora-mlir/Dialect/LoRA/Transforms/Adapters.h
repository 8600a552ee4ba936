//===- Adapters.h - Attaching and inserting adapters ------------*- C++ -*-===//
//
// What tools call to bring an adapter into a model, and to take trained values
// out of it again. The passes `lora-attach` and `lora-insert` are the same
// functions.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_DIALECT_LORA_TRANSFORMS_ADAPTERS_H
#define LORA_MLIR_DIALECT_LORA_TRANSFORMS_ADAPTERS_H

#include "lora-mlir/Import/PeftAdapter.h"
#include "mlir/IR/BuiltinOps.h"

#include <functional>

namespace lora {

/// The base model's tensor of a parameter, by its name in the module tree, or
/// nullptr.
using BaseTensors =
    std::function<const lora_rt::TensorView *(std::string_view)>;

struct AdapterOptions {
  /// The adapter's name in `#transformer.adapter`.
  std::string name = "default";
  /// Whether A and B become f32 slots of role `trainable`, cast to the compute
  /// type in the block; otherwise they are frozen, in the compute type.
  bool train = false;
  /// Seed of a random A.
  uint64_t seed = 0;
  /// With `train`, what the adapter holds of the base model may be there if it
  /// is the same: PEFT saves a targeted embedding with its base weight.
  BaseTensors baseTensor;
};

/// What was brought in.
struct BranchStatistics {
  /// Linear layers, over all places, that got a branch.
  int64_t branches = 0;
  /// Numbers in their A and B.
  int64_t parameters = 0;
  /// Operations that the IR grew by.
  int64_t operations = 0;
};

/// Attaches a PEFT adapter: each targeted `transformer.linear` becomes a
/// `lora.linear`. Every tensor of the adapter is used, or this fails and names
/// it.
mlir::FailureOr<BranchStatistics>
attachAdapter(mlir::ModuleOp module, const peft::PeftAdapter &adapter,
              const AdapterOptions &options = {});

/// Adds new branches where `config` says: A random, B zero, so that the model
/// computes the same as before.
mlir::FailureOr<BranchStatistics>
insertBranches(mlir::ModuleOp module, const peft::PeftConfig &config,
               const AdapterOptions &options = {});

/// A tensor taken out of a slot, named relative to the block like the slot.
struct LeafTensor {
  std::string name;
  std::vector<int64_t> shape;
  std::vector<float> values;
};

/// Takes the trained contents of a slot apart: inverts the slot's weight
/// expression (concatenations and transpositions of leaves) and appends one
/// tensor per leaf. `data` holds the slot, row-major.
mlir::LogicalResult unfuseTrainable(mlir::Location loc, mlir::Attribute value,
                                    llvm::ArrayRef<float> data,
                                    std::vector<LeafTensor> &leaves);

} // namespace lora

#endif // LORA_MLIR_DIALECT_LORA_TRANSFORMS_ADAPTERS_H
