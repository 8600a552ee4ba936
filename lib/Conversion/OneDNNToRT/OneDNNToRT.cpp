//===- OneDNNToRT.cpp - Primitives and their executions -------------------===//
//
// Turns onednn operations on memrefs into entries of the module's primitive
// table, which the runtime creates at load, and their executions. The spec of a
// primitive is its entry in the manifest (docs/executable-format.md).
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Conversion/Passes.h"
#include "lora-mlir/Dialect/OneDNN/IR/OneDNNOps.h"
#include "lora-mlir/Dialect/RT/IR/RTOps.h"
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

std::string getTypeName(Type type) {
  std::string name;
  llvm::raw_string_ostream(name) << getElementTypeOrSelf(type);
  return name;
}

/// Collects the primitives of the IR module, one for each spec.
class PrimitiveTable {
public:
  explicit PrimitiveTable(ModuleOp module) : module(module), symbols(module) {
    for (auto primitive : module.getOps<rt::PrimitiveOp>())
      primitives[primitive.getSpec()] = primitive;
  }

  /// The primitive with this spec. A new one gets a name made from `base`.
  rt::PrimitiveOp get(DictionaryAttr spec, StringRef base) {
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

/// The manifest's description of a weight layout.
DictionaryAttr getLayoutSpec(Builder &builder, onednn::PackedAttr layout) {
  NamedAttrList spec;
  spec.set("scheme", builder.getStringAttr(layout ? "onednn" : "plain"));
  if (layout)
    spec.set("tag", builder.getStringAttr(layout.getTag()));
  return spec.getDictionary(builder.getContext());
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

DictionaryAttr getSpec(onednn::MatmulOp op) {
  Builder builder(op.getContext());
  auto type = [&](Value value) {
    return builder.getStringAttr(getTypeName(value.getType()));
  };
  NamedAttrList spec;
  spec.set("kind", builder.getStringAttr("matmul"));
  spec.set("m", builder.getI64IntegerAttr(op.getM()));
  spec.set("n", builder.getI64IntegerAttr(op.getN()));
  spec.set("k", builder.getI64IntegerAttr(op.getK()));
  spec.set("a", type(op.getA()));
  spec.set("b", type(op.getA()));
  spec.set("c", type(op.getC()));
  spec.set("transpose_a", builder.getBoolAttr(op.getTransposeA()));
  spec.set("transpose_b", builder.getBoolAttr(op.getTransposeB()));
  if (op.getTokenRows())
    spec.set("token_rows", builder.getBoolAttr(true));
  spec.set("b_layout", getLayoutSpec(builder, op.getWeightLayout()));
  if (std::optional<int64_t> stride = getRowStride(op.getA()))
    spec.set("a_stride", builder.getI64IntegerAttr(*stride));
  if (std::optional<int64_t> stride = getRowStride(op.getB()))
    spec.set("b_stride", builder.getI64IntegerAttr(*stride));
  if (std::optional<int64_t> stride = getRowStride(op.getC()))
    spec.set("c_stride", builder.getI64IntegerAttr(*stride));
  if (op.getBias())
    spec.set("bias", type(op.getBias()));
  SmallVector<Attribute> postOps;
  auto operand = op.getPostOperands().begin();
  for (Attribute attr : op.getPostOps()) {
    onednn::PostOpKind kind = cast<onednn::PostOpKindAttr>(attr).getValue();
    NamedAttrList postOp;
    postOp.set("kind",
               builder.getStringAttr(onednn::stringifyPostOpKind(kind)));
    if (kind == onednn::PostOpKind::Add || kind == onednn::PostOpKind::Mul)
      postOp.set("dtype", type(*operand++));
    postOps.push_back(postOp.getDictionary(op.getContext()));
  }
  spec.set("post_ops", builder.getArrayAttr(postOps));
  return spec.getDictionary(op.getContext());
}

DictionaryAttr getSpec(onednn::GatherOp op) {
  Builder builder(op.getContext());
  auto out = cast<ShapedType>(op.getOut().getType());
  auto table = cast<ShapedType>(op.getTableShape() ? *op.getTableShape()
                                                   : op.getTable().getType());
  NamedAttrList spec;
  spec.set("kind", builder.getStringAttr("gather"));
  spec.set("rows", builder.getI64IntegerAttr(table.getDimSize(0)));
  spec.set("width", builder.getI64IntegerAttr(table.getDimSize(1)));
  spec.set("count", builder.getI64IntegerAttr(out.getDimSize(0)));
  spec.set("dtype", builder.getStringAttr(getTypeName(out)));
  spec.set("layout", getLayoutSpec(builder, op.getWeightLayout()));
  return spec.getDictionary(op.getContext());
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
            matmul.getK(), getTypeName(matmul.getA().getType()));
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
        std::string name =
            llvm::formatv("gather_{0}x{1}_{2}", out.getDimSize(0),
                          out.getDimSize(1), getTypeName(out));
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
