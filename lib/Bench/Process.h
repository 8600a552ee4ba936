//===- Process.h - Programs that are measured -------------------*- C++ -*-===//

#ifndef LORA_MLIR_LIB_BENCH_PROCESS_H
#define LORA_MLIR_LIB_BENCH_PROCESS_H

#include "Json.h"

#include <cstdint>
#include <sys/types.h>
#include <vector>

namespace lora::bench {

/// Resident memory of a process by what is behind it, in bytes.
struct MemoryUse {
  /// RssAnon + RssShmem: what no file stands behind.
  uint64_t privateBytes = 0;
  /// RssFile: pages of mapped files, shared between processes.
  uint64_t fileBytes = 0;

  /// The larger of each.
  void raise(const MemoryUse &other);
};

/// Of a running process; zeros for one that has ended.
MemoryUse memoryOf(pid_t process);

/// A command that ran to its end.
struct CommandResult {
  double seconds = 0;
  /// What it had at most, looked at every few milliseconds.
  MemoryUse peak;
};

/// Runs a command, its output going to the file `log`. Fails if it does, with
/// the last line that it wrote.
lora_rt::Expected<CommandResult>
runCommand(const std::vector<std::string> &command, const std::string &log);

/// A program that answers requests, a line of JSON each, after a first line
/// that says what it is: tools/lora-bench/WorkerLoop.h.
class Worker {
public:
  /// Starts it and waits for its first line; `log` gets its standard error, and
  /// is quoted if it fails. `variables` ("NAME=VALUE") are added to the
  /// environment.
  static lora_rt::Expected<std::unique_ptr<Worker>>
  start(std::vector<std::string> command, const std::string &log,
        const std::vector<std::string> &variables = {});
  ~Worker();

  /// What it said about itself.
  const lora_rt::Json &description() const { return hello; }
  /// Seconds from the start of the process until it was ready.
  double loadSeconds() const;

  lora_rt::Expected<lora_rt::Json> request(const lora_rt::Json &json);
  MemoryUse memory() const { return memoryOf(process); }

private:
  Worker() = default;
  lora_rt::Expected<lora_rt::Json> read();

  std::string name, log;
  pid_t process = -1;
  int channel = -1;
  double started = 0;
  std::string pending;
  lora_rt::Json hello;
};

} // namespace lora::bench

#endif // LORA_MLIR_LIB_BENCH_PROCESS_H
