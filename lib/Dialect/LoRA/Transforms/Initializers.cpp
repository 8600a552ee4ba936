//===- Starts.cpp - Branches that start as factors of a weight ------------===//
//
// Builds the weight expressions of PiSSA and OLoRA, for the base weight
// (#lora.residual) and for A and B. Errors are those of a rank or a layout that
// PEFT cannot run either.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Dialect/LoRA/Transforms/Branches.h"

using namespace mlir;
using namespace lora;
using namespace lora::transformer;

namespace {

/// The matrix that is factorized, and the scale.
struct Factorized {
  Attribute operand;
  int64_t rank;
  double scale;
  /// Whether `operand` is the transpose of the weight.
  bool transposed = false;
};

} // namespace

static FailureOr<Factorized> factorizedPart(Operation *op, StringRef local,
                                            InitializerKind kind,
                                            Attribute weight,
                                            DenseFPElementsAttr scale) {
  RankedTensorType type = exprType(weight);
  Factorized result = {weight, scale.getNumElements(),
                       (*scale.getValues<APFloat>().begin()).convertToDouble()};
  if (result.rank > std::min(type.getDimSize(0), type.getDimSize(1)))
    return op->emitError()
           << "expected the rank of '" << local
           << "' to be at most the smaller dimension of its weight, but got "
           << result.rank << " and " << type;
  // PEFT factorizes OLoRA's matrix as it is stored, [in, out] for Conv1D. Only
  // for a square matrix do the factors then fit.
  auto transpose = dyn_cast<TransposeAttr>(weight);
  if (kind != InitializerKind::Olora || !transpose)
    return result;
  if (type.getDimSize(0) != type.getDimSize(1))
    return op->emitError() << "OLoRA on '" << local
                           << "', a Conv1D layer that is not square, is not "
                              "supported: PEFT itself cannot run it";
  result.operand = transpose.getOperand();
  result.transposed = true;
  return result;
}

static FloatAttr doubleAttr(Attribute expr, double value) {
  return FloatAttr::get(Float64Type::get(expr.getContext()), value);
}

FailureOr<Attribute> lora::residualExpr(Operation *op, StringRef local,
                                        InitializerKind kind, Attribute weight,
                                        DenseFPElementsAttr scale) {
  FailureOr<Factorized> part = factorizedPart(op, local, kind, weight, scale);
  if (failed(part))
    return failure();
  Attribute residual = ResidualAttr::get(
      op->getContext(), kind, part->operand, part->rank,
      doubleAttr(weight, kind == InitializerKind::Pissa ? 1.0 : part->scale));
  if (part->transposed)
    residual = TransposeAttr::get(op->getContext(), residual);
  return residual;
}

FailureOr<std::pair<Attribute, Attribute>>
lora::initializerExprs(Operation *op, StringRef local, InitializerKind kind,
                       Attribute weight, DenseFPElementsAttr scale) {
  FailureOr<Factorized> part = factorizedPart(op, local, kind, weight, scale);
  if (failed(part))
    return failure();
  if (!(part->scale > 0))
    return op->emitError() << "expected a positive scale for '" << local
                           << "', which begins as a factor of its weight, but "
                              "got "
                           << part->scale;
  auto matrix = [&](BranchMatrix matrix) -> Attribute {
    return InitializerAttr::get(op->getContext(), kind, matrix, part->operand,
                                part->rank, doubleAttr(weight, part->scale));
  };
  return std::make_pair(matrix(BranchMatrix::A), matrix(BranchMatrix::B));
}
