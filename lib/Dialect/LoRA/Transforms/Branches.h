//===- Branches.h - Finding linear layers, adding branches ------*- C++ -*-===//
//
// What attaching, inserting and unmerging share: the modules that a graph has,
// and putting low-rank branches on some of them. Places whose branches differ
// get separate copies of their block; places with equal ones share a copy.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_DIALECT_LORA_TRANSFORMS_BRANCHES_H
#define LORA_MLIR_LIB_DIALECT_LORA_TRANSFORMS_BRANCHES_H

#include "lora-mlir/Dialect/LoRA/IR/LoRAOps.h"
#include "lora-mlir/Dialect/LoRA/Transforms/Adapters.h"

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
  /// [out, in] of a linear layer.
  int64_t out = 0, in = 0;
  /// Whether its weight is also the embedding table.
  bool tied = false;
  /// Whether `lora-fuse` has already taken it apart.
  bool fused = false;
};

/// The modules of a model, in the order of their application, each once.
std::vector<GraphModule> collectModules(mlir::ModuleOp module);

/// The slot of a module's tensor: `local.suffix`, or `suffix`.
std::string slotName(llvm::StringRef local, llvm::StringRef suffix);

/// A low-rank branch to be put on a linear layer.
struct Branch {
  std::string path;
  std::string local;
  /// Weight expressions of A [rank, in] and B [out, rank], in their own type.
  mlir::Attribute a, b;
  /// A value per rank row.
  mlir::DenseFPElementsAttr scale;
  /// Name of the adapter, "default" for the nameless one.
  std::string adapter = "default";
};

/// `rank` times the same scale.
mlir::DenseFPElementsAttr splatScale(mlir::MLIRContext *context, int64_t rank,
                                     double scale);

/// The block's name without what variants add: "decoder" for "decoder.lora_1".
llvm::StringRef blockStem(llvm::StringRef name);

/// Puts branches on linear layers that `collectModules` found.
mlir::FailureOr<BranchStatistics>
addBranches(mlir::ModuleOp module, llvm::ArrayRef<Branch> branches, bool train);

/// `expr` rounded to `type`'s element type; the same where it has it.
mlir::Attribute castExpr(mlir::Attribute expr, mlir::Type elementType);

/// The operand of a cast of a leaf or of a concatenation; others as they are.
/// Only for arithmetic in f32 on expressions of at most that precision.
mlir::Attribute stripCast(mlir::Attribute expr);

/// Concatenates two expressions along `dim`; where their types differ they are
/// widened to f32.
mlir::Attribute concatExprs(mlir::Attribute first, mlir::Attribute second,
                            int64_t dim);

/// The type of a weight expression.
mlir::RankedTensorType exprType(mlir::Attribute expr);

/// Makes one function of blocks whose operations are equal: what differs in the
/// values of slots moves to `transformer.apply`. Returns how many went away.
int64_t deduplicateBlocks(mlir::ModuleOp module);

/// Gives blocks without `lora` operations their stem's name back where it is
/// free.
void restoreBlockNames(mlir::ModuleOp module);

/// Sets or removes (if it is what the block says) the value of a slot at a
/// place.
void setSlotValue(transformer::ApplyOp apply, mlir::func::FuncOp block,
                  unsigned index, mlir::Attribute value);

/// Sets the value of a slot for all places that do not say otherwise; a plain
/// base tensor of the slot's name and type needs no attribute.
void setSlotValue(mlir::func::FuncOp block, unsigned index,
                  mlir::Attribute value);

/// All applications in a module, by block.
llvm::MapVector<mlir::func::FuncOp, llvm::SmallVector<transformer::ApplyOp>>
collectApplies(mlir::ModuleOp module);

/// Removes arguments without uses that `isCandidate` accepts, and their entries
/// in the values of applications.
void eraseUnusedSlots(
    mlir::func::FuncOp block, llvm::ArrayRef<transformer::ApplyOp> applies,
    llvm::function_ref<bool(llvm::StringRef slot)> isCandidate);

} // namespace lora

#endif // LORA_MLIR_LIB_DIALECT_LORA_TRANSFORMS_BRANCHES_H
