//===- ReverseMode.h - Reverse-mode differentiation -------------*- C++ -*-===//
//
// The engine of lora-autodiff: activity and the accumulation of gradients over
// straight-line code. The caller decides what happens at an application of a
// block.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_DIALECT_LORA_TRANSFORMS_REVERSEMODE_H
#define LORA_MLIR_LIB_DIALECT_LORA_TRANSFORMS_REVERSEMODE_H

#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"

namespace lora {

/// Whether values of this type can have a gradient: tensors of floats.
bool isDifferentiableType(mlir::Type type);

/// The location of the gradient of a value at `loc`: "d.x" for a value named
/// "x", so that IR with names stays readable.
mlir::Location getGradientLoc(mlir::Location loc);

/// Returns which results of an application are active, given which inputs are.
using ApplyActivity = llvm::function_ref<llvm::SmallVector<bool>(
    transformer::ApplyOp, llvm::ArrayRef<bool> activeInputs)>;

/// Adds to `active` everything that depends on it: the floating-point results
/// of operations of `block` with an active operand.
void propagateActivity(mlir::Block &block, llvm::DenseSet<mlir::Value> &active,
                       ApplyActivity applyActivity = nullptr);

/// Builds the gradients of the operands of an application, like
/// DifferentiableOpInterface::buildGradients. It may replace the operation.
using ApplyRule = llvm::function_ref<mlir::LogicalResult(
    transformer::ApplyOp, llvm::ArrayRef<mlir::Value> resultGradients,
    llvm::ArrayRef<bool> needed,
    llvm::MutableArrayRef<mlir::Value> operandGradients)>;

/// The gradients of values, while reverse mode goes through the operations.
class ReverseMode {
public:
  /// Gradient operations are created at the insertion point of `builder`.
  ReverseMode(mlir::OpBuilder &builder,
              const llvm::DenseSet<mlir::Value> &active)
      : builder(builder), active(active) {}

  /// Adds `gradient` to that of `value`.
  void accumulate(mlir::Value value, mlir::Value gradient);

  /// The gradient of `value` so far; null for zero.
  mlir::Value lookup(mlir::Value value) const {
    return gradients.lookup(value);
  }

  /// Propagates gradients through `operations`, from the last to the first.
  /// Fails with an error at an operation on the active path without a rule.
  mlir::LogicalResult run(llvm::ArrayRef<mlir::Operation *> operations,
                          ApplyRule applyRule = nullptr);

private:
  mlir::LogicalResult runOn(mlir::Operation *op, ApplyRule applyRule);

  mlir::OpBuilder &builder;
  const llvm::DenseSet<mlir::Value> &active;
  llvm::DenseMap<mlir::Value, mlir::Value> gradients;
};

} // namespace lora

#endif // LORA_MLIR_LIB_DIALECT_LORA_TRANSFORMS_REVERSEMODE_H
