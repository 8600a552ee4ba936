//===- Results.h - What a benchmark found -----------------------*- C++ -*-===//

#ifndef LORA_MLIR_BENCH_RESULTS_H
#define LORA_MLIR_BENCH_RESULTS_H

#include "lora-mlir/Bench/ModelCost.h"

#include <optional>
#include <string>
#include <vector>

namespace lora::bench {

/// Which of many times stand for them.
enum class Statistic {
  /// Medians, and medians of the ratios within a round.
  Median,
  /// The shortest ones, and their ratios: for a machine that is never quiet.
  Best,
};

/// The fastest ways to read memory, and what they gave.
struct ReadRate {
  int streams = 1;
  int64_t prefetch = 0;
  bool hugePages = false;
  double bytesPerSecond = 0;
};

/// oneDNN's best at a shape.
struct MatmulRate {
  MatmulWork shape;
  lora_rt::DType dtype = lora_rt::DType::F32;
  /// The weights' layout in the best call.
  std::string layout;
  /// A round each.
  std::vector<double> seconds;

  /// Operations per second.
  double rate(Statistic statistic) const;
};

struct MachineResults {
  /// The CPU's name, and oneDNN's version and instruction set.
  std::string cpu, engine;
  unsigned threads = 0;
  /// Fastest first.
  std::vector<ReadRate> reads;
  std::vector<MatmulRate> matmuls;

  double readRate() const {
    return reads.empty() ? 0 : reads.front().bytesPerSecond;
  }
  /// The best rate of all shapes in a type; 0 without any.
  double bestMatmulRate(lora_rt::DType dtype, Statistic statistic) const;
};

/// One program at one measurement; an element per round.
struct Series {
  /// "base", "merged", "unmerged", or a peer: "PyTorch base".
  std::string contender;
  bool isPeer = false;
  std::vector<double> seconds;
  /// Of the shortest call of the round.
  std::vector<double> least;
  /// The least seconds by the limits of the same round.
  std::vector<double> limits;
  Work work;

  double time(Statistic statistic) const;
  /// Of the limit: 1 is as fast as the machine.
  double share(Statistic statistic) const;
  /// How many times the other one's time it takes.
  double ratioTo(const Series &other, Statistic statistic) const;
};

struct Measurement {
  enum class Phase {
    /// A prompt of `size` tokens, and the logits of its last token.
    Prefill,
    /// A token behind `size` others.
    Decode,
    /// A row of `size` tokens through an encoder.
    Forward,
  };
  Phase phase = Phase::Prefill;
  int64_t size = 0;
  std::vector<Series> series;
  /// Bytes per second, a round each.
  std::vector<double> readRates;

  /// Tokens that a call brings: rates are these by seconds.
  double tokens() const { return phase == Phase::Decode ? 1.0 : double(size); }
  const Series *find(std::string_view contender) const;
};

/// "prefill"
const char *phaseName(Measurement::Phase phase);

/// Making the file of a variant.
struct CompileResult {
  std::string contender;
  bool isPeer = false;
  std::vector<double> seconds;
  /// Of a plain copy of the checkpoint in the same round, with fsync; empty
  /// where that compares with nothing.
  std::vector<double> copySeconds;
  uint64_t peakPrivateBytes = 0;
  uint64_t fileBytes = 0;
};

/// From exec to the first result.
struct LoadResult {
  std::string contender;
  bool isPeer = false;
  /// From exec until the first forward can start.
  std::vector<double> loadSeconds;
  /// The first forward, and a later one of the same size (for a decoder, a
  /// step).
  std::vector<double> firstSeconds, steadySeconds;
  /// At the context `memoryContext`.
  uint64_t privateBytes = 0, fileBytes = 0;
};

struct ModelResults {
  std::string name;
  lora_rt::DType dtype = lora_rt::DType::F32;
  bool isEncoder = false;
  int64_t parameters = 0;
  uint64_t checkpointBytes = 0;
  int64_t adapterRank = 0;
  /// Linear layers that have a branch.
  int64_t branches = 0;
};

struct Results {
  /// The command line, and when it began (ISO 8601, UTC).
  std::string command, time;
  MachineResults machine;
  /// Nothing for the machine alone.
  std::optional<ModelResults> model;
  int repetitions = 0;
  /// Of the phases' figures for people; the JSON file has both.
  Statistic statistic = Statistic::Median;
  /// Tokens of context at which memory was looked at.
  int64_t memoryContext = 0;
  std::vector<CompileResult> compiles;
  std::vector<LoadResult> loads;
  std::vector<Measurement> measurements;
  /// What was left out, and why.
  std::vector<std::string> notes;
};

/// Tables for people.
std::string toText(const Results &results);

/// All figures; docs/performance.md describes the keys.
std::string toJson(const Results &results);

/// A picture: for each measurement a group of bars, the share of the limit that
/// each program reaches; for the machine alone, the rates of its products.
std::string toSvg(const Results &results);

} // namespace lora::bench

#endif // LORA_MLIR_BENCH_RESULTS_H
