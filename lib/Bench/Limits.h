//===- Limits.h - The machine's limits --------------------------*- C++ -*-===//
//
// What the machine can do at most, measured in every round together with the
// programs: the rate of each matrix product and of reading memory. Results of
// programs are given as shares of these limits.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_LIB_BENCH_LIMITS_H
#define LORA_MLIR_LIB_BENCH_LIMITS_H

#include "Process.h"
#include "lora-mlir/Bench/Results.h"

namespace lora::bench {

/// The program that measures the machine, and its results.
class Limits {
public:
  /// 0 threads: as many as the runtime would use. 0 bytes: reads many times the
  /// size of the caches.
  static lora_rt::Expected<std::unique_ptr<Limits>>
  start(const std::string &toolsFolder, unsigned threads, uint64_t readBytes,
        const std::string &log);

  /// Tries all methods to read memory, and keeps the best one. Takes one second
  /// or a few.
  lora_rt::Error tryReads();

  /// What the machine can do at this moment: measures the matmuls of `work`,
  /// except those of one token, which are limited by their bytes, and reads as
  /// many bytes as `work` does.
  lora_rt::Expected<MachineRates> round(const Work &work, lora_rt::DType type);

  /// Measures one shape.
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
