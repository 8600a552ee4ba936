//===- AddGradient.h - The gradient of a function ---------------*- C++ -*-===//
//
// Differentiates a function of tensors as lora-autodiff differentiates blocks,
// so that tests can compare each rule with finite differences.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_DIALECT_LORA_TRANSFORMS_ADDGRADIENT_H
#define LORA_MLIR_DIALECT_LORA_TRANSFORMS_ADDGRADIENT_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace lora {

/// Adds `@NAME.gradient(arguments, gradients of float results) -> (gradients of
/// float arguments)` after `@NAME` in its module. It computes the forward pass
/// again. `function` must be one block of operations without applications.
/// Fails if an operation has no rule, or if a float argument does not influence
/// a float result.
mlir::FailureOr<mlir::func::FuncOp>
buildGradientFunction(mlir::func::FuncOp function);

} // namespace lora

#endif // LORA_MLIR_DIALECT_LORA_TRANSFORMS_ADDGRADIENT_H
