//===- DifferentiableOpInterface.td - Reverse-mode rules -----*- tablegen -*-===//
//
// Defines the interface by which -lora-autodiff differentiates operations of
// any dialect.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_DIALECT_TRANSFORMER_IR_DIFFERENTIABLEOPINTERFACE_TD
#define LORA_MLIR_DIALECT_TRANSFORMER_IR_DIFFERENTIABLEOPINTERFACE_TD

include "mlir/IR/OpBase.td"

def DifferentiableOpInterface : OpInterface<"DifferentiableOpInterface"> {
  let cppNamespace = "::lora::transformer";
  let description = [{
    The vector-Jacobian product of an operation. A rule builds only the gradients that are
    requested. It may use the operands and results of the operation (the autodiff pass keeps or
    recomputes them). It builds no value with both dimensions of a weight, except the gradient of
    that weight if it is requested.
  }];
  let methods = [
    InterfaceMethod<[{
      Builds the gradients of the operands for which `needed` is set.
      `resultGradients` has a value or null (zero) per result. Stores a value,
      or null for a zero gradient, per operand into `operandGradients` (already
      sized). Gradients of activations have the activation's type; gradients
      of parameters are f32 (f64 for f64).
    }], "::llvm::LogicalResult", "buildGradients",
      (ins "::mlir::OpBuilder &":$builder,
           "::llvm::ArrayRef<::mlir::Value>":$resultGradients,
           "::llvm::ArrayRef<bool>":$needed,
           "::llvm::MutableArrayRef<::mlir::Value>":$operandGradients)>
  ];
}

#endif // LORA_MLIR_DIALECT_TRANSFORMER_IR_DIFFERENTIABLEOPINTERFACE_TD
