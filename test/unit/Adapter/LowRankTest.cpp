//===- LowRankTest.cpp - Products of skinny matrices, sums of adapters ----===//
//
// Compares with the dense product, which the library never computes.
//
//===----------------------------------------------------------------------===//

#include "LowRank.h"
#include "TestFiles.h"
#include "lora-mlir/Adapter/Algebra.h"

#include <cmath>

using namespace lora;
using namespace lora::test;

namespace {

/// [out, rank, in], with ranks below, at and above the smaller side.
struct Sizes {
  int64_t out, rank, in;
};
class LowRank : public ::testing::TestWithParam<Sizes> {};

TEST_P(LowRank, SingularValuesAreThoseOfTheDenseProduct) {
  auto [out, rank, in] = GetParam();
  DenseMatrix b = random(out, rank, 1), a = random(rank, in, 2);
  DenseMatrix dense = product(b, a, 1);
  auto want = singularValues(dense.span(), out, in);
  ASSERT_TRUE(want) << want.message();
  auto svd = svdOfProduct(b, a);
  ASSERT_TRUE(svd) << svd.message();
  ASSERT_EQ(int64_t(svd->s.size()), std::min({out, rank, in}));
  for (size_t i = 0; i < svd->s.size(); ++i)
    EXPECT_NEAR(svd->s[i], (*want)[i], 1e-12 * want->front());
  auto factors = balancedFactors(*svd);
  ASSERT_TRUE(factors) << factors.message();
  EXPECT_LT(distance(product(factors->b, factors->a, 1), dense),
            1e-12 * want->front());
  EXPECT_EQ(lostShare(*svd), 0);
}

TEST_P(LowRank, TruncationLosesTheSmallestValues) {
  auto [out, rank, in] = GetParam();
  DenseMatrix b = random(out, rank, 3), a = random(rank, in, 4);
  DenseMatrix dense = product(b, a, 1);
  auto svd = svdOfProduct(b, a, 2);
  ASSERT_TRUE(svd) << svd.message();
  ASSERT_EQ(svd->s.size(), 2u);
  auto factors = balancedFactors(*svd);
  DenseMatrix kept = product(factors->b, factors->a, 1);
  double lost = 0, all = 0;
  for (int64_t i = 0; i < out * in; ++i) {
    lost += std::pow(dense.data()[i] - kept.data()[i], 2);
    all += std::pow(dense.data()[i], 2);
  }
  EXPECT_NEAR(lostShare(*svd), std::sqrt(lost / all), 1e-9);
  EXPECT_GT(lostShare(*svd), 0.1);
}

INSTANTIATE_TEST_SUITE_P(Shapes, LowRank,
                         ::testing::Values(Sizes{23, 5, 31}, Sizes{31, 7, 23},
                                           Sizes{9, 17, 12}, Sizes{8, 8, 5}));

/// Writes an adapter with two layers and the scale alpha / rank.
void writeAdapter(const std::string &folder, int64_t rank, double alpha,
                  unsigned seed, const std::vector<std::string> &targets) {
  std::vector<peft::AdapterTensor> tensors;
  std::vector<TargetRank> ranks;
  for (const std::string &target : targets) {
    tensors.push_back(
        makeTensor(target + ".lora_A.weight", random(rank, 13, seed++)));
    tensors.push_back(
        makeTensor(target + ".lora_B.weight", random(19, rank, seed++)));
    ranks.push_back({target, rank, alpha});
  }
  auto config = configFor("{}", ranks, folder);
  ASSERT_TRUE(config) << config.message();
  lora_rt::Error error = peft::writePeftAdapter(folder, *config, tensors);
  ASSERT_FALSE(error) << error.message();
}

TEST(Combine, IsTheWeightedSumOfTheDeltas) {
  TemporaryFolder folder;
  writeAdapter(folder / "one", 3, 7, 1, {"m.0.q", "m.1.q"});
  writeAdapter(folder / "two", 2, 5, 9, {"m.0.q", "m.1.v"});
  auto report = combineAdapters(
      {{{folder / "one", 0.75}, {folder / "two", -1.25}}, folder / "sum", 0});
  ASSERT_TRUE(report) << report.message();
  auto one = BranchedAdapter::open(folder / "one"),
       two = BranchedAdapter::open(folder / "two"),
       sum = BranchedAdapter::open(folder / "sum");
  ASSERT_TRUE(one && two && sum) << sum.message();
  ASSERT_EQ(sum->branches.size(), 3u);
  DenseMatrix first = deltaOf(*one, "m.0.q"), second = deltaOf(*two, "m.0.q");
  for (int64_t i = 0; i < first.rows() * first.columns(); ++i)
    first.data()[i] = 0.75 * first.data()[i] - 1.25 * second.data()[i];
  // The B of the second adapter is rounded to f32 once.
  EXPECT_LT(distance(deltaOf(*sum, "m.0.q"), first), 2e-6);
  EXPECT_EQ(sum->branches.front().rank(), 5);
  // A layer that only one adapter has keeps its numbers, except for the scale.
  DenseMatrix alone = deltaOf(*one, "m.1.q");
  for (int64_t i = 0; i < alone.rows() * alone.columns(); ++i)
    alone.data()[i] *= 0.75;
  EXPECT_LT(distance(deltaOf(*sum, "m.1.q"), alone), 1e-14);
}

TEST(Combine, TruncatedToTheFullRankLosesNothing) {
  TemporaryFolder folder;
  writeAdapter(folder / "one", 3, 7, 1, {"m.0.q"});
  writeAdapter(folder / "two", 2, 5, 9, {"m.0.q"});
  std::vector<WeightedAdapter> adapters = {{folder / "one", 2},
                                           {folder / "two", 1}};
  ASSERT_TRUE(combineAdapters({adapters, folder / "sum", 0}));
  auto report = combineAdapters({adapters, folder / "five", 5});
  ASSERT_TRUE(report) << report.message();
  EXPECT_EQ(report->lost(), 0);
  auto sum = BranchedAdapter::open(folder / "sum"),
       five = BranchedAdapter::open(folder / "five");
  EXPECT_LT(distance(deltaOf(*sum, "m.0.q"), deltaOf(*five, "m.0.q")), 3e-5);
  auto two = combineAdapters({adapters, folder / "few", 2});
  ASSERT_TRUE(two) << two.message();
  EXPECT_GT(two->lost(), 0.1);
  EXPECT_EQ(two->targets.front().rank, 2);
  EXPECT_EQ(two->targets.front().fullRank, 5);
}

TEST(Combine, RefusesOtherModels) {
  TemporaryFolder folder;
  writeAdapter(folder / "one", 3, 7, 1, {"m.0.q"});
  std::vector<peft::AdapterTensor> tensors = {
      makeTensor("m.0.q.lora_A.weight", random(2, 14, 1)),
      makeTensor("m.0.q.lora_B.weight", random(19, 2, 2))};
  auto config = configFor("{}", {{"m.0.q", 2, 4}}, "x");
  ASSERT_TRUE(config);
  ASSERT_FALSE(peft::writePeftAdapter(folder / "other", *config, tensors));
  auto report = combineAdapters(
      {{{folder / "one", 1}, {folder / "other", 1}}, folder / "sum", 0});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.message(),
            "target 'm.0.q' is [19, 13] for one adapter and [19, 14] for "
            "another; they belong to different models");
  EXPECT_FALSE(std::filesystem::exists(folder / "sum"));
}

} // namespace
