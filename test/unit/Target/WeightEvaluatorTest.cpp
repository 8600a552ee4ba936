//===- WeightEvaluatorTest.cpp - Weight expressions against formulas ------===//

#include "lora-mlir/Target/WeightEvaluator.h"
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

/// Stored tensors by full name, and the values of expressions on them.
class WeightEvaluatorTest : public testing::Test {
protected:
  WeightEvaluatorTest() {
    context.loadDialect<LoRADialect, transformer::TransformerDialect>();
  }

  /// A tensor whose values all differ; returns them as stored, in f32.
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
                              std::vector<float> &values) {
    mlir::Attribute expr = parse(text);
    auto type =
        mlir::cast<transformer::WeightExprAttrInterface>(expr).getValueType();
    DType dtype = getRuntimeType(type.getElementType());
    size_t count = size_t(type.getNumElements());
    std::vector<std::byte> result(count * lora_rt::sizeOf(dtype));
    WeightEvaluator evaluator(
        [&](mlir::Attribute, const std::string &name)
            -> lora_rt::Expected<const lora_rt::TensorView *> {
          auto it = tensors.find(name);
          if (it == tensors.end())
            return lora_rt::makeError(lora_rt::ErrorCode::InvalidFile,
                                      "no tensor '", name, "'");
          return &it->second;
        });
    if (lora_rt::Error error =
            evaluator.evaluate(expr, "model.layers.3", result, &effect))
      return error;
    values.resize(count);
    return lora_rt::convertToFloat(dtype, result.data(), values);
  }

  std::vector<float> evaluate(const std::string &text) {
    std::vector<float> values;
    lora_rt::Error error = evaluateInto(text, values);
    EXPECT_FALSE(error) << error.message();
    return values;
  }

  mlir::MLIRContext context;
  lora::MergeEffect effect;
  std::map<std::string, std::vector<std::byte>> bytes;
  std::map<std::string, lora_rt::TensorView> tensors;
};

TEST_F(WeightEvaluatorTest, MergeAccumulatesInF32AndRoundsOnce) {
  // More rows than one panel holds, and M, N, rank all different.
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
      // Half a bf16 unit in the last place, and f32's error before it.
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
  // Mean 0 and variance bound^2 / 3, within five standard errors.
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

} // namespace
