//===- Benchmark.h - Measuring a machine and models on it -------*- C++ -*-===//
//
// Machines are shared and their speed changes by the minute, so programs and
// the machine's limits are measured in turn, round after round, and compared
// within a round. Each program runs in a process of its own.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_BENCH_BENCHMARK_H
#define LORA_MLIR_BENCH_BENCHMARK_H

#include "lora-mlir/Bench/Results.h"

#include <functional>

namespace lora::bench {

/// What both benchmarks need.
struct CommonOptions {
  /// The command line, for the results.
  std::string command;
  /// Threads of each program; 0 for the cores that a process may use.
  unsigned threads = 0;
  /// Memory to read when the bandwidth is measured; 0 for many times what the
  /// caches hold.
  uint64_t readBytes = 0;
  /// The folder of lora-compile and of the programs that measure; that of the
  /// running program if empty.
  std::string toolsFolder;
  /// Gets a line now and then.
  std::function<void(const std::string &)> progress;
};

struct MachineOptions : CommonOptions {
  /// Whose matrices to multiply: a shape, or a folder or file with a
  /// config.json.
  std::string model = "llama-3.2-1b";
  std::vector<int64_t> tokens = {1, 17, 128, 512};
  /// Types to multiply in; both if empty.
  std::vector<lora_rt::DType> types;
  int repetitions = 3;
};

/// Measures read bandwidth, and oneDNN's best rate for the matrices of a model.
lora_rt::Expected<Results> measureMachine(const MachineOptions &options);

struct RunOptions : CommonOptions {
  /// A shape to make a random checkpoint of, a config.json, or a folder with a
  /// checkpoint.
  std::string model;
  /// A PEFT folder for a checkpoint that is there; a random adapter if empty.
  std::string adapterFolder;
  /// Rank of a random adapter; 0 measures the base model alone.
  int64_t rank = 8;
  /// The type of weights and of computing; the config's if not given.
  std::optional<lora_rt::DType> dtype;
  /// Prompts and rows, and contexts of a decoder; the usual ones if empty.
  /// Sizes that the model has no positions for are left out with a note.
  std::vector<int64_t> tokens, contexts;
  /// Of the usual sizes, also those that take long.
  bool full = false;
  int repetitions = 3;
  /// Which figures of the phases are for people.
  Statistic statistic = Statistic::Median;
  /// Times that each variant is compiled.
  int compileRepetitions = 1;
  /// Numbers of tokens to compile for; lora-compile's own if empty.
  std::vector<int64_t> compileTokens;
  /// The folder of another build's programs, which are measured in the same
  /// rounds; empty for none.
  std::string against;
  /// Where a folder for models and compiled files is made, which is removed in
  /// the end unless `keeps`; that of temporary files if empty.
  std::string workFolder;
  bool keeps = false;
  /// Measure other programs in the same rounds.
  bool peers = false;
  std::string python = "python3";
};

/// Compiles base, merged and unmerged, and measures them.
lora_rt::Expected<Results> runBenchmark(const RunOptions &options);

} // namespace lora::bench

#endif // LORA_MLIR_BENCH_BENCHMARK_H
