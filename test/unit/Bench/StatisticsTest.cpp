//===- StatisticsTest.cpp - Median, quartiles and extremes ----------------===//
//
// Summaries of few values, odd and even in number, and ratios that are taken
// round by round.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Bench/Statistics.h"

#include <cmath>
#include <gtest/gtest.h>
#include <vector>

using namespace lora::bench;

TEST(Statistics, MedianOfAnOddAndAnEvenNumber) {
  std::vector<double> odd = {5, 1, 40}, even = {8, 1, 2, 100};
  EXPECT_EQ(median(odd), 5);
  EXPECT_EQ(median(even), 5);
  // The values are not sorted in place.
  EXPECT_EQ(odd, (std::vector<double>{5, 1, 40}));
}

TEST(Statistics, NothingHasNoMedian) {
  EXPECT_TRUE(std::isnan(median({})));
  EXPECT_TRUE(std::isnan(medianRatio({}, {})));
  Summary none = summarize({});
  EXPECT_TRUE(std::isnan(none.median) && std::isnan(none.least) &&
              std::isnan(none.most));
}

TEST(Statistics, RatiosAreThoseOfARound) {
  // In the second round, everything took ten times as long.
  std::vector<double> a = {2, 30, 2}, b = {1, 10, 2};
  EXPECT_EQ(medianRatio(a, b), 2);
  // The ratio of the medians would be different.
  EXPECT_NE(median(a) / median(b), 2);
}

TEST(Statistics, Summary) {
  std::vector<double> values = {3, 9, 1, 4};
  Summary all = summarize(values);
  EXPECT_EQ(all.median, 3.5);
  EXPECT_EQ(all.least, 1);
  EXPECT_EQ(all.most, 9);
}
