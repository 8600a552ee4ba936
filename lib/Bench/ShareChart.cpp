//===- ShareChart.cpp - Shares of the machine's limits as bars ------------===//
//
// Each measurement is a group of bars, with a bar for each program. The name of
// the program is next to its bar, so that no information depends on colour
// alone. 100 % is the limit that was measured in the same rounds; the band
// around it is how far that limit moved.
//
//===----------------------------------------------------------------------===//

#include "Svg.h"
#include "lora-mlir/Bench/Results.h"
#include "lora-mlir/Bench/Statistics.h"

#include <algorithm>
#include <cmath>

using namespace lora::bench;

namespace {

constexpr int width = 900;
constexpr double left = 190, right = 690, top = 78;
constexpr double barHeight = 15, barStep = 19, headHeight = 24, groupGap = 14;

// The hues can be told apart by colour-blind readers (Okabe and Ito 2008). They
// keep their hue in the light and in the dark theme.
constexpr const char *style =
    R"(text { font-family: system-ui, sans-serif; font-size: 13px; fill: #333; }
.page { fill: #ffffff; }
.head { font-size: 17px; font-weight: 600; }
.group { font-weight: 600; }
.small { font-size: 12px; fill: #5c5c5c; }
.end { text-anchor: end; }
.middle { text-anchor: middle; }
.grid { stroke: #e4e4e4; stroke-width: 1; }
.limit { stroke: #444; stroke-width: 1.5; }
.band { fill: #444; fill-opacity: 0.14; }
.ours { fill: #0072b2; }
.peer { fill: #a8a8a8; }
@media (prefers-color-scheme: dark) {
  text { fill: #ddd; }
  .page { fill: #16181c; }
  .small { fill: #a8a8a8; }
  .grid { stroke: #2d3036; }
  .limit { stroke: #c8c8c8; }
  .band { fill: #c8c8c8; fill-opacity: 0.2; }
  .ours { fill: #4aa8e8; }
  .peer { fill: #73777d; }
}
)";

struct Bar {
  std::string name, label;
  /// The share of the limit.
  double share = 0;
  bool isPeer = false;
};

struct Group {
  std::string title;
  std::vector<Bar> bars;
  /// The least and the largest rate of the limit in the rounds, divided by its
  /// median.
  double bandLeast = 1, bandMost = 1;
};

std::string shortNumber(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), value >= 1000 ? "%.0f" : "%.3g", value);
  return text;
}

std::string percent(double share) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.0f %%", 100 * share);
  return text;
}

std::string rateText(double operations) {
  return operations >= 1e12 ? shortNumber(operations / 1e12) + " TFLOP/s"
                            : shortNumber(operations / 1e9) + " GFLOP/s";
}

std::string titleOf(const Measurement &measurement) {
  std::string size = std::to_string(measurement.size);
  std::string tokens = size + (measurement.size == 1 ? " token" : " tokens");
  switch (measurement.phase) {
  case Measurement::Phase::Prefill:
    return "prefill, a prompt of " + tokens;
  case Measurement::Phase::Decode:
    return "decode, a token behind " + size;
  case Measurement::Phase::Forward:
    return "forward, a row of " + tokens;
  }
  return size;
}

Group groupOf(const Measurement &measurement, Statistic statistic) {
  Group group = {titleOf(measurement), {}, 1, 1};
  for (const Series &series : measurement.series) {
    double share = series.share(statistic), time = series.time(statistic);
    if (!(share > 0) || !std::isfinite(share))
      continue;
    group.bars.push_back({series.contender,
                          percent(share) + ", " +
                              shortNumber(measurement.tokens() / time) +
                              " tokens/s",
                          share, series.isPeer});
    // Programs differ in what they must read and compute, but the limit varies
    // with the machine, so it varies by nearly the same ratio for all of them.
    if (series.isPeer || series.limits.empty())
      continue;
    Summary limits = summarize(series.limits);
    if (limits.least > 0) {
      group.bandLeast = std::min(group.bandLeast, limits.median / limits.most);
      group.bandMost = std::max(group.bandMost, limits.median / limits.least);
    }
  }
  return group;
}

/// Groups without a model: the rate of each product as a share of the best
/// product of its type.
std::vector<Group> machineGroups(const Results &results) {
  std::vector<Group> groups;
  for (lora_rt::DType type : {lora_rt::DType::BF16, lora_rt::DType::F32}) {
    double best = results.machine.bestMatmulRate(type, results.statistic);
    Group group = {
        "oneDNN, products in " + std::string(manifestName(type)), {}, 1, 1};
    for (const MatmulRate &matmul : results.machine.matmuls) {
      double rate = matmul.rate(results.statistic);
      if (matmul.dtype != type || !(rate > 0) || !(best > 0))
        continue;
      group.bars.push_back({std::to_string(matmul.shape.m) + " x " +
                                std::to_string(matmul.shape.n) + " x " +
                                std::to_string(matmul.shape.k),
                            rateText(rate), rate / best, false});
    }
    if (!group.bars.empty())
      groups.push_back(std::move(group));
  }
  return groups;
}

class Chart {
public:
  explicit Chart(const Results &results)
      : results(results), groups(collect(results)), most(furthest()),
        bottom(top + contentHeight()),
        svg(width, int(bottom) + 74, heading(), style) {}

  std::string draw() {
    drawHeads();
    drawGrid();
    double y = top;
    for (const Group &group : groups)
      y = drawGroup(group, y);
    drawLimit();
    drawNotes();
    return std::move(svg).finish();
  }

private:
  static std::vector<Group> collect(const Results &results) {
    std::vector<Group> groups;
    for (const Measurement &measurement : results.measurements)
      if (Group group = groupOf(measurement, results.statistic);
          !group.bars.empty())
        groups.push_back(std::move(group));
    return groups.empty() ? machineGroups(results) : groups;
  }

  std::string heading() const {
    std::string text = "Share of the limit of " + results.machine.cpu;
    if (results.model)
      text = results.model->name + ", " +
             std::string(manifestName(results.model->dtype)) + ": " + text;
    return text;
  }

  /// The share at the right end of the axis.
  double furthest() const {
    double share = 1.05;
    for (const Group &group : groups) {
      share = std::max(share, group.bandMost);
      for (const Bar &bar : group.bars)
        share = std::max(share, bar.share);
    }
    return share;
  }

  static double heightOf(const Group &group) {
    return headHeight + barStep * double(group.bars.size()) + groupGap;
  }

  double contentHeight() const {
    double height = 0;
    for (const Group &group : groups)
      height += heightOf(group);
    return height;
  }

  double place(double share) const {
    return left + (right - left) * share / most;
  }

  void drawHeads() {
    svg.text(16, 28, heading(), "head");
    std::string sub =
        std::to_string(results.machine.threads) +
        (results.machine.threads == 1 ? " thread, " : " threads, ") +
        results.machine.engine;
    if (results.machine.readRate() > 0)
      sub += ", memory read at " +
             shortNumber(results.machine.readRate() / 1e9) + " GB/s";
    if (!results.time.empty())
      sub += ", " + results.time;
    svg.text(16, 48, sub, "small");
  }

  void drawGrid() {
    double step = most > 3 ? 1.0 : most > 1.5 ? 0.5 : 0.2;
    for (double share = 0; share <= most + 1e-9; share += step) {
      svg.line(place(share), top, place(share), bottom, "grid");
      svg.text(place(share), bottom + 18, percent(share), "small middle");
    }
  }

  double drawGroup(const Group &group, double y) {
    svg.text(16, y + 15, group.title, "group");
    double first = y + headHeight;
    double end = first + barStep * double(group.bars.size());
    if (group.bandMost - group.bandLeast > 0.005)
      svg.rect(place(group.bandLeast), first - 2,
               place(group.bandMost) - place(group.bandLeast), end - first,
               "band",
               "The limit moved between " + percent(group.bandLeast) + " and " +
                   percent(group.bandMost) + " of its median");
    for (const Bar &bar : group.bars) {
      svg.text(left - 8, first + 12, bar.name, "end");
      svg.rect(left, first, place(bar.share) - left, barHeight,
               bar.isPeer ? "peer" : "ours",
               bar.name + ", " + group.title + ": " + bar.label);
      // Labels stand in a column to the right of the limit.
      svg.text(std::max(place(bar.share), place(group.bandMost)) + 8,
               first + 12, bar.label, "small");
      first += barStep;
    }
    return end + groupGap;
  }

  void drawLimit() { svg.line(place(1), top, place(1), bottom, "limit"); }

  void drawNotes() {
    bool hasBand = false, isPast = false;
    for (const Group &group : groups) {
      hasBand |= group.bandMost - group.bandLeast > 0.005;
      for (const Bar &bar : group.bars)
        isPast |= bar.share > 1.005;
    }
    double y = bottom + 40;
    svg.text(16, y,
             results.measurements.empty()
                 ? "100 %: the best rate of these products"
                 : "100 %: the least time by the rates of memory and of "
                   "oneDNN's products in the same rounds. Blue: lora-mlir, "
                   "grey: other programs.",
             "small");
    std::string more;
    if (hasBand)
      more = "Band: how far that limit moved between rounds. ";
    if (isPast)
      more += "A bar beyond 100 % ran while the machine was faster than when "
              "its limit was taken.";
    if (!more.empty())
      svg.text(16, y + 18, more, "small");
  }

  const Results &results;
  std::vector<Group> groups;
  double most, bottom;
  Svg svg;
};

} // namespace

std::string lora::bench::toSvg(const Results &results) {
  return Chart(results).draw();
}
