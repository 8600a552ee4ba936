//===- RunCommand.h - The command line of compiled models -------*- C++ -*-===//
//
// lora-run and a compiled file are the same program; they differ in where the
// module comes from.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_CLI_RUNCOMMAND_H
#define LORA_RUNTIME_CLI_RUNCOMMAND_H

#include "lora-runtime/Session.h"

#include <optional>
#include <string>
#include <vector>

namespace lora_rt::cli {

struct Options {
  std::string file;
  std::string ids;
  std::string logits;
  std::string hidden;
  std::string compare;
  std::optional<double> tolerance;
  std::optional<double> relativeTolerance;
  std::optional<int64_t> generate;
  int64_t context = 0;
  unsigned threads = 0;
  bool stopAtEos = false;
  bool time = false;
  bool info = false;
  bool verify = false;
  bool quiet = false;
};

/// Parses the command line and runs it; the result is the exit code. `ownFile`
/// is the compiled file that is running; if it is empty, the first argument is
/// one.
int runMain(int argc, char **argv, const std::string &ownFile);

/// Does what the options say.
Error run(const Options &options);

/// "5,7,9"
Expected<std::vector<int32_t>> parseIds(const std::string &text);

/// Prints what a compiled file holds, without running it.
Error printInfo(const std::string &path);

/// "2.4 GiB"
std::string sizeText(uint64_t bytes);

/// Logits (or hidden states) that were computed, and what is done with them.
class ResultRows {
public:
  ResultRows(int64_t tokens, int64_t width);
  ~ResultRows();

  /// Rows will be written to a safetensors file as [1, tokens, width].
  Error writeTo(const std::string &path, const std::string &tensor);

  /// Rows will be compared with FILE:TENSOR.
  Error compareWith(const std::string &reference);

  Error take(int64_t first, std::span<const float> rows);

  /// Finishes the file; prints the errors of the comparison and fails if they
  /// are above a tolerance.
  Error finish(std::optional<double> absolute, std::optional<double> relative);

private:
  struct State;
  int64_t tokens, width;
  std::unique_ptr<State> state;
};

/// Collects the times of a run.
class RunTimes {
public:
  RunTimes();
  void loaded();
  void prefilled(Session &session, int64_t tokens);
  void decoded(Session &session, int64_t tokens);
  /// Prints them to standard error with the limits of this machine, measured
  /// now.
  void print(Session &session);

private:
  struct Phase {
    double seconds = 0;
    int64_t tokens = 0;
    Counters counters;
  };
  double lap();

  double last = 0;
  double load = 0;
  Phase prefill, decode;
};

} // namespace lora_rt::cli

#endif // LORA_RUNTIME_CLI_RUNCOMMAND_H
