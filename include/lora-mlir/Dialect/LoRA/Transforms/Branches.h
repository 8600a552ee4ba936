//===- Branches.h - Putting branches on linear layers -----------*- C++ -*-===//
//
// Functions that attaching, inserting and unmerging share. Applications whose
// branches differ get separate copies of their block; applications with equal
// branches share a copy.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_DIALECT_LORA_TRANSFORMS_BRANCHES_H
#define LORA_MLIR_DIALECT_LORA_TRANSFORMS_BRANCHES_H

#include "lora-mlir/Dialect/LoRA/Transforms/SlotValues.h"

#include <optional>

namespace lora {

/// What was added.
struct BranchStatistics {
  /// The number of linear layers that got a branch, over all applications.
  int64_t branches = 0;
  /// The number of values in their A and B.
  int64_t parameters = 0;
  /// The number of operations that were added to the IR.
  int64_t operations = 0;
};

/// A low-rank branch for a linear layer or an embedding.
struct Branch {
  /// The path at which the block is applied, and the layer in the block.
  std::string path;
  std::string local;
  /// The weight expressions of A and B, in their own types: [rank, in] and
  /// [out, rank]; for an embedding [vocabulary, rank] and [width, rank]. Their
  /// slots are named after the first tensor that each expression reads.
  mlir::Attribute a, b;
  /// The scale, with a value for each rank row.
  mlir::DenseFPElementsAttr scale;
  /// The name of the adapter; "default" if it has no name.
  std::string adapter = "default";
  bool isEmbedding = false;
  /// The bias of B, which is scaled like B; may be null.
  mlir::Attribute bias = {};
  /// DoRA's magnitudes, one for each output or feature; may be null.
  mlir::Attribute magnitude = {};
  /// The scale with which the branch was made, if `scale` is a multiple of it;
  /// may be null.
  mlir::DenseFPElementsAttr initialScale = {};
  /// How the initial value of the branch is subtracted from the base weight
  /// (PiSSA, OLoRA). The rank is that of the branch.
  std::optional<InitializerKind> residual = std::nullopt;
};

/// The base weight minus the initial value of a branch on layer `local`. Errors
/// are reported at `op`: a rank above that of the weight, and OLoRA on a Conv1D
/// layer that is not square, which PEFT cannot run either.
mlir::FailureOr<mlir::Attribute>
residualExpr(mlir::Operation *op, llvm::StringRef local, InitializerKind kind,
             mlir::Attribute weight, mlir::DenseFPElementsAttr scale);

/// The initial A and B of such a branch; the errors are the same.
mlir::FailureOr<std::pair<mlir::Attribute, mlir::Attribute>>
initializerExprs(mlir::Operation *op, llvm::StringRef local,
                 InitializerKind kind, mlir::Attribute weight,
                 mlir::DenseFPElementsAttr scale);

/// The name of a block without the suffix of variants: "decoder" for
/// "decoder.lora_1".
llvm::StringRef blockStem(llvm::StringRef name);

/// Makes one function of blocks with equal operations. Values of slots that
/// differ move to `transformer.apply`. Returns the number of functions that
/// were removed.
int64_t deduplicateBlocks(mlir::ModuleOp module);

/// Gives blocks without `lora` operations their original name back, if it is
/// free.
void restoreBlockNames(mlir::ModuleOp module);

/// Puts branches on the layers of a block, which is a copy. The values of slots
/// that they depend on are those at `place`. Appends the names of slots whose
/// values have changed for all applications of the block.
mlir::LogicalResult
buildBranches(mlir::func::FuncOp block, llvm::ArrayRef<const Branch *> branches,
              transformer::ApplyOp place, bool train,
              llvm::SmallVectorImpl<std::string> &changedSlots);

/// Puts branches on layers of a model. A branch names the path at which a block
/// is applied, and the layer in the block.
mlir::FailureOr<BranchStatistics>
addBranches(mlir::ModuleOp module, llvm::ArrayRef<Branch> branches, bool train);

} // namespace lora

#endif // LORA_MLIR_DIALECT_LORA_TRANSFORMS_BRANCHES_H
