//===- LoadTimes.cpp - From exec to the first result ----------------------===//
//
// Measures the start of each program: the time until it is ready, the time of
// the first result, and its memory. Each measurement starts a new process.
//
//===----------------------------------------------------------------------===//

#include "BenchmarkRun.h"

#include <algorithm>

using namespace lora;
using namespace lora::bench;
using namespace lora_rt;

/// The length of context, in tokens, at which memory is measured.
static constexpr int64_t usualMemoryContext = 512;

Error BenchmarkRun::measureLoad(const Variant &variant, LoadResult &result,
                                bool isFirst) {
  bool isEncoder = !config.causal;
  Expected<std::unique_ptr<Worker>> worker = Worker::start(
      variant.worker(results.machine.threads, results.memoryContext),
      log("load-" + variant.name));
  if (!worker)
    return worker.takeError();
  result.contender = variant.name;
  result.loadSeconds.push_back((*worker)->loadSeconds());
  auto seconds = [&](const Json &request) -> Expected<double> {
    Expected<Json> answer = (*worker)->request(request);
    if (!answer)
      return answer.takeError();
    return answer->value("seconds", 0.0);
  };
  Json forward = {{"do", "forward"}, {"tokens", 1}};
  Expected<double> first = seconds(forward);
  if (!first)
    return first.takeError();
  // The first step may still access memory for the first time.
  Json later = {{"do", "continue"}, {"steps", fewestSteps}};
  if (isEncoder)
    later = forward;
  else if (Expected<double> warm = seconds({{"do", "continue"}, {"steps", 1}});
           !warm)
    return warm.takeError();
  Expected<double> steady = seconds(later);
  if (!steady)
    return steady.takeError();
  result.firstSeconds.push_back(*first);
  result.steadySeconds.push_back(*steady);
  if (!isFirst)
    return Error::success();
  int64_t rest = isEncoder ? 0 : 4;
  forward["tokens"] = std::max<int64_t>(1, results.memoryContext - rest);
  if (Expected<double> filled = seconds(forward); !filled)
    return filled.takeError();
  if (rest)
    if (Expected<double> more = seconds({{"do", "continue"}, {"steps", rest}});
        !more)
      return more.takeError();
  MemoryUse use = (*worker)->memory();
  result.privateBytes = use.privateBytes;
  result.fileBytes = use.fileBytes;
  return Error::success();
}

Error BenchmarkRun::measureLoads() {
  results.memoryContext = std::min(usualMemoryContext, longest);
  results.loads.resize(variants.size());
  for (int round = 0; round < options.repetitions; ++round) {
    progress("loading: round " + std::to_string(round + 1) + " of " +
             std::to_string(options.repetitions));
    for (size_t i = 0; i < variants.size(); ++i)
      if (Error error = measureLoad(variants[i], results.loads[i], round == 0))
        return error;
  }
  return Error::success();
}
