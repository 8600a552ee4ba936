//===- BenchmarkRun.h - A benchmark of a model ------------------*- C++ -*-===//
//
// The parts of `runBenchmark`: ModelVariants.cpp makes and compiles the model,
// LoadTimes.cpp measures the start of its programs, and Benchmark.cpp runs the
// rounds.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_BENCH_BENCHMARKRUN_H
#define LORA_MLIR_LIB_BENCH_BENCHMARKRUN_H

#include "Limits.h"
#include "Peers.h"
#include "WorkFolder.h"

namespace lora::bench {

/// The shortest time, in seconds, for which one request runs a program; and the
/// fewest and most steps of a decoder in one request.
inline constexpr double shortestTime = 0.15;
inline constexpr int64_t fewestSteps = 4, mostSteps = 32;

/// The folder with lora-compile and the programs that measure.
std::string toolsFolderOf(const CommonOptions &options);

/// The current time, ISO 8601, UTC.
std::string timeText();

/// A program that takes part in the rounds.
struct Contender {
  std::string name;
  bool isPeer = false;
  const ModelCost *cost = nullptr;
  std::unique_ptr<Worker> worker;
};

class BenchmarkRun {
public:
  explicit BenchmarkRun(const RunOptions &options) : options(options) {}
  lora_rt::Expected<Results> run();

private:
  struct Variant {
    std::string name;
    std::vector<std::string> compileOptions;
    std::string file;
    /// The folder of the build that compiles and runs it.
    std::string tools;
    bool isUnmerged = false;

    /// The command of the program that answers requests, for a cache of
    /// `context` tokens.
    std::vector<std::string> worker(unsigned threads, int64_t context) const {
      return {tools + "/lora-bench-model", file, std::to_string(threads),
              std::to_string(context)};
    }
  };

  void progress(const std::string &text) const {
    if (options.progress)
      options.progress(text);
  }
  void note(const std::string &text) {
    progress("note: " + text);
    results.notes.push_back(text);
  }
  std::string log(const std::string &name) const {
    return *work / ("log-" + name + ".txt");
  }

  /// Calls one of the two functions that follow.
  lora_rt::Error findModel();
  lora_rt::Error makeModel();
  lora_rt::Error takeModel();
  lora_rt::Error describeModel();
  void addVariants(const std::string &tools, const std::string &suffix);
  lora_rt::Error warmPageCache();
  /// Copies the checkpoint; returns the seconds that this took.
  lora_rt::Expected<double> copyCheckpoint();
  lora_rt::Error compileAll();
  lora_rt::Error compile(const Variant &variant, CompileResult &result);
  lora_rt::Error compileCode(CompileResult &result);
  std::vector<std::string> compileCommand(const Variant &variant) const;
  lora_rt::Error compilePeft();
  lora_rt::Error measureLoads();
  lora_rt::Error measureLoad(const Variant &variant, LoadResult &result,
                             bool isFirst);
  void chooseSizes();
  lora_rt::Error startContenders();
  lora_rt::Error measure(Measurement::Phase phase, int64_t size);
  /// Sends one request. A peer that fails takes no further part; a note says
  /// so.
  lora_rt::Expected<bool> runRound(Contender &contender,
                                   Measurement &measurement, Series &series,
                                   int64_t steps);
  lora_rt::Json requestOf(const Measurement &measurement, int64_t steps) const;
  std::vector<int64_t> sizesThatFit(const std::vector<int64_t> &sizes,
                                    int64_t limit, const char *what);

  PeerInput peerInput() const {
    return {modelFolder, adapterFolder, work->path(), results.machine.threads,
            config,      dtype};
  }

  const RunOptions &options;
  Results results;
  std::optional<WorkFolder> work;
  std::string modelFolder, adapterFolder, configText;
  ModelConfig config;
  /// The most tokens of a prompt or of a row that the model was compiled for.
  int64_t longest = 0;
  lora_rt::DType dtype = lora_rt::DType::F32;
  std::unique_ptr<Limits> limits;
  std::optional<ModelCost> plainCost, unmergedCost;
  std::vector<int64_t> tokens, contexts;
  std::vector<Variant> variants;
  std::vector<Contender> contenders;
};

} // namespace lora::bench

#endif // LORA_MLIR_LIB_BENCH_BENCHMARKRUN_H
