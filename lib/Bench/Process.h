//===- Process.h - Programs that are measured -------------------*- C++ -*-===//
//
// Runs commands and workers in processes of their own, and measures their time
// and their memory. Times are seconds, sizes are bytes.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_BENCH_PROCESS_H
#define LORA_MLIR_LIB_BENCH_PROCESS_H

#include "Json.h"

#include <cstdint>
#include <sys/types.h>
#include <vector>

namespace lora::bench {

/// The resident memory of a process in bytes, by kind.
struct MemoryUse {
  /// RssAnon + RssShmem: memory that is not mapped from a file.
  uint64_t privateBytes = 0;
  /// RssFile: pages of mapped files, which processes share.
  uint64_t fileBytes = 0;

  /// Keeps the larger value of each kind.
  void raise(const MemoryUse &other);
};

/// The memory of a running process; zeros if it has ended.
MemoryUse memoryOf(pid_t process);

/// The result of a command that ran to its end.
struct CommandResult {
  double seconds = 0;
  /// The largest memory that was seen; it is looked at every few milliseconds.
  MemoryUse peak;
};

/// Runs a command with its output in the file `log`. `variables` ("NAME=VALUE")
/// are added to the environment. If it fails, the error has the last line of
/// its output.
lora_rt::Expected<CommandResult>
runCommand(const std::vector<std::string> &command, const std::string &log,
           const std::vector<std::string> &variables = {});

/// A program that answers requests. Each request and each answer is a line of
/// JSON; the first line that the program writes describes it:
/// tools/lora-bench/WorkerLoop.h.
class Worker {
public:
  /// Starts the program and waits for its first line. Standard error goes to
  /// `log`, which is quoted if the program fails. `variables` ("NAME=VALUE")
  /// are added to the environment.
  static lora_rt::Expected<std::unique_ptr<Worker>>
  start(std::vector<std::string> command, const std::string &log,
        const std::vector<std::string> &variables = {});
  ~Worker();

  /// The program's first line, its description.
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
