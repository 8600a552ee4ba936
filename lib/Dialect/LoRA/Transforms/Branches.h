//===- Branches.h - Putting branches on linear layers -----------*- C++ -*-===//
//
// What attaching, inserting and unmerging share. Places whose branches differ
// get separate copies of their block; places with equal ones share a copy.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_DIALECT_LORA_TRANSFORMS_BRANCHES_H
#define LORA_MLIR_LIB_DIALECT_LORA_TRANSFORMS_BRANCHES_H

#include "GraphModules.h"
#include "SlotValues.h"
#include "lora-mlir/Dialect/LoRA/Transforms/Adapters.h"

#include <optional>

namespace lora {

/// A low-rank branch to be put on a linear layer or an embedding.
struct Branch {
  std::string path;
  std::string local;
  /// Weight expressions of A and B, in their own type: [rank, in] and [out,
  /// rank]; of an embedding [vocabulary, rank] and [width, rank].
  mlir::Attribute a, b;
  /// A value per rank row.
  mlir::DenseFPElementsAttr scale;
  /// Name of the adapter, "default" for the nameless one.
  std::string adapter = "default";
  bool isEmbedding = false;
  /// The bias of B, which is scaled like B; or null.
  mlir::Attribute bias = {};
  /// DoRA's magnitudes, per output or feature; or null.
  mlir::Attribute magnitude = {};
  /// The scale that the branch was made with, where `scale` is a multiple of
  /// it; or null.
  mlir::DenseFPElementsAttr startScale = {};
  /// What the base weight loses to the branch (PiSSA, OLoRA); `rank` of it is
  /// that of the branch.
  std::optional<StartKind> residual = std::nullopt;
};

/// The base weight less what a branch on module `local` started from; errors
/// are `op`'s. A rank above that of the weight is one, and OLoRA on a Conv1D
/// layer that is not square, which PEFT cannot run either.
mlir::FailureOr<mlir::Attribute>
residualExpr(mlir::Operation *op, llvm::StringRef local, StartKind kind,
             mlir::Attribute weight, mlir::DenseFPElementsAttr scale);

/// The A and B that such a branch starts as; the same errors.
mlir::FailureOr<std::pair<mlir::Attribute, mlir::Attribute>>
startExprs(mlir::Operation *op, llvm::StringRef local, StartKind kind,
           mlir::Attribute weight, mlir::DenseFPElementsAttr scale);

/// The block's name without what variants add: "decoder" for "decoder.lora_1".
llvm::StringRef blockStem(llvm::StringRef name);

/// Makes one function of blocks whose operations are equal: what differs in the
/// values of slots moves to `transformer.apply`. Returns how many went away.
int64_t deduplicateBlocks(mlir::ModuleOp module);

/// Gives blocks without `lora` operations their stem's name back where it is
/// free.
void restoreBlockNames(mlir::ModuleOp module);

/// Puts branches on the modules of a block, which is a copy. The values of
/// slots that they build on are those at `place`; appends the names of slots
/// whose values are then others for all places of the block.
mlir::LogicalResult
buildBranches(mlir::func::FuncOp block, llvm::ArrayRef<const Branch *> branches,
              transformer::ApplyOp place, bool train,
              llvm::SmallVectorImpl<std::string> &changedSlots);

/// Puts branches on modules that `collectModules` found.
mlir::FailureOr<BranchStatistics>
addBranches(mlir::ModuleOp module, llvm::ArrayRef<Branch> branches, bool train);

} // namespace lora

#endif // LORA_MLIR_LIB_DIALECT_LORA_TRANSFORMS_BRANCHES_H
