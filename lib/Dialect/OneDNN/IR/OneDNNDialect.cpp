//===- OneDNNDialect.cpp - Registration, verifiers, effects ---------------===//
//
// The labels (C1), (C2), ... are those of the constraints in OneDNNOps.td.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Dialect/OneDNN/IR/OneDNNOps.h"
#include "lora-mlir/Dialect/Transformer/IR/VerifierUtils.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/OpImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace lora::onednn;

#include "lora-mlir/Dialect/OneDNN/IR/OneDNNDialect.cpp.inc"
#include "lora-mlir/Dialect/OneDNN/IR/OneDNNEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "lora-mlir/Dialect/OneDNN/IR/OneDNNAttributes.cpp.inc"

#define GET_OP_CLASSES
#include "lora-mlir/Dialect/OneDNN/IR/OneDNNOps.cpp.inc"

void OneDNNDialect::initialize() {
  registerAttributes();
  registerTypes();
  addOperations<
#define GET_OP_LIST
#include "lora-mlir/Dialect/OneDNN/IR/OneDNNOps.cpp.inc"
      >();
}

void OneDNNDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "lora-mlir/Dialect/OneDNN/IR/OneDNNAttributes.cpp.inc"
      >();
}

LogicalResult
OneDNNDialect::verifyOperationAttribute(Operation *op,
                                        NamedAttribute attribute) {
  return transformer::refuseUnknown(op->emitOpError(), attribute.getName(), {});
}

static ShapedType shaped(Value value) {
  return cast<ShapedType>(value.getType());
}

static PackedAttr getEncoding(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type ? dyn_cast_or_null<PackedAttr>(type.getEncoding()) : PackedAttr();
}

/// The logical type of a weight: its own, or `shape` if it is opaque bytes.
static FailureOr<ShapedType> getWeightType(Operation *op, Value weight,
                                           PackedAttr layout,
                                           std::optional<Type> shape) {
  ShapedType type = shaped(weight);
  bool opaque = type.getElementType().isInteger(8);
  if (!opaque && (layout || shape)) // (C5)
    return op->emitOpError()
           << "expected a layout attribute only with a weight "
              "of opaque bytes, but got "
           << type;
  if (!opaque && type.getRank() == 2)
    return type;
  if (!opaque || !layout || !shape || type.getRank() != 1 ||
      cast<RankedTensorType>(*shape).getRank() != 2) // (C5)
    return op->emitOpError() << "expected a weight of opaque bytes to have a "
                                "layout and a shape, but got "
                             << type;
  return cast<ShapedType>(*shape);
}

static LogicalResult expectPlain(Operation *op, StringRef name, Value value) {
  ShapedType type = shaped(value);
  if (!getEncoding(value) && !type.getElementType().isInteger(8) &&
      type.getRank() == 2 && type.hasStaticShape())
    return success();
  return op->emitOpError()
         << "expected " << name
         << " to be a row-major matrix of static shape, but got " << type;
}

/// On memrefs: reads of the inputs, and writes of the destination.
static void getDestinationEffects(
    DestinationStyleOpInterface op, bool readsDestination,
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  for (OpOperand *input : op.getDpsInputOperands())
    if (isa<BaseMemRefType>(input->get().getType()))
      effects.emplace_back(MemoryEffects::Read::get(), input);
  for (OpOperand &init : op.getDpsInitsMutable()) {
    if (!isa<BaseMemRefType>(init.get().getType()))
      continue;
    if (readsDestination)
      effects.emplace_back(MemoryEffects::Read::get(), &init);
    effects.emplace_back(MemoryEffects::Write::get(), &init);
  }
}

/// Fails unless a tensor destination has a result of its type and a memref
/// destination has none.
static LogicalResult verifyDestination(Operation *op, Value destination) {
  bool isTensor = isa<RankedTensorType>(destination.getType());
  if (isTensor != (op->getNumResults() == 1) ||
      (isTensor && op->getResult(0).getType() != destination.getType()))
    return op->emitOpError()
           << "expected a result of the destination's type for "
              "a tensor, and none for a memref";
  return success();
}

//===----------------------------------------------------------------------===//
// matmul
//===----------------------------------------------------------------------===//

PackedAttr MatmulOp::getWeightLayout() {
  return getBLayout() ? *getBLayout() : getEncoding(getB());
}

bool MatmulOp::accumulates() {
  return llvm::any_of(getPostOps(), [](Attribute attr) {
    return cast<PostOpKindAttr>(attr).getValue() == PostOpKind::Sum;
  });
}

int64_t MatmulOp::getM() { return shaped(getC()).getDimSize(0); }
int64_t MatmulOp::getN() { return shaped(getC()).getDimSize(1); }
int64_t MatmulOp::getK() {
  return shaped(getA()).getDimSize(getTransposeA() ? 0 : 1);
}

LogicalResult MatmulOp::verify() {
  FailureOr<ShapedType> b = getWeightType(
      *this, getB(), getBLayout().value_or(PackedAttr()), getBShape());
  if (failed(b) || failed(verifyDestination(*this, getC())))
    return failure();
  for (auto [name, value] : {std::pair<StringRef, Value>("a", getA()),
                             std::pair<StringRef, Value>("c", getC())})
    if (failed(expectPlain(*this, name, value))) // (C4)
      return failure();
  int64_t m = getM(), n = getN(), k = getK();
  SmallVector<int64_t, 2> aShape{m, k}, bShape{k, n};
  if (getTransposeA())
    std::swap(aShape[0], aShape[1]);
  if (getTransposeB())
    std::swap(bShape[0], bShape[1]);
  if (shaped(getA()).getShape() != ArrayRef(aShape) ||
      b->getShape() != ArrayRef(bShape)) // (C1)
    return emitOpError() << "expected the shapes to fit, but got "
                         << getA().getType() << " times " << *b << " into "
                         << getC().getType();
  if (getBias() && shaped(getBias()).getDimSize(0) != n) // (C1)
    return emitOpError() << "expected bias to have " << n << " values, but got "
                         << getBias().getType();
  if (shaped(getA()).getElementType() != b->getElementType()) // (C2)
    return emitOpError()
           << "expected a and b to have one element type, but got "
           << getA().getType() << " and " << *b;
  size_t operands = llvm::count_if(getPostOps(), [](Attribute attr) {
    PostOpKind kind = cast<PostOpKindAttr>(attr).getValue();
    return kind == PostOpKind::Add || kind == PostOpKind::Mul;
  });
  if (operands != getPostOperands().size()) // (C3)
    return emitOpError() << "expected " << operands
                         << " post operands, but got "
                         << getPostOperands().size();
  for (Value operand : getPostOperands()) {
    if (failed(expectPlain(*this, "a post operand", operand))) // (C4)
      return failure();
    if (shaped(operand).getShape() != shaped(getC()).getShape()) // (C1)
      return emitOpError() << "expected a post operand to have the shape of c, "
                              "but got "
                           << operand.getType();
  }
  if (getWeightLayout() && !getTransposeB()) // (C4)
    return emitOpError() << "expected transpose_b with a packed b";
  if (getTokenRows() && getTransposeA()) // (C6)
    return emitOpError() << "expected no transpose_a with token_rows";
  return success();
}

void MatmulOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  getDestinationEffects(cast<DestinationStyleOpInterface>(getOperation()),
                        accumulates(), effects);
}

//===----------------------------------------------------------------------===//
// gather
//===----------------------------------------------------------------------===//

PackedAttr GatherOp::getWeightLayout() {
  return getTableLayout() ? *getTableLayout() : getEncoding(getTable());
}

LogicalResult GatherOp::verify() {
  FailureOr<ShapedType> table =
      getWeightType(*this, getTable(), getTableLayout().value_or(PackedAttr()),
                    getTableShape());
  if (failed(table) || failed(verifyDestination(*this, getOut())) ||
      failed(expectPlain(*this, "out", getOut())))
    return failure(); // (C2)
  ShapedType out = shaped(getOut());
  if (out.getDimSize(0) != shaped(getIndices()).getDimSize(0) ||
      out.getDimSize(1) != table->getDimSize(1) ||
      out.getElementType() != table->getElementType()) // (C1)
    return emitOpError() << "expected out to have a row of " << *table
                         << " per index, but got " << out;
  return success();
}

void GatherOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  getDestinationEffects(cast<DestinationStyleOpInterface>(getOperation()),
                        /*readsDestination=*/false, effects);
}
