//===- WeightEvaluatorTest.cpp - Weight expressions against formulas ------===//
//
// Every weight expression, evaluated for stored tensors and compared with its
// formula in f64.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Weights/WeightEvaluator.h"
#include "lora-mlir/Dialect/LoRA/IR/LoRAOps.h"
#include "lora-mlir/Dialect/Transformer/IR/TransformerOps.h"
#include "lora-runtime/Numeric.h"
#include "mlir/AsmParser/AsmParser.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <map>

using namespace lora;
using lora_rt::DType;

namespace {

/// Stored tensors by their full names, and the values of expressions of them.
class WeightEvaluatorTest : public testing::Test {
protected:
  WeightEvaluatorTest() {
    context.loadDialect<LoRADialect, transformer::TransformerDialect>();
  }

  /// Stores a tensor whose values all differ. Returns the stored values in f32.
  std::vector<float> store(const std::string &name, DType type,
                           std::vector<int64_t> shape, float step) {
    size_t count = 1;
    for (int64_t extent : shape)
      count *= size_t(extent);
    std::vector<float> values(count);
    for (size_t i = 0; i < count; ++i)
      values[i] = std::sin(float(i) * step + float(name.size()));
    auto &data = bytes[name];
    data.resize(count * lora_rt::sizeOf(type));
    EXPECT_FALSE(
        lora_rt::convert(DType::F32, values.data(), type, data.data(), count));
    EXPECT_FALSE(lora_rt::convertToFloat(type, data.data(), values));
    tensors[name] = {name, type, std::move(shape), data};
    return values;
  }

  mlir::Attribute parse(const std::string &text) {
    mlir::Attribute attribute = mlir::parseAttribute(text, &context);
    EXPECT_TRUE(attribute) << text;
    return attribute;
  }

  lora_rt::Error evaluateInto(const std::string &text,
                              std::vector<float> &values,
                              const std::string &path = "model.layers.3") {
    mlir::Attribute expr = parse(text);
    auto type =
        mlir::cast<transformer::WeightExprAttrInterface>(expr).getValueType();
    DType dtype = getRuntimeType(type.getElementType());
    size_t count = size_t(type.getNumElements());
    std::vector<std::byte> result(count * lora_rt::sizeOf(dtype));
    if (lora_rt::Error error = evaluator.evaluate(expr, path, result, &effect))
      return error;
    values.resize(count);
    return lora_rt::convertToFloat(dtype, result.data(), values);
  }

  std::vector<float> evaluate(const std::string &text,
                              const std::string &path = "model.layers.3") {
    std::vector<float> values;
    lora_rt::Error error = evaluateInto(text, values, path);
    EXPECT_FALSE(error) << error.message();
    return values;
  }

  mlir::MLIRContext context;
  lora::MergeEffect effect;
  std::map<std::string, std::vector<std::byte>> bytes;
  std::map<std::string, lora_rt::TensorView> tensors;
  WeightEvaluator evaluator{
      [this](mlir::Attribute, const std::string &name)
          -> lora_rt::Expected<const lora_rt::TensorView *> {
        auto it = tensors.find(name);
        if (it == tensors.end())
          return lora_rt::makeError(lora_rt::ErrorCode::InvalidFile,
                                    "no tensor '", name, "'");
        return &it->second;
      }};
};

TEST_F(WeightEvaluatorTest, MergeAccumulatesInF32AndRoundsOnce) {
  // More rows than one panel has; M, N and the rank all differ.
  const int64_t out = 701, in = 307, rank = 5;
  auto w = store("model.layers.3.q.weight", DType::BF16, {out, in}, 0.37f);
  auto a = store("model.layers.3.q.A", DType::F32, {rank, in}, 0.11f);
  auto b = store("model.layers.3.q.B", DType::F32, {out, rank}, 0.53f);
  auto merged = evaluate(
      "#lora.merge<#transformer.base<\"q.weight\", tensor<701x307xbf16>>, "
      "#transformer.adapter<\"default\", \"q.B\", tensor<701x5xf32>>, "
      "#transformer.adapter<\"default\", \"q.A\", tensor<5x307xf32>>, "
      "dense<[0.5, 1.0, 1.5, -2.0, 0.25]> : tensor<5xf32>>");
  const double scale[] = {0.5, 1.0, 1.5, -2.0, 0.25};
  double change = 0, rounding = 0;
  for (int64_t i = 0; i < out; ++i)
    for (int64_t j = 0; j < in; ++j) {
      double delta = 0;
      for (int64_t k = 0; k < rank; ++k)
        delta += double(b[size_t(i * rank + k)]) * scale[k] *
                 double(a[size_t(k * in + j)]);
      double exact = w[size_t(i * in + j)] + delta;
      change = std::max(change, std::abs(delta));
      rounding =
          std::max(rounding, std::abs(merged[size_t(i * in + j)] - exact));
      // Half a unit in the last place of bf16, plus the error of f32 before it.
      float tolerance = std::ldexp(1.0f, std::ilogb(float(exact)) - 8) + 2e-6f;
      ASSERT_NEAR(merged[size_t(i * in + j)], exact, tolerance)
          << i << ", " << j;
    }
  EXPECT_NEAR(effect.largestChange, change, 1e-5);
  EXPECT_NEAR(effect.largestRounding, rounding, 1e-5);
}

TEST_F(WeightEvaluatorTest, CastOfAMergeRoundsOnceMore) {
  store("model.layers.3.w", DType::BF16, {3, 2}, 0.3f);
  auto a = evaluate("#transformer.cast<#transformer.base<\"w\", "
                    "tensor<3x2xbf16>> to tensor<3x2xf32>>");
  auto b = evaluate("#transformer.base<\"w\", tensor<3x2xbf16>>");
  EXPECT_EQ(a, b);
}

TEST_F(WeightEvaluatorTest, ConcatBothWaysAndOfVectors) {
  auto q = store("model.layers.3.q", DType::F32, {4, 3}, 0.7f);
  auto k = store("model.layers.3.k", DType::F32, {2, 3}, 0.9f);
  auto below = evaluate(
      "#transformer.concat<[#transformer.base<\"q\", tensor<4x3xf32>>, "
      "#transformer.base<\"k\", tensor<2x3xf32>>], dim = 0, tensor<6x3xf32>>");
  std::vector<float> expected = q;
  expected.insert(expected.end(), k.begin(), k.end());
  EXPECT_EQ(below, expected);

  auto v = store("model.layers.3.v", DType::F32, {4, 2}, 0.2f);
  auto beside = evaluate(
      "#transformer.concat<[#transformer.base<\"q\", tensor<4x3xf32>>, "
      "#transformer.base<\"v\", tensor<4x2xf32>>], dim = 1, tensor<4x5xf32>>");
  for (size_t row = 0; row < 4; ++row)
    for (size_t column = 0; column < 5; ++column)
      EXPECT_EQ(beside[row * 5 + column],
                column < 3 ? q[row * 3 + column] : v[row * 2 + column - 3]);

  auto x = store("model.layers.3.x", DType::F32, {3}, 0.2f);
  auto y = store("model.layers.3.y", DType::F32, {2}, 0.4f);
  auto both = evaluate(
      "#transformer.concat<[#transformer.base<\"x\", tensor<3xf32>>, "
      "#transformer.base<\"y\", tensor<2xf32>>], dim = 0, tensor<5xf32>>");
  x.insert(x.end(), y.begin(), y.end());
  EXPECT_EQ(both, x);
}

TEST_F(WeightEvaluatorTest, TransposeOfARectangle) {
  auto w = store("model.layers.3.w", DType::F16, {70, 37}, 0.3f);
  auto t = evaluate(
      "#transformer.transpose<#transformer.base<\"w\", tensor<70x37xf16>>>");
  for (size_t i = 0; i < 70; ++i)
    for (size_t j = 0; j < 37; ++j)
      ASSERT_EQ(t[j * 70 + i], w[i * 37 + j]);
}

TEST_F(WeightEvaluatorTest, InitialValuesDependOnSeedAndNameOnly) {
  auto text = [](const char *name, int seed) {
    return "#transformer.init<kaiming_uniform, \"" + std::string(name) +
           "\", tensor<300x400xf32>, seed = " + std::to_string(seed) + ">";
  };
  auto a = evaluate(text("a", 1));
  EXPECT_EQ(a, evaluate(text("a", 1)));
  EXPECT_NE(a, evaluate(text("a", 2)));
  EXPECT_NE(a, evaluate(text("b", 1)));
  double sum = 0, squares = 0, bound = 1.0 / 20.0;
  for (float value : a) {
    EXPECT_LT(std::fabs(value), bound);
    sum += value;
    squares += double(value) * value;
  }
  // The mean is 0 and the variance bound^2 / 3, within five standard errors.
  EXPECT_NEAR(sum / 120000, 0, 5 * bound / std::sqrt(3.0 * 120000));
  EXPECT_NEAR(squares / 120000, bound * bound / 3, bound * bound / 3 * 0.015);

  auto zeros =
      evaluate("#transformer.init<zeros, \"z\", tensor<3x2xf32>, seed = 0>");
  EXPECT_EQ(zeros, std::vector<float>(6, 0.0f));
  auto normal = evaluate(
      "#transformer.init<normal, \"n\", tensor<8x9001xf32>, seed = 3>");
  double variance = 0;
  for (float value : normal)
    variance += double(value) * value;
  EXPECT_NEAR(variance / normal.size(), 1.0 / 64, 1.0 / 64 * 0.03);
  auto standard = evaluate("#transformer.init<standard_normal, \"n\", "
                           "tensor<8x9001xf32>, seed = 3>");
  for (size_t i = 0; i < standard.size(); ++i)
    ASSERT_FLOAT_EQ(standard[i], 8 * normal[i]);
}

TEST_F(WeightEvaluatorTest, AWrongShapeOrTypeNamesTheTensor) {
  store("model.layers.3.w", DType::BF16, {3, 2}, 0.3f);
  std::vector<float> values;
  lora_rt::Error shape =
      evaluateInto("#transformer.base<\"w\", tensor<2x3xbf16>>", values);
  ASSERT_TRUE(shape);
  EXPECT_NE(shape.message().find("'model.layers.3.w' is BF16 [3, 2]"),
            std::string::npos)
      << shape.message();
  EXPECT_TRUE(
      evaluateInto("#transformer.base<\"w\", tensor<3x2xf32>>", values));
  EXPECT_TRUE(
      evaluateInto("#transformer.base<\"v\", tensor<3x2xf32>>", values));
}

/// W + B diag(s) A in f64 from the stored values.
std::vector<double> addBranch(const std::vector<float> &w,
                              const std::vector<float> &b,
                              const std::vector<float> &a,
                              llvm::ArrayRef<double> scale, int64_t out,
                              int64_t in) {
  std::vector<double> sum(w.begin(), w.end());
  int64_t rank = int64_t(scale.size());
  for (int64_t i = 0; i < out; ++i)
    for (int64_t j = 0; j < in; ++j)
      for (int64_t k = 0; k < rank; ++k)
        sum[size_t(i * in + j)] += double(b[size_t(i * rank + k)]) *
                                   scale[size_t(k)] *
                                   double(a[size_t(k * in + j)]);
  return sum;
}

TEST_F(WeightEvaluatorTest, DoraScalesRowsToTheirMagnitudes) {
  const int64_t out = 67, in = 43, rank = 3;
  auto w = store("model.layers.3.q.weight", DType::BF16, {out, in}, 0.37f);
  auto a = store("model.layers.3.q.A", DType::F32, {rank, in}, 0.11f);
  auto b = store("model.layers.3.q.B", DType::F32, {out, rank}, 0.53f);
  auto m = store("model.layers.3.q.m", DType::F32, {out}, 0.29f);
  const std::string
      base = "#transformer.base<\"q.weight\", tensor<67x43xbf16>>",
      bLeaf = "#transformer.adapter<\"d\", \"q.B\", tensor<67x3xf32>>",
      aLeaf = "#transformer.adapter<\"d\", \"q.A\", tensor<3x43xf32>>",
      scale = "dense<[0.5, 1.0, -2.0]> : tensor<3xf32>";
  const std::string factor =
      "#lora.dora_factor<" + base + ", " + bLeaf + ", " + aLeaf + ", " + scale +
      ", #transformer.adapter<\"d\", \"q.m\", tensor<67xf32>>, dim = 0>";
  auto sum = addBranch(w, b, a, {0.5, 1.0, -2.0}, out, in);
  std::vector<double> factors;
  for (int64_t i = 0; i < out; ++i) {
    double square = 0;
    for (int64_t j = 0; j < in; ++j)
      square += sum[size_t(i * in + j)] * sum[size_t(i * in + j)];
    factors.push_back(m[size_t(i)] / std::sqrt(square));
  }
  auto result = evaluate(factor);
  ASSERT_EQ(result.size(), size_t(out));
  for (int64_t i = 0; i < out; ++i)
    ASSERT_NEAR(result[size_t(i)], factors[size_t(i)], 1e-6) << i;

  // Merged: both the base and B are scaled.
  auto scaled = [&](const std::string &operand) {
    return "#lora.scale<" + operand + ", " + factor + ", dim = 0>";
  };
  auto merged = evaluate("#lora.merge<" + scaled(base) + ", " + scaled(bLeaf) +
                         ", " + aLeaf + ", " + scale + ">");
  for (int64_t i = 0; i < out; ++i)
    for (int64_t j = 0; j < in; ++j)
      ASSERT_NEAR(merged[size_t(i * in + j)],
                  factors[size_t(i)] * sum[size_t(i * in + j)], 2e-6)
          << i << ", " << j;
}

TEST_F(WeightEvaluatorTest, DoraOfATableScalesColumns) {
  // More rows than parts, so that the sums over a column are joined.
  const int64_t vocabulary = 131, width = 7, rank = 2;
  auto w = store("model.layers.3.t", DType::F32, {vocabulary, width}, 0.37f);
  auto a = store("model.layers.3.A", DType::F32, {rank, vocabulary}, 0.11f);
  auto b = store("model.layers.3.B", DType::F32, {width, rank}, 0.53f);
  auto m = store("model.layers.3.m", DType::F32, {width}, 0.29f);
  auto result = evaluate(
      "#lora.dora_factor<#transformer.base<\"t\", tensor<131x7xf32>>, "
      "#transformer.transpose<#transformer.adapter<\"d\", \"A\", "
      "tensor<2x131xf32>>>, #transformer.transpose<#transformer.adapter<\"d\", "
      "\"B\", tensor<7x2xf32>>>, dense<[1.5, -0.5]> : tensor<2xf32>, "
      "#transformer.adapter<\"d\", \"m\", tensor<7xf32>>, dim = 1>");
  ASSERT_EQ(result.size(), size_t(width));
  for (int64_t j = 0; j < width; ++j) {
    double square = 0;
    for (int64_t v = 0; v < vocabulary; ++v) {
      double value = w[size_t(v * width + j)];
      const double scale[] = {1.5, -0.5};
      for (int64_t k = 0; k < rank; ++k)
        value += scale[k] * double(a[size_t(k * vocabulary + v)]) *
                 double(b[size_t(j * rank + k)]);
      square += value * value;
    }
    EXPECT_NEAR(result[size_t(j)], m[size_t(j)] / std::sqrt(square), 1e-6) << j;
  }
  auto columns =
      evaluate("#lora.scale<#transformer.base<\"t\", tensor<131x7xf32>>, "
               "#transformer.adapter<\"d\", \"m\", tensor<7xf32>>, dim = 1>");
  for (size_t i = 0; i < columns.size(); ++i)
    ASSERT_EQ(columns[i], w[i] * m[i % size_t(width)]);
}

TEST_F(WeightEvaluatorTest, SumsAndReplacedRows) {
  auto bias = store("model.layers.3.bias", DType::BF16, {5}, 0.7f);
  auto c = store("model.layers.3.c", DType::F32, {5}, 0.3f);
  auto sum = evaluate("#lora.sum<[#transformer.base<\"bias\", tensor<5xbf16>>, "
                      "#transformer.adapter<\"d\", \"c\", tensor<5xf32>>], "
                      "dense<[1.0, 2.5]> : tensor<2xf32>>");
  for (size_t i = 0; i < 5; ++i)
    EXPECT_FLOAT_EQ(sum[i], bias[i] + 2.5f * c[i]);

  auto w = store("model.layers.3.t", DType::BF16, {6, 3}, 0.37f);
  auto r = store("model.layers.3.r", DType::F32, {2, 3}, 0.11f);
  auto rows =
      evaluate("#lora.replace_rows<#transformer.base<\"t\", tensor<6x3xbf16>>, "
               "#transformer.adapter<\"d\", \"r\", tensor<2x3xf32>>, [4, 1]>");
  for (size_t i = 0; i < 6; ++i)
    for (size_t j = 0; j < 3; ++j)
      EXPECT_EQ(rows[i * 3 + j], i == 4   ? r[j]
                                 : i == 1 ? r[3 + j]
                                          : w[i * 3 + j]);
}

TEST_F(WeightEvaluatorTest, OtherNumbersOfRows) {
  auto t = store("model.layers.3.t", DType::BF16, {6, 3}, 0.37f);
  for (size_t rows : {size_t(4), size_t(8)}) {
    auto resized = evaluate(
        "#lora.resize_rows<#transformer.base<\"t\", tensor<6x3xbf16>> to " +
        std::to_string(rows) + ">");
    ASSERT_EQ(resized.size(), rows * 3);
    for (size_t i = 0; i < resized.size(); ++i)
      EXPECT_EQ(resized[i], i < t.size() ? t[i] : 0);
  }
  auto b = store("model.layers.3.b", DType::F32, {5}, 0.21f);
  for (size_t rows : {size_t(3), size_t(7)}) {
    auto resized = evaluate(
        "#lora.resize_rows<#transformer.base<\"b\", tensor<5xf32>> to " +
        std::to_string(rows) + ">");
    ASSERT_EQ(resized.size(), rows);
    for (size_t i = 0; i < rows; ++i)
      EXPECT_EQ(resized[i], i < b.size() ? b[i] : 0);
  }
}

TEST_F(WeightEvaluatorTest, ResidualsLackWhatBranchesStartedFrom) {
  // A matrix of exactly rank 2, of which PiSSA removes everything. It has three
  // rows, so that W = Q R can be followed by hand: OLoRA of full rank leaves (1
  // - scale) W.
  const int64_t rows = 3, columns = 5;
  std::vector<float> w(rows * columns);
  auto base = store("model.layers.3.w", DType::F32, {rows, columns}, 0.9f);
  auto *values = reinterpret_cast<float *>(bytes["model.layers.3.w"].data());
  const double u[] = {1, -2, 0.5}, v[] = {0.3, 1, -1, 2, 0.7};
  const double p[] = {0.5, 1, 3}, q[] = {1, 0.2, 0.4, -0.6, 2};
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j)
      values[i * columns + j] = w[size_t(i * columns + j)] =
          float(u[i] * v[j] + p[i] * q[j]);
  auto residual = [&](const std::string &kind, int rank,
                      const std::string &scale) {
    return evaluate("#lora.residual<" + kind +
                    ", #transformer.base<\"w\", tensor<3x5xf32>>, rank = " +
                    std::to_string(rank) + ", scale = " + scale + " : f64>");
  };
  for (float value : residual("pissa", 2, "1.0"))
    EXPECT_NEAR(value, 0, 1e-6);
  auto one = residual("pissa", 1, "1.0");
  // What remains after rank 1 is orthogonal to what was removed.
  double inner = 0, left = 0;
  for (size_t i = 0; i < one.size(); ++i) {
    inner += double(one[i]) * (double(w[i]) - double(one[i]));
    left += double(one[i]) * double(one[i]);
  }
  EXPECT_NEAR(inner, 0, 1e-5);
  EXPECT_GT(left, 0.1);
  auto full = residual("olora", 3, "0.25");
  for (size_t i = 0; i < full.size(); ++i)
    EXPECT_NEAR(full[i], 0.75 * w[i], 1e-6);
  // OLoRA of rank 1 removes the projection on the first column of W.
  auto first = residual("olora", 1, "0.5");
  double norm = 0;
  for (int64_t i = 0; i < rows; ++i)
    norm += double(w[size_t(i * columns)]) * double(w[size_t(i * columns)]);
  for (int64_t j = 0; j < columns; ++j) {
    double product = 0;
    for (int64_t i = 0; i < rows; ++i)
      product +=
          double(w[size_t(i * columns)]) * double(w[size_t(i * columns + j)]);
    for (int64_t i = 0; i < rows; ++i)
      EXPECT_NEAR(first[size_t(i * columns + j)],
                  w[size_t(i * columns + j)] -
                      0.5 * w[size_t(i * columns)] * product / norm,
                  1e-6);
  }
}

TEST_F(WeightEvaluatorTest, InitializersAreWhatResidualsLack) {
  const int64_t rows = 5, columns = 7, rank = 3;
  auto w = store("model.layers.3.w", DType::BF16, {rows, columns}, 0.9f);
  // A matrix of full rank without structure.
  auto *stored = reinterpret_cast<uint16_t *>(bytes["model.layers.3.w"].data());
  for (size_t i = 0; i < w.size(); ++i) {
    stored[i] = lora_rt::floatToBf16(std::sin(float(i * i) + 0.3f));
    w[i] = lora_rt::bf16ToFloat(stored[i]);
  }
  const std::string base = "#transformer.base<\"w\", tensor<5x7xbf16>>";
  for (const char *kind : {"pissa", "olora"}) {
    SCOPED_TRACE(kind);
    auto of = [&](const std::string &head) {
      return evaluate(head + base + ", rank = 3, scale = 0.7 : f64>");
    };
    auto residual = of("#lora.residual<" + std::string(kind) + ", ");
    auto a = of("#lora.initializer<" + std::string(kind) + ", a, ");
    auto b = of("#lora.initializer<" + std::string(kind) + ", b, ");
    ASSERT_EQ(a.size(), size_t(rank * columns));
    ASSERT_EQ(b.size(), size_t(rows * rank));
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns; ++j) {
        double sum = residual[size_t(i * columns + j)];
        for (int64_t k = 0; k < rank; ++k)
          sum += 0.7 * double(b[size_t(i * rank + k)]) *
                 double(a[size_t(k * columns + j)]);
        EXPECT_NEAR(sum, w[size_t(i * columns + j)], 1e-6);
      }
    // The columns of B are orthogonal. OLoRA's columns have norm 1, and its A
    // is triangular. PiSSA divides the singular values evenly between A and B.
    auto product = [&](const std::vector<float> &x, int64_t count,
                       int64_t stride, int64_t step, int64_t p, int64_t q) {
      double sum = 0;
      for (int64_t i = 0; i < count; ++i)
        sum += double(x[size_t(i * stride + p * step)]) *
               double(x[size_t(i * stride + q * step)]);
      return sum;
    };
    for (int64_t p = 0; p < rank; ++p)
      for (int64_t q = 0; q < rank; ++q) {
        double ofB = product(b, rows, rank, 1, p, q);
        double ofA = product(a, columns, 1, columns, p, q);
        if (p != q)
          EXPECT_NEAR(ofB, 0, 1e-6);
        else if (std::string(kind) == "olora")
          EXPECT_NEAR(ofB, 1, 1e-6);
        else
          EXPECT_NEAR(ofA, ofB, 1e-5);
        if (std::string(kind) == "olora" && q < p)
          EXPECT_EQ(a[size_t(p * columns + q)], 0);
      }
  }
}

TEST_F(WeightEvaluatorTest, TheSameFactorsElsewhereAreComputedAnew) {
  store("model.layers.3.w", DType::F32, {4, 3}, 0.9f);
  auto other = store("model.layers.4.w", DType::F32, {4, 3}, 0.4f);
  const char *expr = "#lora.initializer<olora, b, #transformer.base<\"w\", "
                     "tensor<4x3xf32>>, rank = 1, scale = 1.0 : f64>";
  auto here = evaluate(expr), there = evaluate(expr, "model.layers.4");
  double norm = 0;
  for (size_t i = 0; i < 4; ++i)
    norm += double(other[i * 3]) * double(other[i * 3]);
  for (size_t i = 0; i < 4; ++i)
    EXPECT_NEAR(std::abs(there[i]), std::abs(other[i * 3]) / std::sqrt(norm),
                1e-6);
  EXPECT_NE(here, there);
}

TEST_F(WeightEvaluatorTest, OrthogonalInitializersHaveNoProduct) {
  // A is [6, 5] and B is [7, 6]. B A is zero although neither is zero: each
  // spans a random space of half the rank.
  auto half = [&](const std::string &name, int64_t width, int64_t first) {
    return evaluate(
        "#lora.orthogonal<#transformer.init<standard_normal, \"basis\", "
        "tensor<6x6xf32>, seed = 3>, #transformer.init<standard_normal, \"" +
        name + "\", tensor<3x" + std::to_string(width) +
        "xf32>, seed = 3>, first = " + std::to_string(first) + ">");
  };
  auto a = half("a", 5, 0), b = half("b", 7, 1);
  double sizeOfA = 0;
  for (size_t i = 0; i < 7; ++i)
    for (size_t j = 0; j < 5; ++j) {
      double sum = 0;
      for (size_t k = 0; k < 6; ++k) {
        sum += double(b[k * 7 + i]) * double(a[k * 5 + j]);
        sizeOfA += double(a[k * 5 + j]) * double(a[k * 5 + j]) / 7;
      }
      EXPECT_NEAR(sum, 0, 1e-7);
    }
  // Rows of an orthonormal basis keep the lengths of coordinates; here they are
  // divided by ten.
  auto coordinates = evaluate("#transformer.init<standard_normal, \"a\", "
                              "tensor<3x5xf32>, seed = 3>");
  double expected = 0;
  for (float value : coordinates)
    expected += double(value) * double(value) / 100;
  EXPECT_NEAR(sizeOfA, expected, 1e-6);
}

TEST_F(WeightEvaluatorTest, Norms) {
  auto w = store("model.layers.3.w", DType::F16, {3, 5}, 0.37f);
  auto norms = [&](int dim) {
    return evaluate("#transformer.named<\"m\", #lora.norms<#transformer.base"
                    "<\"w\", tensor<3x5xf16>>, dim = " +
                    std::to_string(dim) + ">>");
  };
  auto rows = norms(0), columns = norms(1);
  ASSERT_EQ(rows.size(), 3u);
  ASSERT_EQ(columns.size(), 5u);
  for (size_t i = 0; i < 3; ++i) {
    double sum = 0;
    for (size_t j = 0; j < 5; ++j)
      sum += double(w[i * 5 + j]) * double(w[i * 5 + j]);
    EXPECT_FLOAT_EQ(rows[i], float(std::sqrt(sum)));
  }
  for (size_t j = 0; j < 5; ++j) {
    double sum = 0;
    for (size_t i = 0; i < 3; ++i)
      sum += double(w[i * 5 + j]) * double(w[i * 5 + j]);
    EXPECT_FLOAT_EQ(columns[j], float(std::sqrt(sum)));
  }
}

TEST_F(WeightEvaluatorTest, AResidualOfNothingFiniteIsAnError) {
  store("model.layers.3.w", DType::F32, {3, 4}, 0.9f);
  reinterpret_cast<float *>(bytes["model.layers.3.w"].data())[5] = NAN;
  std::vector<float> values;
  auto error = evaluateInto(
      "#lora.residual<pissa, #transformer.base<\"w\", tensor<3x4xf32>>, rank = "
      "2, scale = 1.0 : f64>",
      values);
  ASSERT_TRUE(error);
  EXPECT_NE(
      error.message().find("at 'model.layers.3', the base weight of pissa "
                           "from #transformer.base<\"w\""),
      std::string::npos)
      << error.message();
}

} // namespace
