//===- OneDNNToRT.cpp - Primitives and their executions -------------------===//
//
// Turns onednn operations on memrefs into entries of the module's primitive
// table, which the runtime creates at load, and their executions. The spec of a
// primitive is its entry in the manifest.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Conversion/Passes.h"
#include "lora-mlir/Dialect/OneDNN/IR/MatmulSpec.h"
#include "lora-mlir/Dialect/RT/IR/RTOps.h"
#include "lora-mlir/Dialect/Transformer/IR/RuntimeTypes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/FormatVariadic.h"

namespace lora {
#define GEN_PASS_DEF_CONVERTONEDNNTORT
#include "lora-mlir/Conversion/Passes.h.inc"
} // namespace lora

using namespace mlir;
using namespace lora;

namespace {

/// Collects the primitives of the IR module, one for each spec.
class PrimitiveTable {
public:
  explicit PrimitiveTable(ModuleOp module) : module(module), symbols(module) {
    for (auto primitive : module.getOps<rt::PrimitiveOp>())
      primitives[primitive.getSpec()] = primitive;
  }

  /// The primitive with this spec, made under a name like `base` if new.
  rt::PrimitiveOp get(const lora_rt::PrimitiveSpec &primitiveSpec,
                      StringRef base) {
    auto spec = rt::PrimitiveSpecAttr::get(module.getContext(), primitiveSpec);
    rt::PrimitiveOp &primitive = primitives[spec];
    if (!primitive) {
      OpBuilder builder(module.getContext());
      primitive = rt::PrimitiveOp::create(builder, module.getLoc(), base, spec);
      symbols.insert(primitive, module.getBody()->begin());
    }
    return primitive;
  }

  size_t size() const { return primitives.size(); }

private:
  ModuleOp module;
  SymbolTable symbols;
  llvm::MapVector<Attribute, rt::PrimitiveOp> primitives;
};

std::string getLayout(onednn::PackedAttr layout) {
  return layout ? layout.getTag().str() : std::string(lora_rt::plainLayout);
}

/// The number of elements from one row of a matrix to the next, if each row is
/// contiguous but rows do not follow each other (a slice of features).
std::optional<int64_t> getRowStride(Value value) {
  auto type = dyn_cast<MemRefType>(value.getType());
  int64_t offset;
  SmallVector<int64_t> strides;
  if (!type || type.getLayout().isIdentity() || type.getRank() != 2 ||
      failed(type.getStridesAndOffset(strides, offset)) || strides[1] != 1 ||
      ShapedType::isDynamic(strides[0]))
    return std::nullopt;
  return strides[0];
}

lora_rt::PrimitiveSpec getSpec(onednn::MatmulOp op) {
  lora_rt::MatmulSpec spec = onednn::getMatmulSpec(op);
  spec.layout = getLayout(op.getWeightLayout());
  spec.strideA = getRowStride(op.getA()).value_or(0);
  spec.strideB = getRowStride(op.getB()).value_or(0);
  spec.strideC = getRowStride(op.getC()).value_or(0);
  return {spec};
}

lora_rt::PrimitiveSpec getSpec(onednn::GatherOp op) {
  auto table = cast<ShapedType>(op.getTableShape() ? *op.getTableShape()
                                                   : op.getTable().getType());
  lora_rt::GatherSpec spec;
  spec.rows = table.getDimSize(0);
  spec.width = table.getDimSize(1);
  spec.count = cast<ShapedType>(op.getOut().getType()).getDimSize(0);
  spec.dtype = getRuntimeType(op.getOut().getType());
  spec.layout = getLayout(op.getWeightLayout());
  return {spec};
}

/// Whether the elements lie row by row without gaps, at any offset.
bool isContiguous(MemRefType type) {
  SmallVector<int64_t> strides;
  int64_t offset;
  if (failed(type.getStridesAndOffset(strides, offset)))
    return false;
  int64_t expected = 1;
  for (int64_t i = type.getRank() - 1; i >= 0; --i) {
    int64_t size = type.getDimSize(i);
    if (size != 1 && strides[i] != expected)
      return false;
    if (ShapedType::isDynamic(size) && i != 0)
      return false;
    expected *= size;
  }
  return true;
}

/// Replaces `op` by an execution of `primitive` on `buffers`. The matrices of a
/// matmul (the first two buffers and the last one) may be slices of features.
LogicalResult replaceByExecution(Operation *op, rt::PrimitiveOp primitive,
                                 ValueRange buffers) {
  auto function = op->getParentOfType<func::FuncOp>();
  if (!function || function.getNumArguments() == 0 ||
      !isa<rt::ContextType>(function.getArgumentTypes()[0]))
    return op->emitOpError() << "expected to be in a function whose first "
                                "argument is a !rt.context; "
                                "-convert-apply-to-calls makes functions so";
  for (auto [index, buffer] : llvm::enumerate(buffers)) {
    auto type = dyn_cast<MemRefType>(buffer.getType());
    bool isMatrix =
        isa<onednn::MatmulOp>(op) && (index < 2 || index + 1 == buffers.size());
    bool strided = isMatrix && getRowStride(buffer);
    if (!type)
      return op->emitOpError()
             << "expected buffers, but got " << buffer.getType()
             << "; run -lora-bufferize first";
    if (!strided && !isContiguous(type))
      return op->emitOpError()
             << "expected contiguous buffers, but got " << buffer.getType();
  }
  OpBuilder builder(op);
  rt::ExecuteOp::create(builder, op->getLoc(), function.getArgument(0),
                        primitive.getSymName(), buffers);
  op->erase();
  return success();
}

struct ConvertOneDNNToRTPass
    : lora::impl::ConvertOneDNNToRTBase<ConvertOneDNNToRTPass> {
  using Base::Base;
  void runOnOperation() override {
    PrimitiveTable table(getOperation());
    WalkResult result = getOperation()->walk([&](Operation *op) {
      if (auto matmul = dyn_cast<onednn::MatmulOp>(op)) {
        std::string name = llvm::formatv(
            "matmul_{0}x{1}x{2}_{3}", matmul.getM(), matmul.getN(),
            matmul.getK(),
            lora_rt::manifestName(getRuntimeType(matmul.getA().getType())));
        SmallVector<Value> buffers{matmul.getA(), matmul.getB()};
        if (matmul.getBias())
          buffers.push_back(matmul.getBias());
        llvm::append_range(buffers, matmul.getPostOperands());
        buffers.push_back(matmul.getC());
        ++numExecutions;
        return WalkResult(
            replaceByExecution(op, table.get(getSpec(matmul), name), buffers));
      }
      if (auto gather = dyn_cast<onednn::GatherOp>(op)) {
        auto out = cast<ShapedType>(gather.getOut().getType());
        std::string name = llvm::formatv(
            "gather_{0}x{1}_{2}", out.getDimSize(0), out.getDimSize(1),
            lora_rt::manifestName(getRuntimeType(out)));
        ++numExecutions;
        return WalkResult(replaceByExecution(
            op, table.get(getSpec(gather), name),
            {gather.getTable(), gather.getIndices(), gather.getOut()}));
      }
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      return signalPassFailure();
    numPrimitives = table.size();
  }
};

} // namespace
