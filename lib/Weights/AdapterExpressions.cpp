//===- AdapterExpressions.cpp - Weight expressions of adapters ------------===//
//
// A class for each kind of expression of the lora dialect that can be computed
// row by row, in f32.
//
//===----------------------------------------------------------------------===//

#include "Expression.h"
#include "lora-mlir/Dialect/LoRA/IR/LoRAOps.h"
#include "lora-runtime/Numeric.h"

#include <algorithm>
#include <bit>
#include <mutex>

using namespace lora;
using namespace lora::transformer;
using lora_rt::Error;
using lora_rt::Expected;
using mlir::Attribute;

namespace {

using ExpressionPtr = std::unique_ptr<Expression>;

/// The values of a constant as floats.
std::vector<float> toFloats(mlir::DenseFPElementsAttr constant) {
  std::vector<float> values;
  for (const llvm::APFloat &value : constant)
    values.push_back(float(value.convertToDouble()));
  return values;
}

// Products are rounded before they are added (no fused multiply-add), so that a
// merge has the same bits on every machine.
#ifdef __clang__
#pragma clang fp contract(off)
#endif

// Functions are compiled for several instruction sets; the loader selects one.
#if defined(__x86_64__) && defined(__clang__)
#define LORA_TARGET_CLONES                                                     \
  __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define LORA_TARGET_CLONES
#endif

/// out += factor * row.
LORA_TARGET_CLONES
void addScaled(float *__restrict out, const float *__restrict row, float factor,
               int64_t count) {
  for (int64_t i = 0; i < count; ++i)
    out[i] += factor * row[i];
}

/// The bits of |value|; they are in the order of the numbers.
uint32_t magnitude(float value) {
  return std::bit_cast<uint32_t>(value) & 0x7fffffffu;
}

/// The columns of a row that are merged in registers.
constexpr int64_t tile = 64;

/// out += b a for a row b[rank] and `tile` columns of a[rank, columns]. Raises
/// `largest` to the largest magnitude of b a.
LORA_TARGET_CLONES
void addProduct(float *__restrict out, const float *__restrict b,
                const float *__restrict a, int64_t rank, int64_t columns,
                uint32_t &largest) {
  float sum[tile] = {};
  for (int64_t k = 0; k < rank; ++k)
    for (int64_t i = 0; i < tile; ++i)
      sum[i] += b[k] * a[k * columns + i];
  uint32_t most = largest;
  for (int64_t i = 0; i < tile; ++i)
    most = std::max(most, magnitude(sum[i]));
  largest = most;
  for (int64_t i = 0; i < tile; ++i)
    out[i] += sum[i];
}

/// Rounds to bf16. Raises `largest` to the largest magnitude of a change.
LORA_TARGET_CLONES
void roundToBF16(float *values, int64_t count, uint32_t &largest) {
  uint32_t most = largest;
  for (int64_t i = 0; i < count; ++i) {
    float rounded = lora_rt::bf16ToFloat(lora_rt::floatToBf16(values[i]));
    most = std::max(most, magnitude(rounded - values[i]));
    values[i] = rounded;
  }
  largest = most;
}

/// W + B diag(s) A, rounded to the type of W. A and B are small and are in
/// memory as a whole.
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
    uint32_t change = 0, rounding = 0;
    for (int64_t row = begin; row < end; ++row, out += columns) {
      const float *factors = b.data() + row * rank;
      int64_t column = 0;
      for (; column + tile <= columns; column += tile)
        addProduct(out + column, factors, a.data() + column, rank, columns,
                   change);
      for (; column < columns; ++column) {
        float sum = 0;
        for (int64_t k = 0; k < rank; ++k)
          sum += factors[k] * a[size_t(k * columns + column)];
        change = std::max(change, magnitude(sum));
        out[column] += sum;
      }
      round(out, rounding);
    }
    std::lock_guard<std::mutex> lock(mutex);
    effect.add(std::bit_cast<float>(change), std::bit_cast<float>(rounding));
  }

  void addTo(MergeEffect &sum) const override {
    std::lock_guard<std::mutex> lock(mutex);
    sum.add(effect.largestChange, effect.largestRounding);
    base->addTo(sum);
  }

private:
  /// Rounds a row to the type of the weight.
  void round(float *values, uint32_t &largest) const {
    if (type == lora_rt::DType::BF16)
      return roundToBF16(values, columns, largest);
    if (type != lora_rt::DType::F16)
      return;
    for (int64_t i = 0; i < columns; ++i) {
      float rounded = lora_rt::f16ToFloat(lora_rt::floatToF16(values[i]));
      largest = std::max(largest, magnitude(rounded - values[i]));
      values[i] = rounded;
    }
  }

  mutable std::mutex mutex;
  mutable MergeEffect effect;
  ExpressionPtr base;
  std::vector<float> a, b;
  int64_t rank;
  lora_rt::DType type;
};

/// Rows or columns multiplied by factors.
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

/// The weighted sum of operands.
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

/// A matrix in which some rows are replaced by those of another one.
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

/// The first rows of a table, or a table followed by zeros. For a vector, which
/// is one row, the elements are meant.
class Resized : public Expression {
public:
  Resized(ExpressionPtr operand, int64_t size, bool isVector)
      : Expression(isVector ? 1 : size,
                   isVector ? size : operand->getColumns()),
        operand(std::move(operand)) {}

  void computeRows(int64_t begin, int64_t end, float *out) const override {
    std::fill_n(out, (end - begin) * columns, 0.0f);
    if (operand->getColumns() == columns) {
      if (int64_t last = std::min(end, operand->getRows()); begin < last)
        operand->computeRows(begin, last, out);
      return;
    }
    std::vector<float> vector = computeAll(*operand);
    std::copy_n(vector.data(), std::min(operand->getColumns(), columns), out);
  }

  void addTo(MergeEffect &effect) const override { operand->addTo(effect); }

private:
  ExpressionPtr operand;
};

} // namespace

Expected<ExpressionPtr> lora::createAdapterExpression(Attribute expr,
                                                      LeafBinding &binding) {
  if (mlir::isa<DoraFactorAttr, NormsAttr, ResidualAttr, InitializerAttr,
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
  if (auto resized = mlir::dyn_cast<ResizeRowsAttr>(expr))
    return ExpressionPtr(
        std::make_unique<Resized>(std::move(operands[0]), resized.getRows(),
                                  resized.getValueType().getRank() == 1));
  auto replaced = mlir::cast<ReplaceRowsAttr>(expr);
  return ExpressionPtr(std::make_unique<RowsReplaced>(
      std::move(operands[0]), std::move(operands[1]), replaced.getIndices()));
}
