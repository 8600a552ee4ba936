//===- LoRAOps.cpp - Verifiers --------------------------------------------===//
//
// The labels (C1), (C2), ... are those of the constraints in LoRAOps.td.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Dialect/LoRA/IR/LoRAOps.h"
#include "lora-mlir/Dialect/Transformer/IR/VerifierUtils.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/OpImplementation.h"

using namespace mlir;
using namespace lora;

#define GET_OP_CLASSES
#include "lora-mlir/Dialect/LoRA/IR/LoRAOps.cpp.inc"

static LogicalResult expectShape(Operation *op, StringRef name, Value value,
                                 ArrayRef<int64_t> shape) {
  return transformer::expectShape(op, name, value.getType(), shape);
}

/// Fails unless all of `values` that exist have the element type of the first.
static LogicalResult expectOneElementType(Operation *op, ValueRange values) {
  Type first = getElementTypeOrSelf(values.front().getType());
  for (Value value : values)
    if (value && getElementTypeOrSelf(value.getType()) != first)
      return op->emitOpError() << "expected one element type, " << first
                               << ", but got " << value.getType();
  return success();
}

LogicalResult LinearOp::verify() {
  int64_t tokens = transformer::getDim(getX(), 0),
          in = transformer::getDim(getX(), 1);
  int64_t out = transformer::getDim(getWeight(), 0),
          rank = transformer::getDim(getA(), 0);
  if (failed(expectShape(*this, "weight", getWeight(), {out, in})) ||
      failed(expectShape(*this, "a", getA(), {rank, in})) ||
      failed(expectShape(*this, "b", getB(), {out, rank})) ||
      failed(expectShape(*this, "scale", getScale(), {rank})) ||
      failed(expectShape(*this, "result", getResult(), {tokens, out})) ||
      (getBias() && failed(expectShape(*this, "bias", getBias(), {out}))))
    return failure(); // (C1)
  SmallVector<Value> values{getX(), getWeight(), getA(), getB()};
  if (getBias())
    values.push_back(getBias());
  return expectOneElementType(*this, values); // (C2)
}

LogicalResult lora::EmbeddingOp::verify() {
  int64_t vocabulary = transformer::getDim(getTable(), 0),
          width = transformer::getDim(getTable(), 1);
  int64_t rank = transformer::getDim(getA(), 1);
  if (failed(expectShape(*this, "a", getA(), {vocabulary, rank})) ||
      failed(expectShape(*this, "b", getB(), {width, rank})) ||
      failed(expectShape(*this, "scale", getScale(), {rank})) ||
      failed(expectShape(*this, "result", getResult(),
                         {transformer::getDim(getIds(), 0), width})))
    return failure(); // (C1)
  return expectOneElementType(
      *this, {getTable(), getA(), getB(), getResult()}); // (C2)
}

LogicalResult DownOp::verify() {
  int64_t rank = transformer::getDim(getA(), 0);
  if (failed(expectShape(*this, "a", getA(),
                         {rank, transformer::getDim(getX(), 1)})) ||
      failed(expectShape(*this, "scale", getScale(), {rank})) ||
      failed(expectShape(*this, "result", getResult(),
                         {transformer::getDim(getX(), 0), rank})))
    return failure();                                   // (C1)
  return expectOneElementType(*this, {getX(), getA()}); // (C2)
}

LogicalResult UpOp::verify() {
  int64_t tokens = transformer::getDim(getX(), 0),
          in = transformer::getDim(getX(), 1);
  int64_t out = transformer::getDim(getWeight(), 0),
          rank = transformer::getDim(getB(), 1);
  if (failed(expectShape(*this, "weight", getWeight(), {out, in})) ||
      failed(expectShape(*this, "t", getT(),
                         {tokens, transformer::getDim(getT(), 1)})) ||
      failed(expectShape(*this, "b", getB(), {out, rank})) ||
      failed(expectShape(*this, "result", getResult(), {tokens, out})) ||
      (getBias() && failed(expectShape(*this, "bias", getBias(), {out}))))
    return failure(); // (C1)
  int64_t end = int64_t(getOffset()) + rank;
  if (int64_t(getOffset()) < 0 || end > transformer::getDim(getT(), 1)) // (C2)
    return emitOpError() << "expected ranks [" << int64_t(getOffset()) << ", "
                         << end << ") to be among the "
                         << transformer::getDim(getT(), 1) << " of t";
  SmallVector<Value> values{getX(), getWeight(), getT(), getB()};
  if (getBias())
    values.push_back(getBias());
  return expectOneElementType(*this, values); // (C3)
}
