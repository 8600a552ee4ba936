//===- TransformerToOneDNN.cpp - Matrix products to oneDNN ----------------===//
//
// Every matrix product of the graph becomes one onednn.matmul; all other
// operations stay in the transformer dialect.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Conversion/Passes.h"
#include "lora-mlir/Dialect/LoRA/IR/LoRAOps.h"
#include "lora-mlir/Dialect/OneDNN/IR/OneDNNOps.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace lora {
#define GEN_PASS_DEF_CONVERTTRANSFORMERTOONEDNN
#include "lora-mlir/Conversion/Passes.h.inc"
} // namespace lora

using namespace mlir;
using namespace lora;

namespace {

/// Whether oneDNN can multiply these: f32 or bf16, static shapes.
bool isSupported(ValueRange values) {
  return llvm::all_of(values, [](Value value) {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    return type && type.hasStaticShape() &&
           (type.getElementType().isF32() || type.getElementType().isBF16());
  });
}

/// Whether the rows of the result are tokens.
bool hasTokenRows(Operation *op) {
  return op->hasAttr(transformer::TransformerDialect::kTokenRowsAttr);
}

/// Creates a matmul in place of `op`, or of a part of it. The result goes into
/// `destination`, or into a new tensor of `type` if that is null.
Value createMatmul(PatternRewriter &rewriter, Operation *op,
                   RankedTensorType type, Value a, Value b, Value bias,
                   bool transposeA, bool transposeB, Value destination = {}) {
  Location loc = op->getLoc();
  SmallVector<Attribute> postOps;
  if (destination)
    postOps.push_back(onednn::PostOpKindAttr::get(rewriter.getContext(),
                                                  onednn::PostOpKind::Sum));
  else
    destination = tensor::EmptyOp::create(rewriter, loc, type.getShape(),
                                          type.getElementType());
  return onednn::MatmulOp::create(
             rewriter, loc, type, a, b, bias, ValueRange{}, destination,
             transposeA, transposeB, hasTokenRows(op) && !transposeA,
             rewriter.getArrayAttr(postOps), onednn::PackedAttr(), TypeAttr())
      .getResult();
}

/// Rewrites linear into a matmul with the weight as stored, [out, in].
struct LinearPattern : OpRewritePattern<transformer::LinearOp> {
  using Base::Base;
  LogicalResult matchAndRewrite(transformer::LinearOp op,
                                PatternRewriter &rewriter) const override {
    if (!isSupported(op->getOperands()) || !isSupported(op->getResults()))
      return rewriter.notifyMatchFailure(op, "expected static f32 or bf16");
    rewriter.replaceOp(op, createMatmul(rewriter, op, op.getResult().getType(),
                                        op.getX(), op.getWeight(), op.getBias(),
                                        /*transposeA=*/false,
                                        /*transposeB=*/true));
    return success();
  }
};

/// Rewrites matmul into oneDNN's.
struct MatmulPattern : OpRewritePattern<transformer::MatmulOp> {
  using Base::Base;
  LogicalResult matchAndRewrite(transformer::MatmulOp op,
                                PatternRewriter &rewriter) const override {
    if (!isSupported(op->getOperands()) || !isSupported(op->getResults()))
      return rewriter.notifyMatchFailure(op, "expected static f32 or bf16");
    rewriter.replaceOp(op,
                       createMatmul(rewriter, op, op.getResult().getType(),
                                    op.getA(), op.getB(), Value(),
                                    op.getTransposeA(), op.getTransposeB()));
    return success();
  }
};

/// Rewrites an unfused branch into its two halves, which convert further.
struct LoRALinearPattern : OpRewritePattern<lora::LinearOp> {
  using Base::Base;
  LogicalResult matchAndRewrite(lora::LinearOp op,
                                PatternRewriter &rewriter) const override {
    auto x = op.getX().getType();
    auto type = RankedTensorType::get(
        {x.getDimSize(0), op.getA().getType().getDimSize(0)},
        x.getElementType());
    auto down = lora::DownOp::create(rewriter, op.getLoc(), type, op.getX(),
                                     op.getA(), op.getScale());
    auto up = lora::UpOp::create(
        rewriter, op.getLoc(), op.getResult().getType(), op.getX(),
        op.getWeight(), down, /*offset=*/0, op.getB(), op.getBias());
    for (Operation *half : {down.getOperation(), up.getOperation()})
      half->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    rewriter.replaceOp(op, up);
    return success();
  }
};

/// Rewrites down into a skinny matmul and a scaling of its few columns.
struct DownPattern : OpRewritePattern<lora::DownOp> {
  using Base::Base;
  LogicalResult matchAndRewrite(lora::DownOp op,
                                PatternRewriter &rewriter) const override {
    if (!isSupported({op.getX(), op.getA(), op.getResult()}))
      return rewriter.notifyMatchFailure(op, "expected static f32 or bf16");
    Value u = createMatmul(rewriter, op, op.getResult().getType(), op.getX(),
                           op.getA(), Value(),
                           /*transposeA=*/false, /*transposeB=*/true);
    rewriter.replaceOpWithNewOp<transformer::ScaleFeaturesOp>(op, u,
                                                              op.getScale());
    return success();
  }
};

/// Rewrites up into the base product and a product that adds to it in place.
struct UpPattern : OpRewritePattern<lora::UpOp> {
  using Base::Base;
  LogicalResult matchAndRewrite(lora::UpOp op,
                                PatternRewriter &rewriter) const override {
    if (!isSupported(op->getOperands()) || !isSupported(op->getResults()))
      return rewriter.notifyMatchFailure(op, "expected static f32 or bf16");
    RankedTensorType type = op.getResult().getType();
    Value base = createMatmul(rewriter, op, type, op.getX(), op.getWeight(),
                              op.getBias(),
                              /*transposeA=*/false, /*transposeB=*/true);
    Value t = op.getT();
    auto tType = op.getT().getType();
    int64_t rank = op.getB().getType().getDimSize(1);
    if (tType.getDimSize(1) != rank)
      t = transformer::SliceFeaturesOp::create(
          rewriter, op.getLoc(),
          RankedTensorType::get({tType.getDimSize(0), rank},
                                tType.getElementType()),
          t, op.getOffset());
    rewriter.replaceOp(op,
                       createMatmul(rewriter, op, type, t, op.getB(), Value(),
                                    /*transposeA=*/false,
                                    /*transposeB=*/true, base));
    return success();
  }
};

struct ConvertTransformerToOneDNNPass
    : lora::impl::ConvertTransformerToOneDNNBase<
          ConvertTransformerToOneDNNPass> {
  using Base::Base;
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<LinearPattern, MatmulPattern, LoRALinearPattern, DownPattern,
                 UpPattern>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    int64_t dynamic = 0;
    getOperation()->walk([&](Operation *op) {
      numMatmuls += isa<onednn::MatmulOp>(op);
      dynamic += isa<transformer::LinearOp, transformer::MatmulOp, lora::DownOp,
                     lora::UpOp>(op) &&
                 llvm::any_of(op->getOperandTypes(), [](Type type) {
                   return !cast<RankedTensorType>(type).hasStaticShape();
                 });
    });
    if (dynamic)
      getOperation()->emitRemark()
          << dynamic
          << " matrix products are left as they are, because their number of "
             "tokens is not fixed; run -transformer-specialize-tokens first";
  }
};

} // namespace
