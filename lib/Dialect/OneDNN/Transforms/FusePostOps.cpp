//===- FusePostOps.cpp - Elementwise operations into matmuls --------------===//
//
// A post-op is applied to the f32 accumulator, so that fusing removes a
// rounding and a pass over memory. Only matmuls without another use are fused:
// nothing is computed twice.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Dialect/OneDNN/IR/OneDNNOps.h"
#include "lora-mlir/Dialect/OneDNN/Transforms/Passes.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace lora::onednn {
#define GEN_PASS_DEF_FUSEPOSTOPS
#include "lora-mlir/Dialect/OneDNN/Transforms/Passes.h.inc"
} // namespace lora::onednn

using namespace mlir;
using namespace lora;
using namespace lora::onednn;

namespace {

/// oneDNN takes at most this many post-ops per primitive.
constexpr size_t kMaxPostOps = 8;

/// The matmul that defines `value`, if it has no other use and a post-op can be
/// appended.
MatmulOp getFusibleMatmul(Value value) {
  auto matmul = value.getDefiningOp<MatmulOp>();
  if (!matmul || !value.hasOneUse() ||
      matmul.getPostOps().size() >= kMaxPostOps)
    return {};
  return matmul;
}

/// Whether a value is a slice of wider rows. Post-ops cannot read it in place,
/// but it can be a destination.
bool isSlice(Value value) {
  return value.getDefiningOp<transformer::SliceFeaturesOp>() != nullptr;
}

/// Replaces `op` by `matmul` with one more post-op. The new matmul is at the
/// position of `op`, so that the operand is defined before it.
void appendPostOp(PatternRewriter &rewriter, Operation *op, MatmulOp matmul,
                  PostOpKind kind, Value operand = {}, Value destination = {}) {
  SmallVector<Attribute> postOps(matmul.getPostOps().getValue());
  postOps.push_back(PostOpKindAttr::get(op->getContext(), kind));
  SmallVector<Value> operands(matmul.getPostOperands());
  if (operand)
    operands.push_back(operand);
  rewriter.setInsertionPoint(op);
  rewriter.replaceOpWithNewOp<MatmulOp>(
      op, matmul.getResult().getType(), matmul.getA(), matmul.getB(),
      matmul.getBias(), operands, destination ? destination : matmul.getC(),
      matmul.getTransposeA(), matmul.getTransposeB(), matmul.getTokenRows(),
      rewriter.getArrayAttr(postOps), PackedAttr(), TypeAttr());
  rewriter.eraseOp(matmul);
}

/// Rewrites an addition to a matmul into the post-op `add`; or into `sum` if
/// the other operand is the result of a matmul whose buffer can be reused.
struct FuseAdd : OpRewritePattern<transformer::AddOp> {
  using Base::Base;
  LogicalResult matchAndRewrite(transformer::AddOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getLhs() == op.getRhs())
      return rewriter.notifyMatchFailure(op, "expected two values");
    for (auto [value, other] : {std::pair(op.getRhs(), op.getLhs()),
                                std::pair(op.getLhs(), op.getRhs())}) {
      MatmulOp matmul = getFusibleMatmul(value);
      if (!matmul)
        continue;
      bool canAccumulate =
          getFusibleMatmul(other) || (isSlice(other) && other.hasOneUse());
      if (canAccumulate && !matmul.accumulates())
        appendPostOp(rewriter, op, matmul, PostOpKind::Sum, {}, other);
      else if (isSlice(other))
        continue;
      else
        appendPostOp(rewriter, op, matmul, PostOpKind::Add, other);
      return success();
    }
    return rewriter.notifyMatchFailure(
        op, "expected an operand that is a matmul's only use");
  }
};

/// Rewrites a product with a matmul into the post-op `mul`, which is computed
/// in f32 without another pass over memory.
struct FuseMul : OpRewritePattern<transformer::MulOp> {
  using Base::Base;
  LogicalResult matchAndRewrite(transformer::MulOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getLhs() == op.getRhs())
      return rewriter.notifyMatchFailure(op, "expected two values");
    for (auto [value, other] : {std::pair(op.getRhs(), op.getLhs()),
                                std::pair(op.getLhs(), op.getRhs())}) {
      MatmulOp matmul = getFusibleMatmul(value);
      if (matmul && !isSlice(other)) {
        appendPostOp(rewriter, op, matmul, PostOpKind::Mul, other);
        return success();
      }
    }
    return rewriter.notifyMatchFailure(
        op, "expected an operand that is a matmul's only use");
  }
};

/// Rewrites an activation of a matmul into its post-op, for the same reason.
struct FuseActivation : OpRewritePattern<transformer::ActivationOp> {
  using Base::Base;
  LogicalResult matchAndRewrite(transformer::ActivationOp op,
                                PatternRewriter &rewriter) const override {
    MatmulOp matmul = getFusibleMatmul(op.getX());
    if (!matmul)
      return rewriter.notifyMatchFailure(op, "expected a matmul's only use");
    appendPostOp(rewriter, op, matmul, getPostOpKind(op.getKind()));
    return success();
  }

  static PostOpKind getPostOpKind(transformer::ActivationKind kind) {
    switch (kind) {
    case transformer::ActivationKind::Silu:
      return PostOpKind::Silu;
    case transformer::ActivationKind::GeluErf:
      return PostOpKind::GeluErf;
    case transformer::ActivationKind::GeluTanh:
      return PostOpKind::GeluTanh;
    case transformer::ActivationKind::Relu:
      return PostOpKind::Relu;
    case transformer::ActivationKind::Tanh:
      return PostOpKind::Tanh;
    }
    llvm_unreachable("unknown activation");
  }
};

struct FusePostOpsPass : onednn::impl::FusePostOpsBase<FusePostOpsPass> {
  using Base::Base;
  void runOnOperation() override {
    auto countPostOps = [&]() {
      int64_t count = 0;
      getOperation()->walk(
          [&](MatmulOp op) { count += op.getPostOps().size(); });
      return count;
    };
    int64_t before = countPostOps();
    RewritePatternSet patterns(&getContext());
    patterns.add<FuseAdd, FuseMul, FuseActivation>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    numPostOps = countPostOps() - before;
  }
};

} // namespace
