//===- Statistics.h - Summaries of many measurements ------------*- C++ -*-===//
//
// Medians, ratios and extremes of measured values. No function changes its
// input.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_BENCH_STATISTICS_H
#define LORA_MLIR_BENCH_STATISTICS_H

#include <algorithm>
#include <limits>
#include <span>
#include <vector>

namespace lora::bench {

/// The middle value, or the mean of the two middle values; NaN if there is
/// none. It is inline, so that programs need not link this library.
inline double median(std::span<const double> values) {
  if (values.empty())
    return std::numeric_limits<double>::quiet_NaN();
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  size_t half = sorted.size() / 2;
  return sorted.size() % 2 ? sorted[half]
                           : (sorted[half - 1] + sorted[half]) / 2;
}

/// The median of a[i] / b[i]. Values of the same round are compared, because
/// the speed of a shared machine changes between rounds.
double medianRatio(std::span<const double> a, std::span<const double> b);

struct Summary {
  double median, least, most;
};

/// NaN if there are no values.
Summary summarize(std::span<const double> values);

} // namespace lora::bench

#endif // LORA_MLIR_BENCH_STATISTICS_H
