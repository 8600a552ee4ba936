//===- Statistics.h - Numbers that stand for many measurements --*- C++ -*-===//

#ifndef LORA_MLIR_BENCH_STATISTICS_H
#define LORA_MLIR_BENCH_STATISTICS_H

#include <algorithm>
#include <limits>
#include <span>
#include <vector>

namespace lora::bench {

/// The middle one, or the mean of the two in the middle; NaN of nothing. Also
/// for programs that do not link this library.
inline double median(std::span<const double> values) {
  if (values.empty())
    return std::numeric_limits<double>::quiet_NaN();
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  size_t half = sorted.size() / 2;
  return sorted.size() % 2 ? sorted[half]
                           : (sorted[half - 1] + sorted[half]) / 2;
}

/// The median of a[i] / b[i]: what was measured in one round is compared in
/// that round, because a shared machine is another one in the next.
double medianRatio(std::span<const double> a, std::span<const double> b);

struct Summary {
  double median, least, most;
};

/// NaN of nothing.
Summary summarize(std::span<const double> values);

} // namespace lora::bench

#endif // LORA_MLIR_BENCH_STATISTICS_H
