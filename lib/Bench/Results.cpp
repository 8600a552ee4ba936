//===- Results.cpp - Figures that follow from what was measured -----------===//
//
// Statistics over the rounds: the chosen time, rates, ratios between programs,
// and shares of the machine's limits. Nothing is measured here.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Bench/Results.h"
#include "lora-mlir/Bench/Statistics.h"

#include <algorithm>

using namespace lora::bench;

/// The chosen statistic of some times.
static double chosen(std::span<const double> values, Statistic statistic) {
  Summary all = summarize(values);
  return statistic == Statistic::Best ? all.least : all.median;
}

double MatmulRate::rate(Statistic statistic) const {
  return seconds.empty() ? 0 : shape.operations() / chosen(seconds, statistic);
}

double MachineResults::bestMatmulRate(lora_rt::DType dtype,
                                      Statistic statistic) const {
  double best = 0;
  for (const MatmulRate &matmul : matmuls)
    if (matmul.dtype == dtype)
      best = std::max(best, matmul.rate(statistic));
  return best;
}

double Series::time(Statistic statistic) const {
  return statistic == Statistic::Best ? summarize(least).least
                                      : median(seconds);
}

double Series::share(Statistic statistic) const {
  return statistic == Statistic::Best
             ? summarize(limits).least / summarize(least).least
             : medianRatio(limits, seconds);
}

double Series::ratioTo(const Series &other, Statistic statistic) const {
  return statistic == Statistic::Best
             ? summarize(least).least / summarize(other.least).least
             : medianRatio(seconds, other.seconds);
}

const Series *Measurement::find(std::string_view contender) const {
  for (const Series &one : series)
    if (one.contender == contender)
      return &one;
  return nullptr;
}

const char *lora::bench::phaseName(Measurement::Phase phase) {
  switch (phase) {
  case Measurement::Phase::Prefill:
    return "prefill";
  case Measurement::Phase::Decode:
    return "decode";
  case Measurement::Phase::Forward:
    return "forward";
  }
  return "";
}
