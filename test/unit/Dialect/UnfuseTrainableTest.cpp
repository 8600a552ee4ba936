//===- UnfuseTrainableTest.cpp - Leaves out of trained slots --------------===//
//
// Takes the value of a fused slot apart into the tensors of the adapter, for
// each expression that can be inverted, and fails for the others.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Dialect/LoRA/IR/LoRAOps.h"
#include "lora-mlir/Dialect/LoRA/Transforms/UnfuseTrainable.h"
#include "mlir/AsmParser/AsmParser.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"

#include <gtest/gtest.h>
#include <numeric>

using namespace lora;

namespace {

class UnfuseTrainable : public ::testing::Test {
protected:
  UnfuseTrainable() {
    context.loadDialect<LoRADialect, transformer::TransformerDialect>();
  }

  /// Takes the numbers 0, 1, 2, ... apart.
  bool unfuse(llvm::StringRef text, size_t count) {
    mlir::Attribute value = mlir::parseAttribute(text, &context);
    EXPECT_TRUE(value);
    std::vector<float> data(count);
    std::iota(data.begin(), data.end(), 0.0f);
    leaves.clear();
    return mlir::succeeded(
        unfuseTrainable(mlir::UnknownLoc::get(&context), value, data, leaves));
  }

  mlir::MLIRContext context;
  std::vector<LeafTensor> leaves;
};

TEST_F(UnfuseTrainable, Rows) {
  ASSERT_TRUE(unfuse(
      R"(#transformer.concat<[#transformer.adapter<"default", "q.lora_A.weight", tensor<1x3xf32>>,
           #transformer.init<kaiming_uniform, "k.lora_A.weight", tensor<2x3xf32>, seed = 0>], dim = 0, tensor<3x3xf32>>)",
      9));
  ASSERT_EQ(leaves.size(), 2u);
  EXPECT_EQ(leaves[0].name, "q.lora_A.weight");
  EXPECT_EQ(leaves[0].values, (std::vector<float>{0, 1, 2}));
  EXPECT_EQ(leaves[1].name, "k.lora_A.weight");
  EXPECT_EQ(leaves[1].shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(leaves[1].values, (std::vector<float>{3, 4, 5, 6, 7, 8}));
}

TEST_F(UnfuseTrainable, ColumnsAndTransposes) {
  // [2, 5] = [a [2, 2] | transpose(b [3, 2])].
  ASSERT_TRUE(unfuse(
      R"(#transformer.concat<[#transformer.base<"a", tensor<2x2xf32>>,
           #transformer.transpose<#transformer.base<"b", tensor<3x2xf32>>>], dim = 1, tensor<2x5xf32>>)",
      10));
  ASSERT_EQ(leaves.size(), 2u);
  EXPECT_EQ(leaves[0].values, (std::vector<float>{0, 1, 5, 6}));
  EXPECT_EQ(leaves[1].shape, (std::vector<int64_t>{3, 2}));
  EXPECT_EQ(leaves[1].values, (std::vector<float>{2, 7, 3, 8, 4, 9}));
}

TEST_F(UnfuseTrainable, NarrowLeavesTrainInF32) {
  ASSERT_TRUE(unfuse(
      R"(#transformer.cast<#transformer.adapter<"default", "a", tensor<2xbf16>> to tensor<2xf32>>)",
      2));
  ASSERT_EQ(leaves.size(), 1u);
  EXPECT_EQ(leaves[0].name, "a");
}

TEST_F(UnfuseTrainable, ANameMakesALeafOfAnExpression) {
  ASSERT_TRUE(unfuse(
      R"(#transformer.transpose<#transformer.named<"b", #transformer.transpose<#transformer.base<"w", tensor<3x2xf32>>>>>)",
      6));
  ASSERT_EQ(leaves.size(), 1u);
  EXPECT_EQ(leaves[0].name, "b");
  EXPECT_EQ(leaves[0].shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(leaves[0].values, (std::vector<float>{0, 2, 4, 1, 3, 5}));
}

TEST_F(UnfuseTrainable, RefusesWhatHasNoInverse) {
  std::string message;
  mlir::ScopedDiagnosticHandler handler(
      &context, [&](mlir::Diagnostic &diag) { message = diag.str(); });
  EXPECT_FALSE(unfuse(
      R"(#lora.merge<#transformer.base<"w", tensor<2x3xf32>>, #transformer.base<"b", tensor<2x1xf32>>,
           #transformer.base<"a", tensor<1x3xf32>>, dense<1.0> : tensor<1xf32>>)",
      6));
  EXPECT_NE(message.find("concatenations and transpositions"),
            std::string::npos);
  EXPECT_FALSE(unfuse(R"(#transformer.base<"w", tensor<2x3xf32>>)", 5));
  EXPECT_NE(message.find("expected the 5 numbers"), std::string::npos);
}

} // namespace
