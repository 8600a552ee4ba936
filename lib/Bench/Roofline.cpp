//===- Roofline.cpp - The roofline plot -----------------------------------===//
//
// Williams, Waterman and Patterson 2009: what a program reaches against what
// the memory (the slope) and the arithmetic (the flat part) allow. Both axes
// are logarithmic. Colours tell programs apart, marks the phases.
//
//===----------------------------------------------------------------------===//

#include "Svg.h"
#include "lora-mlir/Bench/Results.h"

#include <algorithm>
#include <cmath>

using namespace lora::bench;

namespace {

constexpr int width = 960, height = 620;
constexpr double left = 90, right = 730, top = 60, bottom = 545;

// The same hues in light and dark surroundings; they differ for colour-blind
// eyes, too (Okabe and Ito 2008).
constexpr const char *style =
    R"(text { font-family: system-ui, sans-serif; font-size: 13px; fill: #333; }
.page { fill: #ffffff; }
.head { font-size: 17px; font-weight: 600; }
.small { font-size: 12px; fill: #666; }
.end { text-anchor: end; }
.middle { text-anchor: middle; }
.grid { stroke: #e4e4e4; stroke-width: 1; }
.roof { stroke: #444; stroke-width: 2.5; stroke-linecap: round; }
.mark { stroke: #ffffff; stroke-width: 1; }
.c0 { fill: #0072b2; } .c1 { fill: #009e73; } .c2 { fill: #d55e00; } .c3 { fill: #cc79a7; }
.c4 { fill: #e69f00; } .c5 { fill: #56b4e9; } .c6 { fill: #8a7a00; } .c7 { fill: #777777; }
@media (prefers-color-scheme: dark) {
  text { fill: #ddd; }
  .page { fill: #16181c; }
  .small { fill: #a0a0a0; }
  .grid { stroke: #2d3036; }
  .roof { stroke: #c8c8c8; }
  .mark { stroke: #16181c; }
  .c0 { fill: #4aa8e8; } .c1 { fill: #34c79a; } .c2 { fill: #ff8a3d; } .c3 { fill: #e6a0c8; }
  .c4 { fill: #ffbe3d; } .c5 { fill: #8fd0f5; } .c6 { fill: #d8c930; } .c7 { fill: #a0a0a0; }
}
)";
constexpr size_t colours = 8;

/// A logarithmic axis.
class Axis {
public:
  Axis(double from, double to, double least, double most)
      : from(from), to(to), low(std::log10(least)), high(std::log10(most)) {}

  double place(double value) const {
    return from + (to - from) * (std::log10(value) - low) / (high - low);
  }
  /// 1, 2 and 5 times powers of ten within the axis; powers alone if it is
  /// long.
  std::vector<double> ticks() const {
    std::vector<double> result;
    for (int power = int(std::floor(low)); power <= int(high) + 1; ++power)
      for (double factor : {1.0, 2.0, 5.0}) {
        double value = factor * std::pow(10.0, power);
        bool fits =
            std::log10(value) >= low - 1e-9 && std::log10(value) <= high + 1e-9;
        if (fits && (factor == 1.0 || high - low < 2.5))
          result.push_back(value);
      }
    return result;
  }

private:
  double from, to, low, high;
};

struct Point {
  const Measurement *measurement;
  const Series *series;
  double intensity, rate;
};

std::string shortNumber(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.3g", value);
  return text;
}

std::string rateText(double rate) {
  return rate >= 1e12  ? shortNumber(rate / 1e12) + " TFLOP/s"
         : rate >= 1e9 ? shortNumber(rate / 1e9) + " GFLOP/s"
                       : shortNumber(rate / 1e6) + " MFLOP/s";
}

std::string nameOf(const Measurement &measurement) {
  return std::string(phaseName(measurement.phase)) +
         (measurement.phase == Measurement::Phase::Decode ? " at " : " ") +
         std::to_string(measurement.size);
}

class Plot {
public:
  explicit Plot(const Results &results)
      : results(results), x(collect()), y(bottom, top, lowest, highest),
        svg(width, height, heading(), style) {}

  std::string draw() {
    drawGrid();
    drawRoofs();
    for (const Point &point : points)
      drawMark(point.measurement->phase, x.place(point.intensity),
               y.place(point.rate), colourOf(point.series->contender),
               tipOf(point));
    drawLabels();
    drawLegend();
    return std::move(svg).finish();
  }

private:
  std::string heading() const {
    std::string text = "Roofline of " + results.machine.cpu;
    if (results.model)
      text = results.model->name + ", " +
             std::string(manifestName(results.model->dtype)) + ": " + text;
    return text;
  }

  /// Finds the points and what the axes have to hold; gives the first axis.
  Axis collect() {
    auto best = [&](lora_rt::DType type) {
      return results.machine.bestMatmulRate(type, results.statistic);
    };
    roofRate = results.model ? best(results.model->dtype)
                             : std::max(best(lora_rt::DType::BF16),
                                        best(lora_rt::DType::F32));
    readRate = results.machine.readRate();
    for (const Measurement &measurement : results.measurements)
      for (const Series &series : measurement.series) {
        Point point = {&measurement, &series, series.work.intensity(),
                       series.work.operations() /
                           series.time(results.statistic)};
        if (std::isfinite(point.rate) && point.rate > 0)
          points.push_back(point);
        if (std::find(contenders.begin(), contenders.end(), series.contender) ==
            contenders.end())
          contenders.push_back(series.contender);
      }
    // Without a roof that was measured there is still a plot.
    if (readRate <= 0)
      readRate = 1e9;
    if (roofRate <= 0) {
      roofRate = readRate;
      for (const Point &point : points)
        roofRate = std::max(roofRate, point.rate);
    }
    double ridge = roofRate / readRate;
    double least = std::min(0.5, ridge / 4), most = ridge * 4;
    lowest = readRate * least;
    for (const Point &point : points) {
      least = std::min(least, point.intensity / 1.5);
      most = std::max(most, point.intensity * 1.5);
      lowest = std::min(lowest, point.rate / 1.5);
    }
    highest = roofRate * 2;
    for (const Point &point : points)
      highest = std::max(highest, point.rate * 1.5);
    intensities = {least, most};
    return Axis(left, right, least, most);
  }

  void drawGrid() {
    svg.text(left, 28, heading(), "head");
    std::string sub = std::to_string(results.machine.threads) + " threads, " +
                      results.machine.engine;
    if (!results.time.empty())
      sub += ", " + results.time;
    svg.text(left, 47, sub, "small");
    for (double tick : x.ticks()) {
      svg.line(x.place(tick), top, x.place(tick), bottom, "grid");
      svg.text(x.place(tick), bottom + 20, shortNumber(tick), "small middle");
    }
    for (double tick : y.ticks()) {
      svg.line(left, y.place(tick), right, y.place(tick), "grid");
      svg.text(left - 8, y.place(tick) + 4, rateText(tick), "small end");
    }
    svg.text((left + right) / 2, bottom + 44,
             "operations per byte of weights and cache", "middle");
  }

  void drawRoofs() {
    auto [least, most] = intensities;
    double ridge = roofRate / readRate;
    // The slope begins where it enters the picture.
    double begin = std::max(least, lowest / readRate);
    double x0 = x.place(begin), y0 = y.place(begin * readRate);
    double x1 = x.place(ridge), y1 = y.place(roofRate);
    svg.line(x0, y0, x1, y1, "roof");
    svg.line(x1, y1, x.place(most), y1, "roof");
    double slope = std::atan2(y1 - y0, x1 - x0) * 180 / std::acos(-1.0);
    double middle = (x0 + x1) / 2;
    svg.text(middle - 8, (y0 + y1) / 2 - 10,
             "read " + shortNumber(readRate / 1e9) + " GB/s", "middle", slope);
    svg.text(x.place(most), y1 - 9, "oneDNN " + rateText(roofRate), "end");
  }

  void drawMark(Measurement::Phase phase, double px, double py,
                const std::string &colour, const std::string &tip) {
    std::string kind = "mark " + colour;
    constexpr double r = 6;
    if (phase == Measurement::Phase::Prefill)
      svg.circle(px, py, r, kind, tip);
    else if (phase == Measurement::Phase::Decode)
      svg.polygon({{px, py - r - 1},
                   {px + r + 1, py},
                   {px, py + r + 1},
                   {px - r - 1, py}},
                  kind, tip);
    else
      svg.polygon({{px - r, py - r},
                   {px + r, py - r},
                   {px + r, py + r},
                   {px - r, py + r}},
                  kind, tip);
  }

  /// A name for each measurement, below its lowest mark, and below names that
  /// are there already.
  void drawLabels() {
    std::vector<std::pair<double, double>> taken;
    for (const Measurement &measurement : results.measurements) {
      double px = 0, py = 0;
      for (const Point &point : points)
        if (point.measurement == &measurement) {
          px = x.place(point.intensity);
          py = std::max(py, y.place(point.rate) + 22);
        }
      if (py == 0)
        continue;
      // Sums are rounded, so names that touch must not count as overlapping.
      constexpr double labelWidth = 90, labelHeight = 14, slack = 0.5;
      for (bool moved = true; moved;) {
        moved = false;
        for (auto [otherX, otherY] : taken)
          if (std::abs(otherX - px) < labelWidth &&
              std::abs(otherY - py) < labelHeight - slack) {
            py = otherY + labelHeight;
            moved = true;
          }
      }
      taken.push_back({px, py});
      svg.text(px, py, nameOf(measurement), "small middle");
    }
  }

  void drawLegend() {
    double lx = right + 24, ly = top + 12;
    for (const std::string &contender : contenders) {
      svg.circle(lx, ly - 4, 6, "mark " + colourOf(contender), contender);
      svg.text(lx + 14, ly, contender, "entry");
      ly += 22;
    }
    ly += 10;
    for (Measurement::Phase phase :
         {Measurement::Phase::Prefill, Measurement::Phase::Decode,
          Measurement::Phase::Forward}) {
      if (std::none_of(points.begin(), points.end(), [&](const Point &point) {
            return point.measurement->phase == phase;
          }))
        continue;
      drawMark(phase, lx, ly - 4, "c7", phaseName(phase));
      svg.text(lx + 14, ly, phaseName(phase), "entry");
      ly += 22;
    }
  }

  std::string colourOf(const std::string &contender) const {
    auto at =
        size_t(std::find(contenders.begin(), contenders.end(), contender) -
               contenders.begin());
    return "c" + std::to_string(std::min(at, colours - 1));
  }

  std::string tipOf(const Point &point) const {
    char share[32];
    std::snprintf(share, sizeof(share), "%.0f %%",
                  100 * point.series->share(results.statistic));
    return point.series->contender + ", " + nameOf(*point.measurement) + ": " +
           rateText(point.rate) + ", " + share + " of the limit";
  }

  const Results &results;
  std::vector<Point> points;
  std::vector<std::string> contenders;
  double roofRate = 0, readRate = 0, lowest = 0, highest = 0;
  std::pair<double, double> intensities;
  Axis x, y;
  Svg svg;
};

} // namespace

std::string lora::bench::toSvg(const Results &results) {
  return Plot(results).draw();
}
