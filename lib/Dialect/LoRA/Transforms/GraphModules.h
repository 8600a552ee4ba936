//===- GraphModules.h - The modules that a graph has ------------*- C++ -*-===//
//
// A linear layer is found by the slot of its weight: X.weight of a block that
// is applied at PATH is module PATH.X.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_DIALECT_LORA_TRANSFORMS_GRAPHMODULES_H
#define LORA_MLIR_LIB_DIALECT_LORA_TRANSFORMS_GRAPHMODULES_H

#include "lora-mlir/Dialect/LoRA/IR/LoRAOps.h"
#include "lora-mlir/Import/PeftAdapter.h"

namespace lora {

/// A module of the model as the graph has it.
struct GraphModule {
  peft::ModuleInfo info;
  /// Its path as targeting rules see it; empty if they do not.
  std::string seen;
  /// The path at which its block is applied.
  std::string path;
  /// Its name in the block; empty where the block is the module.
  std::string local;
  /// [out, in] of a linear layer; width and vocabulary of an embedding.
  int64_t out = 0, in = 0;
  /// Whether `lora-fuse` has already taken it apart.
  bool fused = false;
};

/// The modules of a model, in the order of their application, each once. Where
/// one weight is the embedding table and the head's, both are modules, and
/// `info.tied`.
std::vector<GraphModule> collectModules(mlir::ModuleOp module);

/// Whether an embedding holds the model's tokens (rather than positions or
/// token types), by its name in the families.
bool isTokenEmbedding(const GraphModule &module);

/// The embedding and the head that have one weight, or null.
std::pair<const GraphModule *, const GraphModule *>
findTied(llvm::ArrayRef<GraphModule> modules);

/// Binds a head whose weight is the embedding's to the path "lm_head", so that
/// each can have a value of its own; base values stay what they are. The model
/// is `parted` then, and no longer `tied`.
void untie(mlir::ModuleOp module, llvm::MutableArrayRef<GraphModule> modules);

/// The slot of a module's tensor: `local.suffix`, or `suffix`.
std::string slotName(llvm::StringRef local, llvm::StringRef suffix);

} // namespace lora

#endif // LORA_MLIR_LIB_DIALECT_LORA_TRANSFORMS_GRAPHMODULES_H
