//===- WorkerLoop.h - A program that answers requests -----------*- C++ -*-===//
//
// What lora-bench measures runs in processes of its own, which answer a line of
// JSON on standard output for each line on standard input: docs/performance.md
// lists the requests. A request that fails is answered with {"error": TEXT}.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_TOOLS_LORA_BENCH_WORKERLOOP_H
#define LORA_TOOLS_LORA_BENCH_WORKERLOOP_H

#include "Json.h"
#include "lora-mlir/Bench/Statistics.h"
#include "lora-runtime/Clock.h"

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <vector>

namespace lora::bench {

using lora_rt::Error;
using lora_rt::Expected;
using lora_rt::Json;
using lora_rt::now;

inline void answer(const Json &json) {
  std::string line = json.dump() + "\n";
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fflush(stdout);
}

inline void answerError(const Error &error) {
  answer({{"error", error.message()}});
}

/// Answers each request with the result of `handle`, until the input ends.
template <typename Handle> int answerRequests(Handle handle) {
  std::string line;
  while (std::getline(std::cin, line)) {
    Expected<Json> request = lora_rt::parseJson(line, "request");
    Expected<Json> result = request ? handle(*request) : request.takeError();
    if (result)
      answer(*result);
    else
      answerError(result.takeError());
  }
  return 0;
}

/// A whole number of a request; 0 if it is absent.
inline int64_t number(const Json &request, const char *key) {
  return request.contains(key) && lora_rt::isIndex(request[key])
             ? request[key].get<int64_t>()
             : 0;
}

/// Calls `run` until `seconds` have passed, at least once. Returns the time of
/// each call.
template <typename Run>
Expected<std::vector<double>> timesOf(double seconds, Run run) {
  std::vector<double> times;
  double end = now() + seconds;
  do {
    double start = now();
    if (Error error = run())
      return error;
    times.push_back(now() - start);
  } while (now() < end);
  return times;
}

} // namespace lora::bench

#endif // LORA_TOOLS_LORA_BENCH_WORKERLOOP_H
