//===- ResultsText.cpp - Results as text ----------------------------------===//
//
// Tables of the results for a terminal. What was not measured is an empty cell.
//
//===----------------------------------------------------------------------===//

#include "Table.h"
#include "lora-mlir/Bench/Results.h"
#include "lora-mlir/Bench/Statistics.h"

#include <algorithm>
#include <set>

using namespace lora::bench;
using lora_rt::DType;
using lora_rt::manifestName;

namespace {

template <typename... Args>
std::string format(const char *pattern, Args... args) {
  char text[256];
  std::snprintf(text, sizeof(text), pattern, args...);
  return text;
}

/// Three significant digits: "0.173", "1.73", "17.3", "173".
std::string threeDigits(double value) {
  int digits = value < 1 ? 3 : value < 10 ? 2 : value < 100 ? 1 : 0;
  return format("%.*f", digits, value);
}

std::string milliseconds(double seconds) {
  return threeDigits(seconds * 1e3) + " ms";
}

std::string mebibytes(uint64_t bytes) {
  return format("%.0f MiB", double(bytes) / (1 << 20));
}

std::string percent(double share) { return format("%.0f %%", 100 * share); }

std::string machineText(const MachineResults &machine) {
  std::string text = "machine  " + machine.cpu +
                     format(", %u thread%s, ", machine.threads,
                            machine.threads == 1 ? "" : "s") +
                     machine.engine + "\n";
  if (!machine.reads.empty()) {
    const ReadRate &best = machine.reads.front();
    text += format("read     %.1f GB/s (%d stream%s, prefetch %lld, %s pages)",
                   best.bytesPerSecond / 1e9, best.streams,
                   best.streams == 1 ? "" : "s", (long long)best.prefetch,
                   best.hugePages ? "huge" : "small");
    double plain = 0;
    for (const ReadRate &read : machine.reads)
      if (!read.hugePages)
        plain = std::max(plain, read.bytesPerSecond);
    if (best.hugePages && plain > 0)
      text += format("; small pages %.1f GB/s", plain / 1e9);
    text += "\n";
  }
  return text;
}

/// One table for each type, with a row for each shape and a column for each
/// number of tokens.
std::string matmulText(const MachineResults &machine, Statistic statistic) {
  std::string text;
  for (DType type : {DType::BF16, DType::F32}) {
    std::set<int64_t> tokens;
    std::vector<std::pair<int64_t, int64_t>> shapes;
    for (const MatmulRate &matmul : machine.matmuls) {
      if (matmul.dtype != type)
        continue;
      tokens.insert(matmul.shape.m);
      std::pair shape(matmul.shape.n, matmul.shape.k);
      if (std::find(shapes.begin(), shapes.end(), shape) == shapes.end())
        shapes.push_back(shape);
    }
    if (shapes.empty())
      continue;
    Table table({"oneDNN " + std::string(manifestName(type)) + ", GFLOP/s"});
    for (int64_t count : tokens)
      table.addColumn(std::to_string(count));
    for (auto [n, k] : shapes) {
      table.addRow(format("%lld x %lld", (long long)n, (long long)k));
      for (const MatmulRate &matmul : machine.matmuls)
        if (matmul.dtype == type && matmul.shape.n == n && matmul.shape.k == k)
          table.set(std::to_string(matmul.shape.m),
                    threeDigits(matmul.rate(statistic) / 1e9));
    }
    text += "\n" + table.text();
  }
  return text;
}

double readRate(const Measurement &measurement, Statistic statistic) {
  Summary rates = summarize(measurement.readRates);
  return statistic == Statistic::Best ? rates.most : rates.median;
}

std::string columnOf(const Measurement &measurement) {
  bool isDecode = measurement.phase == Measurement::Phase::Decode;
  return (isDecode ? "at " : "") + std::to_string(measurement.size);
}

/// The time of a token where it is below a millisecond: for a tiny model it
/// says more than the number of tokens in a second.
void addTokenTimes(Table &table, const Results &results,
                   const std::vector<std::string> &rows) {
  for (const std::string &row : rows) {
    bool isThere = false;
    for (const Measurement &measurement : results.measurements) {
      const Series *series = measurement.find(row);
      if (measurement.phase != Measurement::Phase::Decode || !series)
        continue;
      double seconds = series->time(results.statistic);
      if (seconds >= 1e-3)
        continue;
      if (!isThere)
        table.addRow("  " + row + ", us a token");
      isThere = true;
      table.set(columnOf(measurement), threeDigits(1e6 * seconds));
    }
  }
}

/// The table of one phase: a row for each program, then the cost of an unmerged
/// adapter.
std::string phaseText(const Results &results, Measurement::Phase phase) {
  bool isDecode = phase == Measurement::Phase::Decode;
  bool isForward = phase == Measurement::Phase::Forward;
  Table table(
      {std::string(phaseName(phase)) +
       (isForward ? ", ms (of the limit)" : ", tokens/s (of the limit)")});
  std::vector<std::string> rows;
  for (const Measurement &measurement : results.measurements) {
    if (measurement.phase != phase)
      continue;
    table.addColumn(columnOf(measurement));
    for (const Series &series : measurement.series)
      if (std::find(rows.begin(), rows.end(), series.contender) == rows.end())
        rows.push_back(series.contender);
  }
  if (rows.empty())
    return "";
  for (const std::string &row : rows) {
    table.addRow("  " + row);
    for (const Measurement &measurement : results.measurements)
      if (const Series *series =
              measurement.phase == phase ? measurement.find(row) : nullptr) {
        double seconds = series->time(results.statistic);
        table.set(columnOf(measurement),
                  threeDigits(isForward ? seconds * 1e3
                                        : measurement.tokens() / seconds) +
                      " (" + percent(series->share(results.statistic)) + ")");
      }
  }
  // Ratios to the base model, and to another build.
  for (auto [name, to] :
       {std::pair("merged", "base"), std::pair("unmerged", "base"),
        std::pair("base", "base against"),
        std::pair("merged", "merged against"),
        std::pair("unmerged", "unmerged against")}) {
    bool isThere = false;
    for (const Measurement &measurement : results.measurements) {
      const Series *one = measurement.find(name), *other = measurement.find(to);
      if (measurement.phase != phase || !one || !other)
        continue;
      if (!isThere)
        table.addRow("  " + std::string(name) + " / " + to);
      isThere = true;
      double ratio = one->ratioTo(*other, results.statistic);
      table.set(columnOf(measurement),
                format("%+.1f %% time", 100 * (ratio - 1)));
    }
  }
  if (isDecode) {
    addTokenTimes(table, results, rows);
    table.addRow("  read, GB/s");
    for (const Measurement &measurement : results.measurements)
      if (measurement.phase == phase)
        table.set(columnOf(measurement),
                  threeDigits(readRate(measurement, results.statistic) / 1e9));
  }
  return "\n" + table.text();
}

std::string compileText(const Results &results) {
  if (results.compiles.empty())
    return "";
  Table table({"compile"});
  for (const char *column : {"time", "by a copy", "private memory", "file"})
    table.addColumn(column);
  for (const CompileResult &one : results.compiles) {
    table.addRow("  " + one.contender);
    table.set("time", threeDigits(median(one.seconds)) + " s");
    if (!one.copySeconds.empty())
      table.set("by a copy",
                format("%.2f x", medianRatio(one.seconds, one.copySeconds)));
    table.set("private memory", mebibytes(one.peakPrivateBytes));
    if (one.fileBytes)
      table.set("file", mebibytes(one.fileBytes));
  }
  return "\n" + table.text();
}

std::string loadText(const Results &results) {
  if (results.loads.empty())
    return "";
  bool isEncoder = results.model && results.model->isEncoder;
  Table table({"load and memory"});
  for (const char *column : {"exec to first forward", "first forward",
                             "by a later one", "private memory", "mapped"})
    table.addColumn(column);
  for (const LoadResult &one : results.loads) {
    table.addRow("  " + one.contender);
    table.set("exec to first forward", milliseconds(median(one.loadSeconds)));
    if (!one.firstSeconds.empty()) {
      table.set("first forward", milliseconds(median(one.firstSeconds)));
      table.set(
          "by a later one",
          format("%.2f x", medianRatio(one.firstSeconds, one.steadySeconds)));
    }
    table.set("private memory", mebibytes(one.privateBytes));
    table.set("mapped", mebibytes(one.fileBytes));
  }
  return "\n" + table.text() +
         format("Memory after %s of %lld tokens.\n",
                isEncoder ? "a row" : "a context",
                (long long)results.memoryContext);
}

} // namespace

std::string lora::bench::toText(const Results &results) {
  std::string text = machineText(results.machine);
  if (const std::optional<ModelResults> &model = results.model) {
    text += format("model    %s, %s, %s M parameters, %.2f GB",
                   model->name.c_str(), manifestName(model->dtype).data(),
                   threeDigits(double(model->parameters) / 1e6).c_str(),
                   double(model->checkpointBytes) / 1e9);
    if (model->adapterRank)
      text += format("; adapter r = %lld on %lld linear layers",
                     (long long)model->adapterRank, (long long)model->branches);
    bool isBest = results.statistic == Statistic::Best;
    text += format("\n%s of %d round%s, in alternation\n",
                   isBest ? "best times" : "medians", results.repetitions,
                   results.repetitions == 1 ? "" : "s");
  }
  text += matmulText(results.machine, results.statistic);
  for (Measurement::Phase phase :
       {Measurement::Phase::Prefill, Measurement::Phase::Forward,
        Measurement::Phase::Decode})
    text += phaseText(results, phase);
  text += loadText(results);
  text += compileText(results);
  for (const std::string &note : results.notes)
    text +=
        (&note == &results.notes.front() ? "\nnote: " : "note: ") + note + "\n";
  return text;
}
