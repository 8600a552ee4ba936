//===- Limits.cpp - What this machine can do right now --------------------===//
//
// Implements Limits.h: reads a large buffer on all threads, and runs a large
// matmul, for a fixed time each. The best time counts.
//
//===----------------------------------------------------------------------===//

#include "lora-runtime/Limits.h"
#include "../core/Fork.h"
#include "ExecutableState.h"
#include "lora-runtime/Clock.h"

#include <algorithm>
#include <atomic>
#include <cstring>

namespace lora_rt {

namespace {

/// Sums up words. The sum is kept so that the compiler keeps the reads.
void readWords(void *const *captures, int64_t begin, int64_t end) {
  const auto *words = static_cast<const uint64_t *>(captures[0]);
  uint64_t sums[8] = {};
  for (int64_t block = begin; block < end; ++block)
    for (int64_t i = block * 512; i < (block + 1) * 512; i += 8)
      for (int j = 0; j < 8; ++j)
        sums[j] += words[i + j];
  uint64_t sum = 0;
  for (uint64_t part : sums)
    sum += part;
  static_cast<std::atomic<uint64_t> *>(captures[1])->fetch_add(sum);
}

/// Calls `run` for a tenth of a second, and returns the best time.
template <typename Run> Expected<double> best(Run run) {
  double result = 1e9, end = now() + 0.1;
  do {
    double start = now();
    if (Error error = run())
      return error;
    result = std::min(result, now() - start);
  } while (now() < end);
  return result;
}

} // namespace

double Instance::readBandwidth(const EngineMemory &memory) {
  Executable::State &state = *executable->state;
  std::atomic<uint64_t> sum = 0;
  void *captures[] = {memory.address(), &sum};
  constexpr int64_t block = 4096;
  Expected<double> time = best([&] {
    state.backend->parallel_for(state.engine, 0, int64_t(memory.size()) / block,
                                64, readWords, captures);
    return Error::success();
  });
  return double(memory.size()) / *time;
}

Expected<double> Instance::matmulRate() {
  Executable::State &state = *executable->state;
  constexpr int64_t m = 512, n = 2048, k = 2048;
  MatmulSpec spec;
  spec.m = m;
  spec.n = n;
  spec.k = k;
  spec.a = spec.b = spec.c = manifest().model.dtype;
  PrimitiveSpec primitive{spec};
  std::string json = primitive.json();
  lora_message message = {};
  char layout[64];
  if (int32_t status = state.backend->preferred_layout(
          state.engine, json.data(), json.size(), layout, &message))
    return backendError(status, message, "measuring");
  json = primitive.withLayout(layout).json();
  lora_primitive *created = nullptr;
  if (int32_t status = state.backend->create_primitive(
          state.engine, json.data(), json.size(), &created, &message))
    return backendError(status, message, "measuring");
  lora_primitive_facts facts = {};
  facts.struct_size = sizeof(facts);
  state.backend->primitive_facts(created, &facts);
  // Zeros are computed as fast as other numbers. b is larger because of
  // padding.
  Expected<EngineMemory> a = allocate(m * k * 4), b = allocate(n * k * 8),
                         c = allocate(m * n * 4),
                         scratch = allocate(facts.scratch_bytes);
  Expected<double> time = makeError(ErrorCode::System, "out of memory");
  if (a && b && c && scratch) {
    void *args[] = {a->address(), b->address(), c->address()};
    time = best([&] {
      return backendError(state.backend->execute(state.engine, created, args,
                                                 scratch->address(), &message),
                          message, "measuring");
    });
  }
  state.backend->destroy_primitive(state.engine, created);
  if (!time)
    return time.takeError();
  return double(facts.operations) / *time;
}

Expected<MachineLimits> measureLimits(Instance &instance) {
  constexpr uint64_t bytes = uint64_t(192) << 20;
  Expected<EngineMemory> memory = instance.allocate(bytes);
  if (!memory)
    return memory.takeError();
  std::vector<std::byte> ones(1 << 20, std::byte(1));
  for (uint64_t i = 0; i < bytes; i += ones.size())
    if (Error error = instance.write(
            static_cast<std::byte *>(memory->address()) + i, ones))
      return error;
  MachineLimits limits;
  Error error = runWithTeam([&] {
    limits.bytesPerSecond = instance.readBandwidth(*memory);
    if (Expected<double> rate = instance.matmulRate())
      limits.operationsPerSecond = *rate;
    return Error::success();
  });
  if (error)
    return error;
  return limits;
}

} // namespace lora_rt
