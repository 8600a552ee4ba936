//===- BufferizableOpInterfaceImpl.cpp - onednn on buffers ----------------===//
//
// The operations are in destination style: the buffer of the destination
// becomes that of the result, and all other operands are only read.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Dialect/OneDNN/Transforms/BufferizableOpInterfaceImpl.h"
#include "lora-mlir/Dialect/OneDNN/IR/OneDNNOps.h"
#include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.h"
#include "mlir/Dialect/Bufferization/IR/DstBufferizableOpInterfaceImpl.h"

using namespace mlir;
using namespace mlir::bufferization;
using namespace lora::onednn;

namespace {

/// Bufferizes the tensor operands of a destination-style operation in place.
template <typename OpTy>
struct DestinationStyleModel
    : DstBufferizableOpInterfaceExternalModel<DestinationStyleModel<OpTy>,
                                              OpTy> {
  bool bufferizesToMemoryRead(Operation *op, OpOperand &operand,
                              const AnalysisState &) const {
    // Only the post-op `sum` reads the content of the destination.
    if (!cast<DestinationStyleOpInterface>(op).isDpsInit(&operand))
      return true;
    auto matmul = dyn_cast<MatmulOp>(op);
    return matmul && matmul.accumulates();
  }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const BufferizationOptions &options,
                          BufferizationState &state) const {
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPoint(op);
    SmallVector<Value> operands;
    Value destination;
    for (OpOperand &operand : op->getOpOperands()) {
      Value value = operand.get();
      if (isa<TensorType>(value.getType())) {
        FailureOr<Value> buffer = getBuffer(rewriter, value, options, state);
        if (failed(buffer))
          return failure();
        value = *buffer;
      }
      if (cast<DestinationStyleOpInterface>(op).isDpsInit(&operand))
        destination = value;
      operands.push_back(value);
    }
    OperationState newOp(op->getLoc(), op->getName(), operands, TypeRange{},
                         op->getAttrs());
    newOp.propertiesAttr = op->getPropertiesAsAttribute();
    rewriter.create(newOp);
    replaceOpWithBufferizedValues(rewriter, op, destination);
    return success();
  }
};

} // namespace

void lora::onednn::registerBufferizableOpInterfaceExternalModels(
    DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, OneDNNDialect *) {
    MatmulOp::attachInterface<DestinationStyleModel<MatmulOp>>(*context);
    GatherOp::attachInterface<DestinationStyleModel<GatherOp>>(*context);
  });
}
