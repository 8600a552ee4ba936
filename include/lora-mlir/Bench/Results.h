//===- Results.h - The results of a benchmark -------------------*- C++ -*-===//
//
// What `lora-bench` measured, and the figures that follow from it. Times are
// seconds, sizes are bytes. A vector has one element for each round.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_BENCH_RESULTS_H
#define LORA_MLIR_BENCH_RESULTS_H

#include "lora-mlir/Bench/ModelCost.h"

#include <optional>
#include <string>
#include <vector>

namespace lora::bench {

/// Which statistic represents many times.
enum class Statistic {
  /// The medians, and the medians of the ratios within a round.
  Median,
  /// The shortest times and their ratios, for a machine that is always busy.
  Best,
};

/// One of the fastest methods to read memory, and its rate.
struct ReadRate {
  /// The number of places that are read in turn.
  int streams = 1;
  /// The distance of prefetches in bytes; 0 for none.
  int64_t prefetch = 0;
  /// Whether the memory has huge pages.
  bool hugePages = false;
  double bytesPerSecond = 0;
};

/// oneDNN's best time for a shape.
struct MatmulRate {
  /// The shape and the type of the product.
  MatmulWork shape;
  lora_rt::DType dtype = lora_rt::DType::F32;
  /// The layout of the weights in the best call.
  std::string layout;
  /// One for each round.
  std::vector<double> seconds;

  /// Operations per second.
  double rate(Statistic statistic) const;
};

/// The limits of a machine.
struct MachineResults {
  /// The CPU's name, and oneDNN's version and instruction set.
  std::string cpu, engine;
  unsigned threads = 0;
  /// The fastest first.
  std::vector<ReadRate> reads;
  std::vector<MatmulRate> matmuls;

  /// The best rate of reading memory, in bytes per second.
  double readRate() const {
    return reads.empty() ? 0 : reads.front().bytesPerSecond;
  }
  /// The best rate over all shapes of a type; 0 if there is none.
  double bestMatmulRate(lora_rt::DType dtype, Statistic statistic) const;
};

/// One program in one measurement, with an element for each round.
struct Series {
  /// "base", "merged", "unmerged", or a peer: "PyTorch base".
  std::string contender;
  /// Whether this is another framework.
  bool isPeer = false;
  /// The seconds of a call, the median of each round.
  std::vector<double> seconds;
  /// The shortest call of each round.
  std::vector<double> least;
  /// The least seconds that the limits of the same round permit.
  std::vector<double> limits;
  /// The least work of the call.
  Work work;

  /// Seconds.
  double time(Statistic statistic) const;
  /// The share of the limit; 1 is as fast as the machine permits.
  double share(Statistic statistic) const;
  /// The time of this program divided by that of the other.
  double ratioTo(const Series &other, Statistic statistic) const;
};

/// All programs that were measured with one call.
struct Measurement {
  enum class Phase {
    /// A prompt of `size` tokens, and the logits of its last token.
    Prefill,
    /// One token after `size` others.
    Decode,
    /// A row of `size` tokens through an encoder.
    Forward,
  };
  Phase phase = Phase::Prefill;
  /// The number of tokens; see Phase.
  int64_t size = 0;
  /// One for each program.
  std::vector<Series> series;
  /// Bytes per second, one for each round.
  std::vector<double> readRates;

  /// The number of tokens in a call. A rate is this divided by the seconds.
  double tokens() const { return phase == Phase::Decode ? 1.0 : double(size); }
  /// The series of a program, or nullptr.
  const Series *find(std::string_view contender) const;
};

/// "prefill"
const char *phaseName(Measurement::Phase phase);

/// The compilation of one variant.
struct CompileResult {
  std::string contender;
  bool isPeer = false;
  /// The seconds of a compilation, one for each round.
  std::vector<double> seconds;
  /// The seconds of a plain copy of the checkpoint in the same round, with
  /// fsync; empty if such a comparison makes no sense.
  std::vector<double> copySeconds;
  /// The most memory of the process, without mapped files.
  uint64_t peakPrivateBytes = 0;
  /// The size of the compiled file.
  uint64_t fileBytes = 0;
};

/// From exec to the first result.
struct LoadResult {
  std::string contender;
  bool isPeer = false;
  /// Seconds from exec until the first forward can start.
  std::vector<double> loadSeconds;
  /// The seconds of the first forward, and of a later one of the same size (for
  /// a decoder, a step).
  std::vector<double> firstSeconds, steadySeconds;
  /// Memory at the context `memoryContext`.
  uint64_t privateBytes = 0, fileBytes = 0;
};

/// The facts of the model that was measured.
struct ModelResults {
  std::string name;
  lora_rt::DType dtype = lora_rt::DType::F32;
  bool isEncoder = false;
  /// The number of values in the base model.
  int64_t parameters = 0;
  uint64_t checkpointBytes = 0;
  /// The rank of the adapter; 0 if there is none.
  int64_t adapterRank = 0;
  /// The number of linear layers with a branch.
  int64_t branches = 0;
};

/// The results of one run of lora-bench.
struct Results {
  /// The command line, and the time at which it began (ISO 8601, UTC).
  std::string command, time;
  MachineResults machine;
  /// Empty if only the machine was measured.
  std::optional<ModelResults> model;
  /// The number of rounds.
  int repetitions = 0;
  /// Which statistic is printed; the JSON file has both.
  Statistic statistic = Statistic::Median;
  /// The length of context, in tokens, at which memory was measured.
  int64_t memoryContext = 0;
  std::vector<CompileResult> compiles;
  std::vector<LoadResult> loads;
  std::vector<Measurement> measurements;
  /// What was left out, and why.
  std::vector<std::string> notes;
};

/// The results as tables for a terminal.
std::string toText(const Results &results);

/// The results as JSON; docs/performance.md describes the keys.
std::string toJson(const Results &results);

/// The results as a picture. Each measurement is a group of bars with the share
/// of the limit that each program reaches; for the machine alone, the rates of
/// its products.
std::string toSvg(const Results &results);

} // namespace lora::bench

#endif // LORA_MLIR_BENCH_RESULTS_H
