//===- WholeExpressions.cpp - Expressions that need whole matrices --------===//
//
// DoRA's norms and factors, and the initial values of branches that come from a
// factorization. They are computed when the expression is bound, once for each
// matrix. Sums and factorizations are in f64.
//
//===----------------------------------------------------------------------===//

#include "Expression.h"
#include "lora-mlir/Dialect/LoRA/IR/LoRAOps.h"
#include "lora-mlir/Support/Factorizations.h"
#include "lora-mlir/Support/ParallelFor.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cmath>

using namespace lora;
using namespace lora::transformer;
using lora_rt::Error;
using lora_rt::Expected;
using mlir::Attribute;

namespace lora {

/// The factors left [rows, rank] and right [rank, columns] whose product
/// approximates a matrix, with the singular values between them.
struct Factors {
  DenseMatrix left, right;
  /// Ones if the factorization has no singular values.
  std::vector<double> middle;
};

} // namespace lora

namespace {

using Values = std::shared_ptr<const std::vector<float>>;

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

Expected<std::vector<float>> computeAll(Attribute expr, LeafBinding &binding) {
  Expected<std::unique_ptr<Expression>> created =
      Expression::create(expr, binding);
  if (!created)
    return created.takeError();
  return computeAll(**created);
}

/// The sums of squares of a matrix's rows, or of its columns.
std::vector<double> sumSquares(const Expression &matrix, bool ofRows) {
  int64_t rows = matrix.getRows(), columns = matrix.getColumns();
  std::vector<double> sums(size_t(ofRows ? rows : columns));
  // The number of parts is fixed, so that the order of a column's sum does not
  // depend on the number of threads.
  constexpr int64_t parts = 64;
  std::vector<std::vector<double>> partial(ofRows ? 0 : parts);
  lora::parallelFor(0, parts, [&](size_t part) {
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

Expected<std::vector<double>> sumSquares(Attribute expr, int64_t dim,
                                         LeafBinding &binding) {
  Expected<std::unique_ptr<Expression>> matrix =
      Expression::create(expr, binding);
  if (!matrix)
    return matrix.takeError();
  return sumSquares(**matrix, dim == 0);
}

Expected<std::vector<float>> compute(NormsAttr norms, LeafBinding &binding) {
  Expected<std::vector<double>> squares =
      sumSquares(norms.getOperand(), norms.getDim(), binding);
  if (!squares)
    return squares.takeError();
  std::vector<float> values;
  for (double square : *squares)
    values.push_back(float(std::sqrt(square)));
  return values;
}

/// m / ||W + B diag(s) A||, over rows or columns.
Expected<std::vector<float>> compute(DoraFactorAttr factor,
                                     LeafBinding &binding) {
  auto type =
      mlir::cast<WeightExprAttrInterface>(factor.getBase()).getValueType();
  mlir::MLIRContext *context = factor.getContext();
  // The weight is not rounded before the norm is computed.
  Attribute base =
      CastAttr::get(context, factor.getBase(),
                    mlir::RankedTensorType::get(
                        type.getShape(), mlir::Float32Type::get(context)));
  Expected<std::vector<double>> squares =
      sumSquares(MergeAttr::get(context, base, factor.getB(), factor.getA(),
                                factor.getScale()),
                 factor.getDim(), binding);
  if (!squares)
    return squares.takeError();
  Expected<std::vector<float>> values =
      computeAll(factor.getMagnitude(), binding);
  if (!values)
    return values.takeError();
  for (auto [value, square] : llvm::zip_equal(*values, *squares))
    value = float(double(value) / std::sqrt(square));
  return values;
}

Expected<Factors> factorize(InitializerKind kind,
                            const std::vector<float> &matrix, int64_t rows,
                            int64_t columns, int64_t rank) {
  if (kind == InitializerKind::Pissa) {
    Expected<Svd> svd =
        truncatedSvd(llvm::ArrayRef<float>(matrix), rows, columns, rank);
    if (!svd)
      return svd.takeError();
    return Factors{std::move(svd->u), std::move(svd->vt), std::move(svd->s)};
  }
  Expected<Qr> qr = thinQr(llvm::ArrayRef<float>(matrix), rows, columns);
  if (!qr)
    return qr.takeError();
  return Factors{std::move(qr->q), std::move(qr->r),
                 std::vector<double>(size_t(rank), 1.0)};
}

/// The factors of an operand. A weight and its A and B are evaluated one after
/// the other, so the last factors are kept.
template <typename AttrT>
Expected<std::shared_ptr<const Factors>>
factorize(AttrT initializer, LeafBinding &binding,
          std::vector<float> *matrix = nullptr) {
  int64_t rank = initializer.getRank();
  LastFactors &last = binding.lastFactors;
  bool isLast = last.factors && last.operand == initializer.getOperand() &&
                last.path == binding.path &&
                last.kind == initializer.getKind() && last.rank == rank;
  if (isLast && !matrix)
    return last.factors;
  auto type = mlir::cast<WeightExprAttrInterface>(initializer.getOperand())
                  .getValueType();
  Expected<std::vector<float>> values =
      computeAll(initializer.getOperand(), binding);
  if (!values)
    return values.takeError();
  if (!isLast) {
    Expected<Factors> factors =
        factorize(initializer.getKind(), *values, type.getDimSize(0),
                  type.getDimSize(1), rank);
    if (!factors) {
      Error error = factors.takeError();
      std::string text;
      llvm::raw_string_ostream(text) << initializer.getOperand();
      return lora_rt::makeError(
          error.code(), "at '", binding.path.str(), "', the base weight of ",
          stringifyInitializerKind(initializer.getKind()).str(), " from ", text,
          ": ", error.message());
    }
    last = {initializer.getOperand(), binding.path.str(), initializer.getKind(),
            rank, std::make_shared<const Factors>(std::move(*factors))};
  }
  if (matrix)
    *matrix = std::move(*values);
  return last.factors;
}

Expected<std::vector<float>> compute(ResidualAttr residual,
                                     LeafBinding &binding) {
  std::vector<float> matrix;
  auto factors = factorize(residual, binding, &matrix);
  if (!factors)
    return factors.takeError();
  const auto &[left, right, middle] = **factors;
  // The factors of PiSSA contain its scale already.
  double scale = residual.getKind() == InitializerKind::Pissa
                     ? 1.0
                     : residual.getScale().getValueAsDouble();
  int64_t columns = right.columns();
  lora::parallelFor(0, size_t(left.rows()), [&](size_t row) {
    std::vector<double> product(static_cast<size_t>(columns));
    for (size_t k = 0; k < middle.size(); ++k) {
      double factor = left(int64_t(row), int64_t(k)) * middle[k] * scale;
      const double *values = right.row(int64_t(k));
      for (int64_t i = 0; i < columns; ++i)
        product[size_t(i)] += factor * values[i];
    }
    float *out = matrix.data() + int64_t(row) * columns;
    for (int64_t i = 0; i < columns; ++i)
      out[i] = float(double(out[i]) - product[size_t(i)]);
  });
  return matrix;
}

Expected<std::vector<float>> compute(InitializerAttr initializer,
                                     LeafBinding &binding) {
  auto factors = factorize(initializer, binding);
  if (!factors)
    return factors.takeError();
  const auto &[left, right, middle] = **factors;
  std::vector<double> shares = middle;
  if (initializer.getKind() == InitializerKind::Pissa)
    for (double &share : shares)
      share = std::sqrt(share / initializer.getScale().getValueAsDouble());
  std::vector<float> values;
  if (initializer.getMatrix() == BranchMatrix::A) {
    for (int64_t k = 0; k < initializer.getRank(); ++k)
      for (int64_t i = 0; i < right.columns(); ++i)
        values.push_back(float(shares[size_t(k)] * right(k, i)));
    return values;
  }
  for (int64_t row = 0; row < left.rows(); ++row)
    for (int64_t k = 0; k < initializer.getRank(); ++k)
      values.push_back(float(left(row, k) * shares[size_t(k)]));
  return values;
}

Expected<std::vector<float>> compute(OrthogonalAttr initializer,
                                     LeafBinding &binding) {
  Expected<std::vector<float>> square =
      computeAll(initializer.getSquare(), binding);
  if (!square)
    return square.takeError();
  Expected<std::vector<float>> coordinates =
      computeAll(initializer.getCoordinates(), binding);
  if (!coordinates)
    return coordinates.takeError();
  auto type = initializer.getValueType();
  int64_t rank = type.getDimSize(0), columns = type.getDimSize(1);
  Expected<Qr> qr = thinQr(llvm::ArrayRef<float>(*square), rank, rank);
  if (!qr)
    return qr.takeError();
  std::vector<float> values;
  for (int64_t i = 0; i < rank; ++i)
    for (int64_t j = 0; j < columns; ++j) {
      double sum = 0;
      for (int64_t k = 0; k < rank / 2; ++k)
        sum += qr->q(initializer.getFirst() + 2 * k, i) *
               double((*coordinates)[size_t(k * columns + j)]);
      values.push_back(float(sum / 10));
    }
  return values;
}

} // namespace

Expected<std::unique_ptr<Expression>>
lora::createWholeExpression(Attribute expr, LeafBinding &binding) {
  Values values = binding.computed.lookup(expr);
  if (!values) {
    Expected<std::vector<float>> result =
        llvm::TypeSwitch<Attribute, Expected<std::vector<float>>>(expr)
            .Case<DoraFactorAttr, NormsAttr, ResidualAttr, InitializerAttr,
                  OrthogonalAttr>(
                [&](auto whole) { return compute(whole, binding); });
    if (!result)
      return result.takeError();
    values = binding.computed[expr] =
        std::make_shared<const std::vector<float>>(std::move(*result));
  }
  auto type = mlir::cast<WeightExprAttrInterface>(expr).getValueType();
  int64_t rows = type.getRank() == 1 ? 1 : type.getDimSize(0);
  return std::unique_ptr<Expression>(std::make_unique<Computed>(
      std::move(values), rows, type.getNumElements() / rows));
}
