//===- VerifierUtils.h - Checks that verifiers share ------------*- C++ -*-===//
//
// The verifiers of operations on ranked tensors, and of attributes that
// dialects put on functions, use the same words for the same mistake.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_DIALECT_TRANSFORMER_IR_VERIFIERUTILS_H
#define LORA_MLIR_DIALECT_TRANSFORMER_IR_VERIFIERUTILS_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Operation.h"
#include "mlir/IR/TypeUtilities.h"

namespace lora::transformer {

/// The size of dimension `index` of a ranked tensor.
inline int64_t getDim(mlir::Value value, unsigned index) {
  return mlir::cast<mlir::RankedTensorType>(value.getType()).getDimSize(index);
}

/// Verifies that `type` has `shape`. kDynamic in either of them fits every
/// size.
inline llvm::LogicalResult expectShape(mlir::Operation *op,
                                       llvm::StringRef name, mlir::Type type,
                                       llvm::ArrayRef<int64_t> shape) {
  auto tensor = mlir::cast<mlir::RankedTensorType>(type);
  if (succeeded(mlir::verifyCompatibleShape(tensor.getShape(), shape)))
    return mlir::success();
  mlir::InFlightDiagnostic diag = op->emitOpError()
                                  << "expected " << name << " to be [";
  llvm::interleaveComma(shape, diag, [&](int64_t size) {
    mlir::ShapedType::isDynamic(size) ? diag << "?" : diag << size;
  });
  return diag << "], but got " << tensor;
}

/// Refuses an attribute that its dialect does not know: adds similar names to
/// `diag`, or all names.
llvm::LogicalResult refuseUnknown(mlir::InFlightDiagnostic diag,
                                  llvm::StringRef attribute,
                                  llvm::ArrayRef<llvm::StringRef> known);

} // namespace lora::transformer

#endif // LORA_MLIR_DIALECT_TRANSFORMER_IR_VERIFIERUTILS_H
