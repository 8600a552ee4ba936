//===- Statistics.cpp - Median, quartiles and extremes --------------------===//
//
// Summaries of a few measured values, which need not be sorted. The summary of
// no values is NaN.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Bench/Statistics.h"

#include <cassert>

using namespace lora::bench;

static constexpr double nothing = std::numeric_limits<double>::quiet_NaN();

double lora::bench::medianRatio(std::span<const double> a,
                                std::span<const double> b) {
  assert(a.size() == b.size() && "ratios of different rounds");
  std::vector<double> ratios;
  for (size_t i = 0; i < a.size(); ++i)
    ratios.push_back(a[i] / b[i]);
  return median(ratios);
}

Summary lora::bench::summarize(std::span<const double> values) {
  if (values.empty())
    return {nothing, nothing, nothing};
  auto [least, most] = std::minmax_element(values.begin(), values.end());
  return {median(values), *least, *most};
}
