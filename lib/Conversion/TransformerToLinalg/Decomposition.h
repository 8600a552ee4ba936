//===- Decomposition.h - Builders that the decompositions share -----------===//
//
// These builders enforce the rule of all decompositions: bodies compute in f32,
// or in f64 if any operand is f64, and the result is rounded once, to the
// element type of the output.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_CONVERSION_TRANSFORMERTOLINALG_DECOMPOSITION_H
#define LIB_CONVERSION_TRANSFORMERTOLINALG_DECOMPOSITION_H

#include "lora-mlir/Conversion/TransformerToLinalg.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/PatternMatch.h"

namespace lora {

/// A scalar or a vector in the body of a loop. Arithmetic on it builds
/// operations of `arith` and `math`. Products and sums may be contracted to
/// fused multiply-adds.
class Expr {
public:
  Expr(mlir::ImplicitLocOpBuilder &builder, mlir::Value value)
      : builder(&builder), value(value) {}
  operator mlir::Value() const { return value; }
  mlir::Type getType() const { return value.getType(); }
  mlir::ImplicitLocOpBuilder &getBuilder() const { return *builder; }
  /// A constant of this type.
  Expr constant(double number) const;

private:
  mlir::ImplicitLocOpBuilder *builder;
  mlir::Value value;
};

Expr operator+(Expr a, Expr b);
Expr operator-(Expr a, Expr b);
Expr operator*(Expr a, Expr b);
Expr operator/(Expr a, Expr b);
inline Expr operator+(Expr a, double b) { return a + a.constant(b); }
inline Expr operator+(double a, Expr b) { return b.constant(a) + b; }
inline Expr operator-(Expr a, double b) { return a - a.constant(b); }
inline Expr operator-(double a, Expr b) { return b.constant(a) - b; }
inline Expr operator*(Expr a, double b) { return a * a.constant(b); }
inline Expr operator*(double a, Expr b) { return b.constant(a) * b; }
inline Expr operator/(Expr a, double b) { return a / a.constant(b); }
inline Expr operator/(double a, Expr b) { return b.constant(a) / b; }
Expr operator-(Expr a);
Expr exp(Expr x);
Expr log(Expr x);
Expr sqrt(Expr x);
Expr tanh(Expr x);
Expr erf(Expr x);
/// The larger of two; NaN if either is NaN.
Expr max(Expr a, Expr b);
/// Whether a > b, a == b; false for NaN.
mlir::Value greater(Expr a, double b);
mlir::Value equal(Expr a, double b);
Expr select(mlir::Value condition, Expr a, Expr b);
/// cap tanh(x / cap); and its slope, computed from its value y.
Expr softcap(Expr x, double cap);
Expr softcapSlope(Expr y, double cap);
/// A term of a sum whose terms may be added in any order.
Expr accumulate(Expr sum, Expr term);
/// The larger of two by one instruction; if one is NaN, the result may be
/// either one.
Expr largerOf(Expr a, Expr b);
/// The sum of the elements of a vector; and the largest element, which may be
/// any element if one is NaN. The number of elements is a power of two.
Expr sumOf(Expr vector);
Expr largestOf(Expr vector);
/// A vector with `scalar` in every element.
Expr splat(Expr scalar, mlir::VectorType type);

/// Builds tensor-level code at one location.
class Decomposition : public mlir::ImplicitLocOpBuilder {
public:
  using ImplicitLocOpBuilder::ImplicitLocOpBuilder;

  /// The type in which these values are computed: f64 or f32.
  mlir::Type getComputeType(mlir::ValueRange values);
  mlir::Type getComputeType(mlir::Value value) {
    return getComputeType(mlir::ValueRange(value));
  }

  mlir::OpFoldResult getSize(mlir::Value tensor, int64_t dim);
  mlir::Value getSizeValue(mlir::Value tensor, int64_t dim);
  mlir::Value getIndex(int64_t value);
  /// `value` converted to the (element) type `elementType`; no operation if it
  /// has that type.
  Expr convert(mlir::Value value, mlir::Type elementType);
  Expr getExpr(mlir::Value value) { return Expr(*this, value); }
  Expr getConstant(mlir::Type type, double number);

  mlir::Value createEmpty(llvm::ArrayRef<mlir::OpFoldResult> sizes,
                          mlir::Type elementType);
  /// An uninitialized tensor of the shape of `tensor`.
  mlir::Value createEmptyLike(mlir::Value tensor, mlir::Type elementType);
  mlir::Value createFilled(llvm::ArrayRef<mlir::OpFoldResult> sizes,
                           mlir::Type elementType, double number);

  /// The body of a linalg.generic. It gets the inputs and then the output's
  /// present value, and returns the new value. Floats are converted to and from
  /// the compute type.
  using Body = llvm::function_ref<Expr(llvm::ArrayRef<Expr>)>;
  /// Builds a `linalg.generic`. `loops` names the loops from the outermost to
  /// the innermost by one letter each. `maps` gives the indices of the
  /// operands, as in "ti,oi->to". A loop that the output does not name is a
  /// reduction.
  mlir::Value createGeneric(llvm::StringRef loops, llvm::StringRef maps,
                            mlir::ValueRange inputs, mlir::Value output,
                            Body body);
  /// An elementwise generic over `inputs` of one shape.
  mlir::Value createElementwise(mlir::ValueRange inputs, mlir::Type elementType,
                                Body body);
  /// `tensor` rounded to `elementType`; itself if it has that type.
  mlir::Value round(mlir::Value tensor, mlir::Type elementType);

  /// [tokens, a * b * ...] as [tokens, a, b, ...], and back.
  mlir::Value splitFeatures(mlir::Value tensor, llvm::ArrayRef<int64_t> sizes);
  mlir::Value joinFeatures(mlir::Value tensor);
  /// A row of the sequence table as a vector over the tokens.
  mlir::Value getSequenceRow(mlir::Value sequence, int64_t row);
  /// An element of an i32 tensor as an index.
  mlir::Value getIndexFrom(mlir::Value tensor, mlir::ValueRange position);
  /// The range [first, end) of the keys of a token; only the last `window` of
  /// them if `window` is given.
  std::pair<mlir::Value, mlir::Value>
  getKeyRange(mlir::Value sequence, mlir::Value token,
              std::optional<int64_t> window);
};

/// Replaces an operation by what `build` returns, one value per result.
template <typename OpT>
class DecompositionPattern : public mlir::OpRewritePattern<OpT> {
public:
  using Builder = llvm::SmallVector<mlir::Value> (*)(OpT, Decomposition &);
  DecompositionPattern(mlir::MLIRContext *context, Builder build)
      : mlir::OpRewritePattern<OpT>(context), build(build) {}

  llvm::LogicalResult
  matchAndRewrite(OpT op, mlir::PatternRewriter &rewriter) const override {
    for (mlir::Type type : op->getOperandTypes())
      if (auto tensor = llvm::dyn_cast<mlir::RankedTensorType>(type);
          tensor && tensor.getEncoding())
        return rewriter.notifyMatchFailure(
            op, "expected operands without a layout");
    Decomposition builder(op.getLoc(), rewriter);
    llvm::SmallVector<mlir::Value> values = build(op, builder);
    for (auto [value, result] : llvm::zip_equal(values, op->getResults()))
      if (value.getType() != result.getType())
        value = mlir::tensor::CastOp::create(builder, result.getType(), value);
    rewriter.replaceOp(op, values);
    return mlir::success();
  }

private:
  Builder build;
};

template <typename OpT>
void addDecomposition(
    mlir::RewritePatternSet &patterns,
    llvm::SmallVector<mlir::Value> (*build)(OpT, Decomposition &)) {
  patterns.add<DecompositionPattern<OpT>>(patterns.getContext(), build);
}

/// The decompositions by topic. `populateTransformerToLinalgPatterns` adds all
/// of them.
void populateLinearAlgebraDecompositions(mlir::RewritePatternSet &patterns);
void populateElementwiseDecompositions(mlir::RewritePatternSet &patterns);
void populateNormDecompositions(mlir::RewritePatternSet &patterns);
void populatePositionDecompositions(mlir::RewritePatternSet &patterns);
void populateAttentionReferenceDecompositions(
    mlir::RewritePatternSet &patterns);
void populateAttentionLoopDecompositions(mlir::RewritePatternSet &patterns);
void populateAttentionGradientLoopDecompositions(
    mlir::RewritePatternSet &patterns);
void populateLossDecompositions(mlir::RewritePatternSet &patterns);

} // namespace lora

#endif // LIB_CONVERSION_TRANSFORMERTOLINALG_DECOMPOSITION_H
