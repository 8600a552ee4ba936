//===- Expression.cpp - Weight expressions ready to compute ---------------===//
//
// A class for each kind of expression of the transformer dialect.
//
//===----------------------------------------------------------------------===//

#include "Expression.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "lora-runtime/Numeric.h"

#include <algorithm>

using namespace lora;
using namespace lora::transformer;
using lora_rt::Error;
using lora_rt::Expected;
using mlir::Attribute;

namespace {

using ExpressionPtr = std::unique_ptr<Expression>;

/// The rows and columns of a value; a vector is one row.
std::pair<int64_t, int64_t> getExtents(mlir::RankedTensorType type) {
  if (type.getRank() == 1)
    return {1, type.getDimSize(0)};
  return {type.getDimSize(0), type.getNumElements() / type.getDimSize(0)};
}

/// A tensor of a file.
class Stored : public Expression {
public:
  explicit Stored(const lora_rt::TensorView &tensor,
                  mlir::RankedTensorType type)
      : Expression(getExtents(type).first, getExtents(type).second),
        tensor(tensor) {}

  void computeRows(int64_t begin, int64_t end, float *out) const override {
    const std::byte *source =
        tensor.bytes.data() + begin * columns * lora_rt::sizeOf(tensor.dtype);
    size_t count = size_t((end - begin) * columns);
    // The type is a floating-point type; this was checked when the leaf was
    // bound.
    Error error = lora_rt::convertToFloat(tensor.dtype, source, {out, count});
    assert(!error && "a stored weight has a floating-point type");
    (void)bool(error);
  }

private:
  const lora_rt::TensorView &tensor;
};

/// A new parameter.
class Initial : public Expression {
public:
  Initial(InitAttr init, std::string name)
      : Expression(getExtents(init.getType()).first,
                   getExtents(init.getType()).second),
        init(init), name(std::move(name)) {}

  void computeRows(int64_t begin, int64_t end, float *out) const override {
    fillInitial(init, name, uint64_t(begin * columns),
                {out, size_t((end - begin) * columns)});
  }

private:
  InitAttr init;
  std::string name;
};

/// Rounding to another element type.
class Rounded : public Expression {
public:
  Rounded(ExpressionPtr operand, lora_rt::DType type)
      : Expression(operand->getRows(), operand->getColumns()),
        operand(std::move(operand)), type(type) {}

  void computeRows(int64_t begin, int64_t end, float *out) const override {
    operand->computeRows(begin, end, out);
    roundTo(type, {out, size_t((end - begin) * columns)});
  }

  void addTo(MergeEffect &effect) const override { operand->addTo(effect); }

private:
  ExpressionPtr operand;
  lora_rt::DType type;
};

/// A number added to every element.
class Shifted : public Expression {
public:
  Shifted(ExpressionPtr operand, double number)
      : Expression(operand->getRows(), operand->getColumns()),
        operand(std::move(operand)), number(float(number)) {}

  void computeRows(int64_t begin, int64_t end, float *out) const override {
    operand->computeRows(begin, end, out);
    for (int64_t i = 0; i < (end - begin) * columns; ++i)
      out[i] += number;
  }

  void addTo(MergeEffect &effect) const override { operand->addTo(effect); }

private:
  ExpressionPtr operand;
  float number;
};

/// Operands one below the other, or side by side.
class Concatenated : public Expression {
public:
  Concatenated(std::vector<ExpressionPtr> operands, bool below, int64_t rows,
               int64_t columns)
      : Expression(rows, columns), operands(std::move(operands)), below(below) {
  }

  void computeRows(int64_t begin, int64_t end, float *out) const override {
    below ? computeBelow(begin, end, out) : computeBeside(begin, end, out);
  }

  void addTo(MergeEffect &effect) const override {
    for (const ExpressionPtr &operand : operands)
      operand->addTo(effect);
  }

private:
  void computeBelow(int64_t begin, int64_t end, float *out) const {
    int64_t first = 0;
    for (const ExpressionPtr &operand : operands) {
      int64_t from = std::max(begin, first);
      int64_t to = std::min(end, first + operand->getRows());
      if (from < to)
        operand->computeRows(from - first, to - first,
                             out + (from - begin) * columns);
      first += operand->getRows();
    }
  }
  void computeBeside(int64_t begin, int64_t end, float *out) const {
    int64_t column = 0;
    std::vector<float> part;
    for (const ExpressionPtr &operand : operands) {
      int64_t width = operand->getColumns();
      part.resize(size_t((end - begin) * width));
      operand->computeRows(begin, end, part.data());
      for (int64_t row = 0; row < end - begin; ++row)
        std::copy_n(part.data() + row * width, width,
                    out + row * columns + column);
      column += width;
    }
  }

  std::vector<ExpressionPtr> operands;
  bool below;
};

/// A transposed matrix. Its operand is computed once, as a whole.
class Transposed : public Expression {
public:
  explicit Transposed(const Expression &operand)
      : Expression(operand.getColumns(), operand.getRows()),
        values(computeAll(operand)) {
    operand.addTo(effect);
  }

  void addTo(MergeEffect &effect) const override {
    effect.add(this->effect.largestChange, this->effect.largestRounding);
  }

  void computeRows(int64_t begin, int64_t end, float *out) const override {
    constexpr int64_t tile = 32;
    for (int64_t j0 = 0; j0 < columns; j0 += tile)
      for (int64_t i = begin; i < end; ++i)
        for (int64_t j = j0; j < std::min(j0 + tile, columns); ++j)
          out[(i - begin) * columns + j] = values[size_t(j * rows + i)];
  }

private:
  std::vector<float> values;
  MergeEffect effect;
};

Expected<ExpressionPtr> createConcat(ConcatAttr concat, LeafBinding &binding) {
  std::vector<ExpressionPtr> operands;
  for (Attribute part : concat.getOperands()) {
    Expected<ExpressionPtr> operand = Expression::create(part, binding);
    if (!operand)
      return operand.takeError();
    operands.push_back(std::move(*operand));
  }
  auto [rows, columns] = getExtents(concat.getType());
  bool below = concat.getDim() == 0 && concat.getType().getRank() != 1;
  return ExpressionPtr(std::make_unique<Concatenated>(std::move(operands),
                                                      below, rows, columns));
}

} // namespace

Expected<ExpressionPtr> Expression::create(Attribute expr,
                                           LeafBinding &binding) {
  if (mlir::isa<BaseAttr, AdapterAttr>(expr)) {
    Expected<const lora_rt::TensorView *> tensor = binding.lookup(expr);
    if (!tensor)
      return tensor.takeError();
    return ExpressionPtr(std::make_unique<Stored>(
        **tensor, mlir::cast<WeightExprAttrInterface>(expr).getValueType()));
  }
  if (auto init = mlir::dyn_cast<InitAttr>(expr))
    return ExpressionPtr(std::make_unique<Initial>(
        init, joinPath(binding.path, init.getName())));
  if (auto named = mlir::dyn_cast<NamedAttr>(expr))
    return create(named.getOperand(), binding);
  if (auto concat = mlir::dyn_cast<ConcatAttr>(expr))
    return createConcat(concat, binding);
  if (mlir::isa<LoRADialect>(expr.getDialect()))
    return createAdapterExpression(expr, binding);
  if (!mlir::isa<CastAttr, TransposeAttr, OffsetAttr>(expr)) {
    std::string text;
    llvm::raw_string_ostream(text) << expr;
    return lora_rt::makeError(lora_rt::ErrorCode::Unsupported,
                              "cannot compute the weight expression ", text);
  }
  Expected<ExpressionPtr> operand = Expression::create(
      mlir::cast<WeightExprAttrInterface>(expr).getOperandExprs()[0], binding);
  if (!operand)
    return operand.takeError();
  if (mlir::isa<CastAttr>(expr))
    return ExpressionPtr(
        std::make_unique<Rounded>(std::move(*operand), getExprType(expr)));
  if (auto offset = mlir::dyn_cast<OffsetAttr>(expr))
    return ExpressionPtr(std::make_unique<Shifted>(
        std::move(*operand), offset.getNumber().getValueAsDouble()));
  return ExpressionPtr(std::make_unique<Transposed>(**operand));
}

std::vector<float> lora::computeAll(const Expression &expression) {
  std::vector<float> values(
      size_t(expression.getRows() * expression.getColumns()));
  expression.computeRows(0, expression.getRows(), values.data());
  return values;
}

lora_rt::DType lora::getExprType(Attribute expr) {
  return getRuntimeType(mlir::cast<WeightExprAttrInterface>(expr)
                            .getValueType()
                            .getElementType());
}

void lora::roundTo(lora_rt::DType type, std::span<float> values) {
  if (type == lora_rt::DType::BF16) {
    for (float &value : values)
      value = lora_rt::bf16ToFloat(lora_rt::floatToBf16(value));
  } else if (type == lora_rt::DType::F16) {
    for (float &value : values)
      value = lora_rt::f16ToFloat(lora_rt::floatToF16(value));
  }
}
