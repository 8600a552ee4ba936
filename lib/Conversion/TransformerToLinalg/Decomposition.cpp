//===- Decomposition.cpp - Builders that the decompositions share ---------===//
//
// Only reductions are marked as reassociable, so that they can be vectorized.
// No other fast-math flag is set, so infinities and NaN keep their meaning.
//
//===----------------------------------------------------------------------===//

#include "Decomposition.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <numeric>

using namespace mlir;
using namespace lora;

//===----------------------------------------------------------------------===//
// Expr
//===----------------------------------------------------------------------===//

static constexpr auto kContract = arith::FastMathFlags::contract;
static constexpr auto kSum =
    arith::FastMathFlags::contract | arith::FastMathFlags::reassoc;

Expr Expr::constant(double number) const {
  auto element = cast<FloatType>(getElementTypeOrSelf(getType()));
  TypedAttr attr = FloatAttr::get(element, number);
  if (auto vector = dyn_cast<VectorType>(getType()))
    attr = DenseElementsAttr::get(vector, attr);
  return Expr(*builder, arith::ConstantOp::create(*builder, attr));
}

template <typename OpT>
static Expr createBinary(Expr a, Expr b, arith::FastMathFlags flags) {
  return Expr(a.getBuilder(), OpT::create(a.getBuilder(), Value(a), b, flags));
}

template <typename OpT> static Expr createUnary(Expr a) {
  return Expr(a.getBuilder(), OpT::create(a.getBuilder(), Value(a)));
}

Expr lora::operator+(Expr a, Expr b) {
  return createBinary<arith::AddFOp>(a, b, kContract);
}
Expr lora::operator-(Expr a, Expr b) {
  return createBinary<arith::SubFOp>(a, b, kContract);
}
Expr lora::operator*(Expr a, Expr b) {
  return createBinary<arith::MulFOp>(a, b, kContract);
}
Expr lora::operator/(Expr a, Expr b) {
  return createBinary<arith::DivFOp>(a, b, arith::FastMathFlags::none);
}
Expr lora::operator-(Expr a) { return createUnary<arith::NegFOp>(a); }
Expr lora::exp(Expr x) { return createUnary<math::ExpOp>(x); }
Expr lora::log(Expr x) { return createUnary<math::LogOp>(x); }
Expr lora::sqrt(Expr x) { return createUnary<math::SqrtOp>(x); }
Expr lora::tanh(Expr x) { return createUnary<math::TanhOp>(x); }
Expr lora::erf(Expr x) { return createUnary<math::ErfOp>(x); }

Expr lora::max(Expr a, Expr b) {
  return createBinary<arith::MaximumFOp>(a, b, arith::FastMathFlags::none);
}

Value lora::greater(Expr a, double b) {
  return arith::CmpFOp::create(a.getBuilder(), arith::CmpFPredicate::OGT, a,
                               a.constant(b));
}

Value lora::equal(Expr a, double b) {
  return arith::CmpFOp::create(a.getBuilder(), arith::CmpFPredicate::OEQ, a,
                               a.constant(b));
}

Expr lora::select(Value condition, Expr a, Expr b) {
  return Expr(a.getBuilder(),
              arith::SelectOp::create(a.getBuilder(), condition, Value(a), b));
}

Expr lora::softcap(Expr x, double cap) { return cap * tanh(x / cap); }
Expr lora::softcapSlope(Expr y, double cap) {
  Expr t = y / cap;
  return 1.0 - t * t;
}

Expr lora::accumulate(Expr sum, Expr term) {
  return createBinary<arith::AddFOp>(sum, term, kSum);
}

Expr lora::sumOf(Expr vector) {
  return Expr(vector.getBuilder(),
              vector::ReductionOp::create(vector.getBuilder(),
                                          vector::CombiningKind::ADD, vector,
                                          kSum));
}

Expr lora::largerOf(Expr a, Expr b) {
  Value isLarger =
      arith::CmpFOp::create(a.getBuilder(), arith::CmpFPredicate::OGT, a, b);
  return select(isLarger, a, b);
}

Expr lora::largestOf(Expr vector) {
  ImplicitLocOpBuilder &b = vector.getBuilder();
  int64_t size = cast<VectorType>(vector.getType()).getDimSize(0);
  assert(llvm::isPowerOf2_64(size) && "expected halves all the way");
  while (size > 1) {
    size /= 2;
    SmallVector<int64_t> low(size), high(size);
    std::iota(low.begin(), low.end(), 0);
    std::iota(high.begin(), high.end(), size);
    auto half = [&](ArrayRef<int64_t> mask) {
      return Expr(
          b, vector::ShuffleOp::create(b, Value(vector), Value(vector), mask));
    };
    vector = largerOf(half(low), half(high));
  }
  return Expr(b, vector::ExtractOp::create(b, Value(vector), 0));
}

Expr lora::splat(Expr scalar, VectorType type) {
  return Expr(scalar.getBuilder(),
              vector::BroadcastOp::create(scalar.getBuilder(), type, scalar));
}

//===----------------------------------------------------------------------===//
// Sizes and scalars
//===----------------------------------------------------------------------===//

Type Decomposition::getComputeType(ValueRange values) {
  for (Value value : values)
    if (getElementTypeOrSelf(value.getType()).isF64())
      return getF64Type();
  return getF32Type();
}

OpFoldResult Decomposition::getSize(Value tensor, int64_t dim) {
  return tensor::getMixedSize(*this, getLoc(), tensor, dim);
}

Value Decomposition::getSizeValue(Value tensor, int64_t dim) {
  return getValueOrCreateConstantIndexOp(*this, getLoc(), getSize(tensor, dim));
}

Value Decomposition::getIndex(int64_t value) {
  return arith::ConstantIndexOp::create(*this, value);
}

Expr Decomposition::convert(Value value, Type elementType) {
  auto from = cast<FloatType>(getElementTypeOrSelf(value.getType()));
  auto to = cast<FloatType>(elementType);
  auto withElement = [&](Type element) -> Type {
    if (auto vector = dyn_cast<VectorType>(value.getType()))
      return vector.clone(element);
    return element;
  };
  if (from == to)
    return getExpr(value);
  if (from.getWidth() == to.getWidth()) // bf16 and f16
    return convert(
        arith::ExtFOp::create(*this, withElement(getF32Type()), value), to);
  if (from.getWidth() < to.getWidth())
    return getExpr(arith::ExtFOp::create(*this, withElement(to), value));
  return getExpr(arith::TruncFOp::create(*this, withElement(to), value));
}

Expr Decomposition::getConstant(Type type, double number) {
  TypedAttr attr =
      FloatAttr::get(cast<FloatType>(getElementTypeOrSelf(type)), number);
  if (auto vector = dyn_cast<VectorType>(type))
    attr = DenseElementsAttr::get(vector, attr);
  return getExpr(arith::ConstantOp::create(*this, attr));
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

Value Decomposition::createEmpty(ArrayRef<OpFoldResult> sizes,
                                 Type elementType) {
  return tensor::EmptyOp::create(*this, sizes, elementType);
}

Value Decomposition::createEmptyLike(Value tensor, Type elementType) {
  return createEmpty(tensor::getMixedSizes(*this, getLoc(), tensor),
                     elementType);
}

Value Decomposition::createFilled(ArrayRef<OpFoldResult> sizes,
                                  Type elementType, double number) {
  Value empty = createEmpty(sizes, elementType);
  return linalg::FillOp::create(*this,
                                ValueRange(getConstant(elementType, number)),
                                ValueRange(empty))
      .getResult(0);
}

Value Decomposition::createGeneric(StringRef loops, StringRef maps,
                                   ValueRange inputs, Value output, Body body) {
  auto getMap = [&](StringRef letters) {
    SmallVector<AffineExpr> exprs;
    for (char letter : letters)
      exprs.push_back(getAffineDimExpr(loops.find(letter)));
    return AffineMap::get(loops.size(), 0, exprs, getContext());
  };
  auto [from, to] = maps.split("->");
  SmallVector<AffineMap> indexingMaps;
  if (!inputs.empty()) {
    SmallVector<StringRef> parts;
    from.split(parts, ',');
    for (StringRef part : parts)
      indexingMaps.push_back(getMap(part));
  }
  indexingMaps.push_back(getMap(to));
  SmallVector<utils::IteratorType> iterators;
  for (char letter : loops)
    iterators.push_back(to.contains(letter) ? utils::IteratorType::parallel
                                            : utils::IteratorType::reduction);
  SmallVector<Value> operands(inputs);
  operands.push_back(output);
  Type compute = getComputeType(operands);
  auto generic = linalg::GenericOp::create(
      *this, output.getType(), inputs, output, indexingMaps, iterators,
      [&](OpBuilder &nested, Location loc, ValueRange args) {
        InsertionGuard guard(*this);
        setInsertionPointToEnd(nested.getInsertionBlock());
        SmallVector<Expr> values;
        for (Value arg : args)
          values.push_back(isa<FloatType>(arg.getType()) ? convert(arg, compute)
                                                         : getExpr(arg));
        Expr result = body(values);
        linalg::YieldOp::create(*this,
                                Value(convert(result, args.back().getType())));
        nested.setInsertionPointToEnd(nested.getInsertionBlock());
      });
  return generic.getResult(0);
}

Value Decomposition::createElementwise(ValueRange inputs, Type elementType,
                                       Body body) {
  StringRef letters = "tabcdefgh";
  StringRef map =
      letters.take_front(cast<RankedTensorType>(inputs[0].getType()).getRank());
  SmallVector<StringRef> parts(inputs.size(), map);
  return createGeneric(map, llvm::join(parts, ",") + "->" + map.str(), inputs,
                       createEmptyLike(inputs[0], elementType), body);
}

Value Decomposition::round(Value tensor, Type elementType) {
  if (getElementTypeOrSelf(tensor.getType()) == elementType)
    return tensor;
  return createElementwise(tensor, elementType,
                           [](ArrayRef<Expr> x) { return x[0]; });
}

Value Decomposition::splitFeatures(Value tensor, ArrayRef<int64_t> sizes) {
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<int64_t> shape{type.getDimSize(0)};
  SmallVector<OpFoldResult> mixed{getSize(tensor, 0)};
  SmallVector<ReassociationIndices> groups{{0}, {}};
  for (int64_t size : sizes) {
    groups[1].push_back(shape.size());
    shape.push_back(size);
    mixed.push_back(getIndexAttr(size));
  }
  return tensor::ExpandShapeOp::create(
      *this, RankedTensorType::get(shape, type.getElementType()), tensor,
      groups, mixed);
}

Value Decomposition::joinFeatures(Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<ReassociationIndices> groups{{0}, {}};
  for (int64_t i = 1; i < type.getRank(); ++i)
    groups[1].push_back(i);
  return tensor::CollapseShapeOp::create(*this, tensor, groups);
}

Value Decomposition::getSequenceRow(Value sequence, int64_t row) {
  OpFoldResult one = getIndexAttr(1), zero = getIndexAttr(0);
  auto type = cast<RankedTensorType>(sequence.getType());
  SmallVector<OpFoldResult> offsets{getIndexAttr(row), zero};
  SmallVector<OpFoldResult> sizes{one, getSize(sequence, 1)};
  SmallVector<OpFoldResult> strides{one, one};
  return tensor::ExtractSliceOp::create(
      *this, RankedTensorType::get({type.getDimSize(1)}, type.getElementType()),
      sequence, offsets, sizes, strides);
}

Value Decomposition::getIndexFrom(Value tensor, ValueRange position) {
  Value element = tensor::ExtractOp::create(*this, tensor, position);
  return arith::IndexCastOp::create(*this, getIndexType(), element);
}

std::pair<Value, Value>
Decomposition::getKeyRange(Value sequence, Value token,
                           std::optional<int64_t> window) {
  Value first = getIndexFrom(sequence, {getIndex(1), token});
  Value end = getIndexFrom(sequence, {getIndex(2), token});
  if (window)
    first = arith::MaxSIOp::create(
        *this, first,
        arith::SubIOp::create(*this, end, getIndex(*window)).getResult());
  return {first, end};
}
