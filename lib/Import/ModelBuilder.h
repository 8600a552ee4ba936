//===- ModelBuilder.h - Blocks and entries of a decoder model ---*- C++ -*-===//

#ifndef LORA_MLIR_LIB_IMPORT_MODELBUILDER_H
#define LORA_MLIR_LIB_IMPORT_MODELBUILDER_H

#include "lora-mlir/Import/ModelConfig.h"
#include "lora-runtime/Numeric.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace lora {

/// A parameter of a block, named relative to it.
struct Parameter {
  std::string name;
  llvm::SmallVector<int64_t, 2> shape;
};

/// The parameters of each block, in the order of use.
std::vector<Parameter> embeddingParameters(const ModelConfig &config);
std::vector<Parameter> decoderParameters(const ModelConfig &config);
std::vector<Parameter> normParameters(const ModelConfig &config);

/// How a layer differs from others: its window, and the types that the
/// checkpoint has its parameters in. Equal layers share a block.
struct LayerKind {
  std::optional<int64_t> window;
  std::vector<lora_rt::DType> stored;
  bool operator==(const LayerKind &) const = default;
};

/// What the checkpoint adds to the configuration.
struct CheckpointFacts {
  /// F32 or BF16.
  lora_rt::DType computeType = lora_rt::DType::F32;
  lora_rt::DType embedding = lora_rt::DType::F32;
  lora_rt::DType norm = lora_rt::DType::F32;
  lora_rt::DType head = lora_rt::DType::F32;
  /// Whether the head is the embedding.
  bool tied = false;
  std::vector<LayerKind> layers;
};

/// Builds the module; `importModel` describes it.
mlir::OwningOpRef<mlir::ModuleOp> buildModel(mlir::MLIRContext &context,
                                             const ModelConfig &config,
                                             const CheckpointFacts &facts);

} // namespace lora

#endif // LORA_MLIR_LIB_IMPORT_MODELBUILDER_H
