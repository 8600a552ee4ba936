//===- Statistics.h - Numbers that stand for many measurements --*- C++ -*-===//

#ifndef LORA_MLIR_BENCH_STATISTICS_H
#define LORA_MLIR_BENCH_STATISTICS_H

#include <span>

namespace lora::bench {

/// The middle one, or the mean of the two in the middle; NaN of nothing.
double median(std::span<const double> values);

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
