//===- Update.cpp - The formulas of the optimizer steps -------------------===//
//
// Elementwise updates of flat regions, in place on memrefs. The lowering of
// `transformer.apply` builds them, because it knows the regions.
//
//===----------------------------------------------------------------------===//

#include "Decomposition.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace lora;

/// The element of a tensor or memref at `position`.
static Expr load(Decomposition &b, Value container, ValueRange position) {
  if (isa<MemRefType>(container.getType()))
    return b.getExpr(memref::LoadOp::create(b, container, position));
  return b.getExpr(tensor::ExtractOp::create(b, container, position));
}

/// Calls what is built from here on `name`.
static void setName(Decomposition &b, StringRef name) {
  b.setLoc(transformer::namedLoc(name, b.getLoc()));
}

/// The hyperparameters, each with its name.
static SmallVector<Expr> loadNamed(Decomposition &b, Value container,
                                   ArrayRef<StringRef> names) {
  SmallVector<Expr> values;
  for (auto [i, name] : llvm::enumerate(names)) {
    setName(b, name);
    values.push_back(load(b, container, b.getIndex(i)));
  }
  return values;
}

/// The smaller of two; NaN if either is NaN.
static Expr min(Decomposition &b, Expr x, Expr y) {
  return b.getExpr(arith::MinimumFOp::create(b, Value(x), Value(y)));
}

/// The factor min(1, C / (norm + 1e-6)) of torch's clip_grad_norm_.
static Expr getClipping(Decomposition &b, Expr norm, Expr threshold) {
  return min(b, threshold / (norm + 1e-6), norm.constant(1));
}

/// An elementwise generic over flat regions that updates `outputs`. The body
/// gets the inputs, then the outputs.
static SmallVector<Value>
createUpdate(Decomposition &b, ValueRange inputs, ValueRange outputs,
             llvm::function_ref<SmallVector<Value>(ArrayRef<Expr>)> body) {
  SmallVector<AffineMap> maps(inputs.size() + outputs.size(),
                              b.getMultiDimIdentityMap(1));
  SmallVector<Type> results;
  for (Value output : outputs)
    if (isa<TensorType>(output.getType()))
      results.push_back(output.getType());
  auto generic = linalg::GenericOp::create(
      b, results, inputs, outputs, maps,
      SmallVector<utils::IteratorType>{utils::IteratorType::parallel},
      [&](OpBuilder &nested, Location loc, ValueRange args) {
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPointToEnd(nested.getInsertionBlock());
        SmallVector<Expr> values;
        for (Value arg : args)
          values.push_back(b.getExpr(arg));
        linalg::YieldOp::create(b, body(values));
        nested.setInsertionPointToEnd(nested.getInsertionBlock());
      });
  return SmallVector<Value>(generic.getResults());
}

SmallVector<Value> lora::buildAdamW(OpBuilder &builder, Location loc,
                                    Value theta, Value gradient, Value moment1,
                                    Value moment2, Value norm,
                                    Value hyperparameters) {
  Decomposition b(loc, builder);
  SmallVector<Expr> h =
      loadNamed(b, hyperparameters,
                {"lr", "beta1", "beta2", "eps", "weight_decay", "bias1",
                 "bias2", "max_norm"});
  Expr lr = h[0], beta1 = h[1], beta2 = h[2], eps = h[3], decay = h[4];
  setName(b, "clip");
  Expr clip = getClipping(b, load(b, norm, {}), h[7]);
  setName(b, "keep");
  Expr keep = 1.0 - lr * decay;
  setName(b, "inverse");
  Expr inverse1 = lr / h[5], inverse2 = 1.0 / h[6];
  setName(b, "rest");
  Expr rest1 = 1.0 - beta1, rest2 = 1.0 - beta2;
  setName(b, "adamw");
  SmallVector<Value> results = createUpdate(
      b, gradient, {theta, moment1, moment2},
      [&](ArrayRef<Expr> x) -> SmallVector<Value> {
        setName(b, "g");
        Expr g = x[0] * clip;
        setName(b, "m");
        Expr m = beta1 * x[2] + rest1 * g;
        setName(b, "v");
        Expr v = beta2 * x[3] + rest2 * (g * g);
        setName(b, "theta");
        Expr theta = keep * x[1] - inverse1 * m / (sqrt(v * inverse2) + eps);
        return {theta, m, v};
      });
  builder.setInsertionPoint(b.getInsertionBlock(), b.getInsertionPoint());
  return results;
}

SmallVector<Value> lora::buildSGD(OpBuilder &builder, Location loc, Value theta,
                                  Value gradient, Value momentum, Value norm,
                                  Value hyperparameters) {
  Decomposition b(loc, builder);
  SmallVector<Expr> h = loadNamed(
      b, hyperparameters, {"lr", "momentum", "weight_decay", "max_norm"});
  Expr lr = h[0], factor = h[1], decay = h[2];
  setName(b, "clip");
  Expr clip = getClipping(b, load(b, norm, {}), h[3]);
  setName(b, "sgd");
  SmallVector<Value> results =
      createUpdate(b, gradient, {theta, momentum},
                   [&](ArrayRef<Expr> x) -> SmallVector<Value> {
                     setName(b, "g");
                     Expr g = x[0] * clip + decay * x[1];
                     setName(b, "m");
                     Expr m = factor * x[2] + g;
                     setName(b, "theta");
                     return {x[1] - lr * m, m};
                   });
  builder.setInsertionPoint(b.getInsertionBlock(), b.getInsertionPoint());
  return results;
}

Value lora::buildGradientNorm(OpBuilder &builder, Location loc,
                              Value gradient) {
  Decomposition b(loc, builder);
  Type elementType = getElementTypeOrSelf(gradient.getType());
  Value size = isa<MemRefType>(gradient.getType())
                   ? memref::DimOp::create(b, gradient, 0).getResult()
                   : tensor::DimOp::create(b, gradient, 0).getResult();
  auto loop = scf::ForOp::create(b, b.getIndex(0), size, b.getIndex(1),
                                 Value(b.getConstant(b.getF64Type(), 0)));
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(loop.getBody());
    Expr g =
        b.convert(load(b, gradient, loop.getInductionVar()), b.getF64Type());
    Expr sum = accumulate(b.getExpr(loop.getRegionIterArg(0)), g * g);
    scf::YieldOp::create(b, Value(sum));
  }
  Expr norm = b.convert(sqrt(b.getExpr(loop.getResult(0))), elementType);
  builder.setInsertionPoint(b.getInsertionBlock(), b.getInsertionPoint());
  return norm;
}
