//===- BlockGradients.h - Forward and backward of a block -------*- C++ -*-===//
//
// Splits a block into the function that training applies in the forward pass
// and the one that it applies in the backward pass.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_DIALECT_LORA_TRANSFORMS_BLOCKGRADIENTS_H
#define LORA_MLIR_LIB_DIALECT_LORA_TRANSFORMS_BLOCKGRADIENTS_H

#include "ReverseMode.h"
#include <map>

namespace lora {

/// A block as an application uses it. Arguments without a slot are inputs;
/// results without a tag are results.
struct BlockPattern {
  mlir::func::FuncOp block;
  /// Which inputs are active.
  llvm::SmallVector<bool> activeInputs;
  /// Which results have a gradient.
  llvm::SmallVector<bool> resultGradients;
};

/// The source of an operand of a backward application.
struct BackwardOperand {
  enum Kind { ResultGradient, ForwardResult, Input } kind;
  unsigned index;
};

/// The two functions of a block.
struct BlockGradients {
  /// The block itself, or a copy of it that also returns the kept values.
  mlir::func::FuncOp forward;
  mlir::func::FuncOp backward;
  /// The operands of an application of `backward`.
  llvm::SmallVector<BackwardOperand> operands;
  /// For each value result of `backward`, the input that it is the gradient of.
  llvm::SmallVector<unsigned> inputs;
  /// The trainable slots whose gradients `backward` returns.
  llvm::SmallVector<mlir::StringAttr> slots;
  unsigned numKept = 0;
  unsigned numRecomputed = 0;
  uint64_t keptBytesPerToken = 0;
};

/// Which results of `block` are active if `activeInputs` are.
llvm::SmallVector<bool> getActiveResults(mlir::func::FuncOp block,
                                         llvm::ArrayRef<bool> activeInputs);

/// Makes each pair of functions once.
class BlockDifferentiator {
public:
  explicit BlockDifferentiator(mlir::SymbolTable &symbols) : symbols(symbols) {}

  /// The functions for `pattern`, which are made on first use; null after an
  /// error.
  BlockGradients *get(BlockPattern pattern);

  /// The number of backward functions, of kept values and of recomputed values.
  unsigned numBlocks = 0, numKept = 0, numRecomputed = 0;

private:
  mlir::FailureOr<BlockGradients> build(BlockPattern &pattern);

  /// A copy of `block` that also returns the results `kept`, given as
  /// (operation, result) numbers.
  mlir::func::FuncOp
  getForward(mlir::func::FuncOp block,
             llvm::ArrayRef<std::pair<unsigned, unsigned>> kept);

  using Positions = std::vector<std::pair<unsigned, unsigned>>;
  mlir::SymbolTable &symbols;
  std::map<std::tuple<mlir::Operation *, std::vector<bool>, std::vector<bool>>,
           BlockGradients>
      made;
  std::map<std::pair<mlir::Operation *, Positions>, mlir::func::FuncOp>
      forwards;
};

} // namespace lora

#endif // LORA_MLIR_LIB_DIALECT_LORA_TRANSFORMS_BLOCKGRADIENTS_H
