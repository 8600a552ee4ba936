//===- LimitsWorker.cpp - The machine's limits, on request ----------------===//
//
// A worker of lora-bench: answers requests for the rates of matmuls and of
// reading memory. docs/performance.md describes the requests.
//
//===----------------------------------------------------------------------===//

#include "MatmulRate.h"
#include "ReadBandwidth.h"
#include "WorkerLoop.h"
#include "cpu/Threads.h"
#include "lora-runtime/Program.h"
#include "lora-runtime/Thread.h"

#include <cstdlib>
#include <optional>

using namespace lora::bench;
using namespace lora_rt;

namespace {

class LimitsWorker {
public:
  /// Reads `readBytes` of memory; 0 for many times the size of the caches.
  LimitsWorker(unsigned threads, uint64_t readBytes)
      : threads(threads), readBytes(readBytes), matmuls(threads) {}

  Json description() const {
    return {{"ready", now()},
            {"threads", threads},
            {"engine",
             "oneDNN " + oneDNNVersion() + " (" + instructionSet() + ")"}};
  }

  Expected<Json> handle(const Json &request) {
    std::string what = request.value("do", "");
    if (what == "patterns")
      return tryPatterns();
    if (what == "bandwidth")
      return bandwidth(uint64_t(number(request, "bytes")));
    if (what == "matmul")
      return matmul(request);
    return makeError(ErrorCode::InvalidArgument,
                     "unknown request: ", request.dump());
  }

private:
  Error open() {
    if (reads)
      return Error::success();
    Expected<ReadBandwidth> made = ReadBandwidth::create(threads, readBytes);
    if (!made)
      return made.takeError();
    reads.emplace(std::move(*made));
    return Error::success();
  }

  /// Measures all patterns, and keeps the best ones for `bandwidth`.
  Expected<Json> tryPatterns() {
    if (Error error = open())
      return error;
    std::vector<std::pair<double, ReadPattern>> found;
    for (const ReadPattern &pattern : ReadBandwidth::patterns())
      found.push_back({reads->measure(pattern, /*passes=*/2), pattern});
    std::sort(found.begin(), found.end(),
              [](const auto &a, const auto &b) { return a.first > b.first; });
    Json list = Json::array();
    for (const auto &[rate, pattern] : found)
      list.push_back({{"bytes_per_second", rate},
                      {"streams", pattern.streams},
                      {"prefetch", pattern.prefetch},
                      {"huge_pages", pattern.hugePages}});
    best.clear();
    for (size_t i = 0; i < 3; ++i)
      best.push_back(found[i].second);
    return Json{{"patterns", std::move(list)}, {"bytes", reads->bytes()}};
  }

  /// The rate of reading `bytes` bytes repeatedly; 0 for more than a cache
  /// holds.
  Expected<Json> bandwidth(uint64_t bytes) {
    if (best.empty()) {
      Expected<Json> tried = tryPatterns();
      if (!tried)
        return tried.takeError();
    }
    double rate = 0;
    for (const ReadPattern &pattern : best)
      rate = std::max(rate, reads->measure(pattern, /*passes=*/2,
                                           bytes ? bytes : UINT64_MAX));
    return Json{{"bytes_per_second", rate}};
  }

  Expected<Json> matmul(const Json &request) {
    std::optional<DType> type = parseManifestName(request.value("dtype", ""));
    int64_t m = number(request, "m"), n = number(request, "n"),
            k = number(request, "k");
    constexpr int64_t most = int64_t(1) << 20;
    if (!type || std::min({m, n, k}) < 1 || std::max({m, n, k}) > most)
      return makeError(ErrorCode::InvalidArgument,
                       "no matmul: ", request.dump());
    auto result =
        matmuls.measure(m, n, k, *type, request.value("seconds", 0.0));
    if (!result)
      return result.takeError();
    return Json{{"seconds", result->seconds}, {"layout", result->layout}};
  }

  unsigned threads;
  uint64_t readBytes;
  MatmulRates matmuls;
  std::optional<ReadBandwidth> reads;
  std::vector<ReadPattern> best;
};

} // namespace

int main(int argc, char **argv) {
  beginProgram("lora-bench-limits: ");
  if (argc != 3) {
    std::fputs("Usage: lora-bench-limits THREADS READ_BYTES\n"
               "A part of lora-bench, which starts it: answers requests on "
               "standard input. 0 for the usual numbers.\n",
               stderr);
    return 1;
  }
  int wanted = std::atoi(argv[1]);
  unsigned threads =
      wanted > 0 ? unsigned(wanted) : lora_rt::cpu::usableCores();
  LimitsWorker worker(1 + lora_rt::startableThreads(threads - 1),
                      std::strtoull(argv[2], nullptr, 10));
  answer(worker.description());
  return answerRequests(
      [&](const Json &request) { return worker.handle(request); });
}
