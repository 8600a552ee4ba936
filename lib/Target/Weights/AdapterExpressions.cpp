//===- AdapterExpressions.cpp - Weight expressions of adapters ------------===//
//
// One class per kind of expression of the lora dialect that can be computed row
// by row, in f32.
//
//===----------------------------------------------------------------------===//

#include "Expression.h"
#include "lora-mlir/Dialect/LoRA/IR/LoRAOps.h"

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

/// The numbers of a constant.
std::vector<float> toFloats(mlir::DenseFPElementsAttr constant) {
  std::vector<float> values;
  for (const llvm::APFloat &value : constant)
    values.push_back(float(value.convertToDouble()));
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

} // namespace

Expected<ExpressionPtr> lora::createAdapterExpression(Attribute expr,
                                                      LeafBinding &binding) {
  if (mlir::isa<DoraFactorAttr, NormsAttr, ResidualAttr, StartAttr,
                OrthogonalAttr>(expr))
    return createWholeExpression(expr, binding);

  std::vector<ExpressionPtr> operands;
  for (Attribute part :
       mlir::cast<WeightExprAttrInterface>(expr).getOperandExprs()) {
    Expected<ExpressionPtr> operand = Expression::create(part, binding);
    if (!operand)
      return operand.takeError();
    operands.push_back(std::move(*operand));
  }
  if (auto merge = mlir::dyn_cast<MergeAttr>(expr))
    return ExpressionPtr(std::make_unique<Merged>(
        std::move(operands[0]), *operands[1], *operands[2], merge.getScale(),
        getExprType(merge)));
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
