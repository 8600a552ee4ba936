//===- AdapterExpressions.cpp - Weight expressions of adapters ------------===//
//
// One class per kind of expression of the lora dialect. Everything is computed
// in f32, sums over a whole row or column and factorizations in f64. What needs
// a whole matrix (DoRA's norms, PiSSA's and OLoRA's factorizations) is computed
// when the expression is bound, once for each matrix.
//
//===----------------------------------------------------------------------===//

#include "Expression.h"
#include "lora-mlir/Dialect/LoRA/IR/LoRAOps.h"
#include "lora-mlir/Support/Factorizations.h"
#include "llvm/Support/Parallel.h"

#include <algorithm>
#include <cmath>
#include <mutex>

using namespace lora;
using namespace lora::transformer;
using lora_rt::Error;
using lora_rt::Expected;
using mlir::Attribute;

namespace {

using ExpressionPtr = std::unique_ptr<Expression>;
using Values = std::shared_ptr<const std::vector<float>>;

/// The numbers of a constant.
std::vector<float> toFloats(mlir::DenseFPElementsAttr constant) {
  std::vector<float> values;
  for (const llvm::APFloat &value : constant)
    values.push_back(float(value.convertToDouble()));
  return values;
}

/// All values of an expression.
std::vector<float> computeAll(const Expression &expression) {
  std::vector<float> values(
      size_t(expression.getRows() * expression.getColumns()));
  expression.computeRows(0, expression.getRows(), values.data());
  return values;
}

/// out += factor * row, for a row of a merge. Products are rounded before they
/// are added, so that a merge has the same bits on every machine.
#if defined(__x86_64__) && defined(__clang__)
__attribute__((target_clones("avx512f", "avx2", "default")))
#endif
void addScaled(float *__restrict out, const float *__restrict row, float factor,
               int64_t count) {
#ifdef __clang__
#pragma clang fp contract(off)
#endif
  for (int64_t i = 0; i < count; ++i)
    out[i] += factor * row[i];
}

/// W + B diag(s) A, rounded to W's type. A and B are skinny and held whole.
class Merged : public Expression {
public:
  Merged(ExpressionPtr base, const Expression &b, const Expression &a,
         mlir::DenseFPElementsAttr scale, lora_rt::DType type)
      : Expression(base->getRows(), base->getColumns()), base(std::move(base)),
        a(computeAll(a)), b(computeAll(b)), rank(a.getRows()), type(type) {
    int64_t index = 0;
    std::vector<float> factors = toFloats(scale);
    for (float &value : this->b)
      value *= factors[size_t(index++ % rank)];
  }

  void computeRows(int64_t begin, int64_t end, float *out) const override {
    base->computeRows(begin, end, out);
    std::vector<float> delta(static_cast<size_t>(columns));
    float change = 0, rounding = 0;
    for (int64_t row = begin; row < end; ++row) {
      std::fill(delta.begin(), delta.end(), 0.0f);
      for (int64_t k = 0; k < rank; ++k)
        addScaled(delta.data(), a.data() + k * columns,
                  b[size_t(row * rank + k)], columns);
      for (float value : delta)
        change = std::max(change, std::abs(value));
      float *values = out + (row - begin) * columns;
      addScaled(values, delta.data(), 1.0f, columns);
      std::copy_n(values, columns, delta.data());
      roundTo(type, {values, size_t(columns)});
      for (int64_t i = 0; i < columns; ++i)
        rounding = std::max(rounding, std::abs(values[i] - delta[size_t(i)]));
    }
    std::lock_guard<std::mutex> lock(mutex);
    effect.add(change, rounding);
  }

  void addTo(MergeEffect &sum) const override {
    std::lock_guard<std::mutex> lock(mutex);
    sum.add(effect.largestChange, effect.largestRounding);
    base->addTo(sum);
  }

private:
  mutable std::mutex mutex;
  mutable MergeEffect effect;
  ExpressionPtr base;
  std::vector<float> a, b;
  int64_t rank;
  lora_rt::DType type;
};

/// Values that were computed before.
class Computed : public Expression {
public:
  Computed(Values values, int64_t rows, int64_t columns)
      : Expression(rows, columns), values(std::move(values)) {}

  void computeRows(int64_t begin, int64_t end, float *out) const override {
    std::copy_n(values->data() + begin * columns, (end - begin) * columns, out);
  }

private:
  Values values;
};

/// Rows or columns times factors.
class Scaled : public Expression {
public:
  Scaled(ExpressionPtr operand, const Expression &factors, bool byRow)
      : Expression(operand->getRows(), operand->getColumns()),
        operand(std::move(operand)), factors(computeAll(factors)),
        byRow(byRow) {}

  void computeRows(int64_t begin, int64_t end, float *out) const override {
    operand->computeRows(begin, end, out);
    for (int64_t row = begin; row < end; ++row, out += columns)
      for (int64_t i = 0; i < columns; ++i)
        out[i] *= factors[size_t(byRow ? row : i)];
  }

  void addTo(MergeEffect &effect) const override { operand->addTo(effect); }

private:
  ExpressionPtr operand;
  std::vector<float> factors;
  bool byRow;
};

/// The sum of operands times weights.
class Summed : public Expression {
public:
  Summed(std::vector<ExpressionPtr> operands, std::vector<float> weights)
      : Expression(operands.front()->getRows(), operands.front()->getColumns()),
        operands(std::move(operands)), weights(std::move(weights)) {}

  void computeRows(int64_t begin, int64_t end, float *out) const override {
    int64_t count = (end - begin) * columns;
    std::fill_n(out, count, 0.0f);
    std::vector<float> part(static_cast<size_t>(count));
    for (auto [operand, weight] : llvm::zip_equal(operands, weights)) {
      operand->computeRows(begin, end, part.data());
      addScaled(out, part.data(), weight, count);
    }
  }

  void addTo(MergeEffect &effect) const override {
    for (const ExpressionPtr &operand : operands)
      operand->addTo(effect);
  }

private:
  std::vector<ExpressionPtr> operands;
  std::vector<float> weights;
};

/// A matrix some of whose rows are those of another.
class RowsReplaced : public Expression {
public:
  RowsReplaced(ExpressionPtr operand, ExpressionPtr given,
               llvm::ArrayRef<int64_t> indices)
      : Expression(operand->getRows(), operand->getColumns()),
        operand(std::move(operand)), given(std::move(given)) {
    for (auto [position, row] : llvm::enumerate(indices))
      positions[row] = int64_t(position);
  }

  void computeRows(int64_t begin, int64_t end, float *out) const override {
    operand->computeRows(begin, end, out);
    for (int64_t row = begin; row < end; ++row)
      if (auto found = positions.find(row); found != positions.end())
        given->computeRows(found->second, found->second + 1,
                           out + (row - begin) * columns);
  }

  void addTo(MergeEffect &effect) const override { operand->addTo(effect); }

private:
  ExpressionPtr operand, given;
  llvm::DenseMap<int64_t, int64_t> positions;
};

/// The sums of squares of a matrix's rows, or of its columns.
std::vector<double> sumSquares(const Expression &matrix, bool ofRows) {
  int64_t rows = matrix.getRows(), columns = matrix.getColumns();
  std::vector<double> sums(size_t(ofRows ? rows : columns));
  // A fixed number of parts, so that the order of a column's sum is that of the
  // rows on any number of threads.
  constexpr int64_t parts = 64;
  std::vector<std::vector<double>> partial(ofRows ? 0 : parts);
  llvm::parallelFor(0, parts, [&](size_t part) {
    int64_t first = rows * int64_t(part) / parts,
            last = rows * int64_t(part + 1) / parts;
    std::vector<double> inColumns(ofRows ? 0 : size_t(columns));
    int64_t panel = std::max<int64_t>(1, (int64_t(1) << 16) / columns);
    std::vector<float> values(size_t(panel * columns));
    for (int64_t begin = first; begin < last; begin += panel) {
      int64_t end = std::min(begin + panel, last);
      matrix.computeRows(begin, end, values.data());
      const float *value = values.data();
      for (int64_t row = begin; row < end; ++row)
        for (int64_t i = 0; i < columns; ++i, ++value)
          (ofRows ? sums[size_t(row)] : inColumns[size_t(i)]) +=
              double(*value) * double(*value);
    }
    if (!ofRows)
      partial[part] = std::move(inColumns);
  });
  for (const std::vector<double> &inColumns : partial)
    for (size_t i = 0; i < inColumns.size(); ++i)
      sums[i] += inColumns[i];
  return sums;
}

Expected<std::unique_ptr<Merged>> createMerge(Attribute base, Attribute b,
                                              Attribute a,
                                              mlir::DenseFPElementsAttr scale,
                                              lora_rt::DType type,
                                              LeafBinding &binding) {
  ExpressionPtr parts[3];
  Attribute exprs[] = {base, b, a};
  for (auto [part, expr] : llvm::zip_equal(parts, exprs)) {
    Expected<ExpressionPtr> created = Expression::create(expr, binding);
    if (!created)
      return created.takeError();
    part = std::move(*created);
  }
  return std::make_unique<Merged>(std::move(parts[0]), *parts[1], *parts[2],
                                  scale, type);
}

/// m / ||W + B diag(s) A||, over rows or columns.
Expected<Values> computeDoraFactor(DoraFactorAttr factor,
                                   LeafBinding &binding) {
  Expected<std::unique_ptr<Merged>> merged =
      createMerge(factor.getBase(), factor.getB(), factor.getA(),
                  factor.getScale(), lora_rt::DType::F32, binding);
  if (!merged)
    return merged.takeError();
  Expected<ExpressionPtr> magnitude =
      Expression::create(factor.getMagnitude(), binding);
  if (!magnitude)
    return magnitude.takeError();
  std::vector<double> squares = sumSquares(**merged, factor.getDim() == 0);
  std::vector<float> values = computeAll(**magnitude);
  for (auto [value, square] : llvm::zip_equal(values, squares))
    value = float(double(value) / std::sqrt(square));
  return std::make_shared<const std::vector<float>>(std::move(values));
}

/// Takes left diag(s) right, of the given rank, from a matrix.
void subtractProduct(std::vector<float> &matrix, const DenseMatrix &left,
                     const DenseMatrix &right, llvm::ArrayRef<double> scale) {
  int64_t columns = right.columns();
  llvm::parallelFor(0, size_t(left.rows()), [&](size_t row) {
    std::vector<double> product(static_cast<size_t>(columns));
    for (size_t k = 0; k < scale.size(); ++k) {
      double factor = left(int64_t(row), int64_t(k)) * scale[k];
      const double *values = right.row(int64_t(k));
      for (int64_t i = 0; i < columns; ++i)
        product[size_t(i)] += factor * values[i];
    }
    float *out = matrix.data() + int64_t(row) * columns;
    for (int64_t i = 0; i < columns; ++i)
      out[i] = float(double(out[i]) - product[size_t(i)]);
  });
}

Expected<Values> computeResidual(ResidualAttr residual, LeafBinding &binding) {
  Expected<ExpressionPtr> operand =
      Expression::create(residual.getOperand(), binding);
  if (!operand)
    return operand.takeError();
  int64_t rows = (*operand)->getRows(), columns = (*operand)->getColumns();
  std::vector<float> matrix = computeAll(**operand);
  auto fail = [&](Error error) {
    std::string text;
    llvm::raw_string_ostream(text) << residual.getOperand();
    return lora_rt::makeError(error.code(), "at '", binding.path.str(),
                              "', the base weight of ",
                              stringifyResidualKind(residual.getKind()).str(),
                              " from ", text, ": ", error.message());
  };
  if (residual.getKind() == ResidualKind::Pissa) {
    Expected<Svd> svd = truncatedSvd(llvm::ArrayRef<float>(matrix), rows,
                                     columns, residual.getRank());
    if (!svd)
      return fail(svd.takeError());
    subtractProduct(matrix, svd->u, svd->vt, svd->s);
  } else {
    Expected<Qr> qr = thinQr(llvm::ArrayRef<float>(matrix), rows, columns);
    if (!qr)
      return fail(qr.takeError());
    std::vector<double> scale(size_t(residual.getRank()),
                              residual.getScale().getValueAsDouble());
    subtractProduct(matrix, qr->q, qr->r, scale);
  }
  return std::make_shared<const std::vector<float>>(std::move(matrix));
}

/// What is computed whole, once.
Expected<ExpressionPtr> createComputed(Attribute expr, LeafBinding &binding) {
  Values values = binding.computed.lookup(expr);
  if (!values) {
    auto residual = mlir::dyn_cast<ResidualAttr>(expr);
    Expected<Values> result =
        residual ? computeResidual(residual, binding)
                 : computeDoraFactor(mlir::cast<DoraFactorAttr>(expr), binding);
    if (!result)
      return result.takeError();
    values = binding.computed[expr] = std::move(*result);
  }
  auto type = mlir::cast<WeightExprAttrInterface>(expr).getValueType();
  int64_t rows = type.getRank() == 1 ? 1 : type.getDimSize(0);
  return ExpressionPtr(std::make_unique<Computed>(
      std::move(values), rows, type.getNumElements() / rows));
}

} // namespace

Expected<ExpressionPtr> lora::createAdapterExpression(Attribute expr,
                                                      LeafBinding &binding) {
  if (auto merge = mlir::dyn_cast<MergeAttr>(expr)) {
    Expected<std::unique_ptr<Merged>> merged =
        createMerge(merge.getBase(), merge.getB(), merge.getA(),
                    merge.getScale(), getExprType(merge), binding);
    if (!merged)
      return merged.takeError();
    return ExpressionPtr(std::move(*merged));
  }
  if (mlir::isa<DoraFactorAttr, ResidualAttr>(expr))
    return createComputed(expr, binding);

  std::vector<ExpressionPtr> operands;
  for (Attribute part :
       mlir::cast<WeightExprAttrInterface>(expr).getOperandExprs()) {
    Expected<ExpressionPtr> operand = Expression::create(part, binding);
    if (!operand)
      return operand.takeError();
    operands.push_back(std::move(*operand));
  }
  if (auto scale = mlir::dyn_cast<ScaleAttr>(expr))
    return ExpressionPtr(std::make_unique<Scaled>(
        std::move(operands[0]), *operands[1], scale.getDim() == 0));
  if (auto sum = mlir::dyn_cast<SumAttr>(expr))
    return ExpressionPtr(std::make_unique<Summed>(std::move(operands),
                                                  toFloats(sum.getWeights())));
  auto replaced = mlir::cast<ReplaceRowsAttr>(expr);
  return ExpressionPtr(std::make_unique<RowsReplaced>(
      std::move(operands[0]), std::move(operands[1]), replaced.getIndices()));
}
