//===- Benchmark.h - Measuring a machine and models on it -------*- C++ -*-===//
//
// Machines are shared, and their speed changes within minutes. So the programs
// and the machine's limits are measured alternately in rounds, and compared
// within a round. Each program runs in a process of its own.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_BENCH_BENCHMARK_H
#define LORA_MLIR_BENCH_BENCHMARK_H

#include "lora-mlir/Bench/Results.h"

#include <functional>

namespace lora::bench {

/// Options of both benchmarks.
struct CommonOptions {
  /// The command line, for the results.
  std::string command;
  /// The number of threads of each program; 0 for the number of cores that a
  /// process may use.
  unsigned threads = 0;
  /// The bytes of memory that are read to measure the bandwidth; 0 for many
  /// times the size of the caches.
  uint64_t readBytes = 0;
  /// The folder of lora-compile and of the programs that measure; if empty,
  /// that of the running program.
  std::string toolsFolder;
  /// Called with a line of progress from time to time.
  std::function<void(const std::string &)> progress;
};

struct MachineOptions : CommonOptions {
  /// The model whose matrices are multiplied: the name of a shape, or a folder
  /// or file with a config.json.
  std::string model = "llama-3.2-1b";
  std::vector<int64_t> tokens = {1, 17, 128, 512};
  /// The types of the products; both if empty.
  std::vector<lora_rt::DType> types;
  int repetitions = 3;
};

/// Measures the read bandwidth, and oneDNN's best rate for the matrices of a
/// model.
lora_rt::Expected<Results> measureMachine(const MachineOptions &options);

struct RunOptions : CommonOptions {
  /// A shape for a random checkpoint, a config.json, or a folder with a
  /// checkpoint.
  std::string model;
  /// A PEFT folder for an existing checkpoint; if empty, a random adapter.
  std::string adapterFolder;
  /// The rank of a random adapter; 0 measures only the base model.
  int64_t rank = 8;
  /// The type of the weights and of the computation; by default that of the
  /// config.
  std::optional<lora_rt::DType> dtype;
  /// The lengths of prompts and rows, and the contexts of a decoder; if empty,
  /// the usual ones. Sizes that are too long for the model are left out with a
  /// note.
  std::vector<int64_t> tokens, contexts;
  /// Also measure those of the usual sizes that take long.
  bool full = false;
  int repetitions = 3;
  /// Which statistic of the phases is printed.
  Statistic statistic = Statistic::Median;
  /// How often each variant is compiled.
  int compileRepetitions = 1;
  /// The numbers of tokens to compile for; if empty, lora-compile's default.
  std::vector<int64_t> compileTokens;
  /// The folder of another build's programs, which are measured in the same
  /// rounds; empty for none.
  std::string against;
  /// The place for a folder with models and compiled files; if empty, that of
  /// temporary files. The folder is removed at the end unless `keeps` is set.
  std::string workFolder;
  bool keeps = false;
  /// Measure other programs in the same rounds.
  bool peers = false;
  std::string python = "python3";
};

/// Compiles the base, merged and unmerged variants, and measures them.
lora_rt::Expected<Results> runBenchmark(const RunOptions &options);

} // namespace lora::bench

#endif // LORA_MLIR_BENCH_BENCHMARK_H
