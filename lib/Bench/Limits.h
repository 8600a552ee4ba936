//===- Limits.h - The machine's limits, measured again and again -*- C++ -*-==//

#ifndef LORA_MLIR_LIB_BENCH_LIMITS_H
#define LORA_MLIR_LIB_BENCH_LIMITS_H

#include "Process.h"
#include "lora-mlir/Bench/Results.h"

namespace lora::bench {

/// The program that measures the machine, and all that it found.
class Limits {
public:
  /// 0 threads: as many as the runtime would use. 0 bytes to read: many times
  /// what the caches hold.
  static lora_rt::Expected<std::unique_ptr<Limits>>
  start(const std::string &toolsFolder, unsigned threads, uint64_t readBytes,
        const std::string &log);

  /// Tries all ways to read memory; a second or a few.
  lora_rt::Error tryReads();

  /// What the machine does right now: a round of the matmuls of `work`, but for
  /// those of one token, which are bound by their bytes, and of reading as many
  /// bytes as it does.
  lora_rt::Expected<MachineRates> round(const Work &work, lora_rt::DType type);

  /// A round of one shape.
  lora_rt::Error round(const MatmulWork &shape, lora_rt::DType type,
                       double seconds);

  const MachineResults &results() const { return found; }

private:
  Limits() = default;
  MatmulRate &entry(const MatmulWork &shape, lora_rt::DType type);

  std::unique_ptr<Worker> worker;
  MachineResults found;
};

} // namespace lora::bench

#endif // LORA_MLIR_LIB_BENCH_LIMITS_H
