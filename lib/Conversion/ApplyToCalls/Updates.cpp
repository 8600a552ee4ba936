//===- Updates.cpp - The optimizer's operations on whole regions ----------===//
//
// Gradients, parameters and moments of all layers lie in flat regions, so that
// an update is one loop, however many layers there are.
//
//===----------------------------------------------------------------------===//

#include "SlotTable.h"
#include "lora-mlir/Conversion/TransformerToLinalg.h"
#include "lora-mlir/Dialect/RT/IR/RTOps.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace lora;
using namespace lora::transformer;

namespace {
/// Converts the updates of one entry.
class UpdateConverter {
public:
  UpdateConverter(SlotTable &table, Value context, Value slots)
      : table(table), context(context), slots(slots),
        builder(context.getContext()) {}

  void convert(GradientNormOp op) {
    builder.setInsertionPoint(op);
    Value norm = buildGradientNorm(
        builder, op.getLoc(), getRegion(op.getLoc(), rt::RegionKind::Gradient));
    Type element = op.getType().getElementType();
    if (norm.getType() != element)
      norm = arith::ExtFOp::create(builder, op.getLoc(), element, norm);
    op.replaceAllUsesWith(Value(tensor::FromElementsOp::create(
        builder, op.getLoc(), op.getType(), norm)));
    op.erase();
  }

  void convert(AdamWOp op) {
    builder.setInsertionPoint(op);
    Location loc = op.getLoc();
    buildAdamW(builder, loc, getRegion(loc, rt::RegionKind::Theta),
               getRegion(loc, rt::RegionKind::Gradient),
               getRegion(loc, rt::RegionKind::Moment1),
               getRegion(loc, rt::RegionKind::Moment2), getBuffer(op.getNorm()),
               getBuffer(op.getHyperparameters()));
    op.erase();
  }

  void convert(SGDOp op) {
    builder.setInsertionPoint(op);
    Location loc = op.getLoc();
    buildSGD(builder, loc, getRegion(loc, rt::RegionKind::Theta),
             getRegion(loc, rt::RegionKind::Gradient),
             getRegion(loc, rt::RegionKind::Moment1), getBuffer(op.getNorm()),
             getBuffer(op.getHyperparameters()));
    op.erase();
  }

private:
  Value getRegion(Location loc, rt::RegionKind region) {
    RankedTensorType type = table.getRegionType();
    return rt::SlotOp::create(
        builder, namedLoc(rt::stringifyRegionKind(region), loc),
        MemRefType::get(type.getShape(), type.getElementType()), context, slots,
        table.getRegion(region));
  }

  Value getBuffer(Value tensor) {
    auto type = cast<RankedTensorType>(tensor.getType());
    return bufferization::ToBufferOp::create(
        builder, tensor.getLoc(),
        MemRefType::get(type.getShape(), type.getElementType()), tensor,
        /*read_only=*/true);
  }

  SlotTable &table;
  Value context, slots;
  OpBuilder builder;
};
} // namespace

void lora::convertUpdates(func::FuncOp entry, SlotTable &table, Value context,
                          Value slots) {
  UpdateConverter converter(table, context, slots);
  for (Operation &op : llvm::make_early_inc_range(entry.getBody().front()))
    llvm::TypeSwitch<Operation *>(&op).Case<GradientNormOp, AdamWOp, SGDOp>(
        [&](auto update) { converter.convert(update); });
}
