//===- Limits.cpp - The machine's limits ----------------------------------===//
//
// Starts lora-bench-limits and asks it for rates: of matmuls in the shapes of a
// model, and of reading memory. Results are seconds and bytes per second.
//
//===----------------------------------------------------------------------===//

#include "Limits.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>

using namespace lora::bench;
using namespace lora_rt;

/// The least number of seconds for which matmuls run in one round.
static constexpr double matmulSeconds = 0.04;

/// The name of the CPU, such as "AMD EPYC 9R14".
static std::string cpuName() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name"))
      if (size_t at = line.find(": "); at != std::string::npos)
        return line.substr(at + 2);
  return "unknown CPU";
}

Expected<std::unique_ptr<Limits>> Limits::start(const std::string &toolsFolder,
                                                unsigned threads,
                                                uint64_t readBytes,
                                                const std::string &log) {
  // The program links the OpenMP library. In a compiled model the runtime opens
  // that library after it has set how threads wait (BackendLibrary.cpp), so the
  // same variables are set here.
  std::vector<std::string> variables;
  if (!getenv("OMP_WAIT_POLICY") && !getenv("GOMP_SPINCOUNT"))
    variables.push_back("GOMP_SPINCOUNT=5000");
  Expected<std::unique_ptr<Worker>> worker =
      Worker::start({toolsFolder + "/lora-bench-limits",
                     std::to_string(threads), std::to_string(readBytes)},
                    log, variables);
  if (!worker)
    return worker.takeError();
  std::unique_ptr<Limits> limits(new Limits);
  limits->worker = std::move(*worker);
  limits->found.cpu = cpuName();
  const Json &hello = limits->worker->description();
  limits->found.threads = hello.value("threads", threads);
  limits->found.engine = hello.value("engine", "");
  return limits;
}

Error Limits::tryReads() {
  Expected<Json> answer = worker->request({{"do", "patterns"}});
  if (!answer)
    return answer.takeError();
  found.reads.clear();
  for (const Json &one : (*answer)["patterns"])
    found.reads.push_back(
        {one.value("streams", 1), one.value("prefetch", int64_t(0)),
         one.value("huge_pages", false), one.value("bytes_per_second", 0.0)});
  return Error::success();
}

MatmulRate &Limits::entry(const MatmulWork &shape, DType type) {
  auto place = std::find_if(
      found.matmuls.begin(), found.matmuls.end(), [&](const MatmulRate &rate) {
        return rate.dtype == type && rate.shape.m == shape.m &&
               rate.shape.n == shape.n && rate.shape.k == shape.k;
      });
  if (place != found.matmuls.end())
    return *place;
  found.matmuls.push_back({{shape.m, shape.n, shape.k, 1}, type, "", {}});
  return found.matmuls.back();
}

Error Limits::round(const MatmulWork &shape, DType type, double seconds) {
  Expected<Json> answer =
      worker->request({{"do", "matmul"},
                       {"m", shape.m},
                       {"n", shape.n},
                       {"k", shape.k},
                       {"dtype", std::string(manifestName(type))},
                       {"seconds", seconds}});
  if (!answer)
    return answer.takeError();
  MatmulRate &rate = entry(shape, type);
  rate.seconds.push_back(answer->value("seconds", 0.0));
  rate.layout = answer->value("layout", "");
  return Error::success();
}

Expected<MachineRates> Limits::round(const Work &work, DType type) {
  for (const MatmulWork &matmul : work.matmuls)
    if (matmul.m > 1)
      if (Error error = round(matmul, type, matmulSeconds))
        return error;
  Expected<Json> read =
      worker->request({{"do", "bandwidth"}, {"bytes", uint64_t(work.bytes())}});
  if (!read)
    return read.takeError();
  MachineRates rates;
  rates.bytesPerSecond = read->value("bytes_per_second", 0.0);
  rates.matmulSeconds = [this, type](const MatmulWork &matmul) {
    return matmul.m > 1 ? entry(matmul, type).seconds.back() : 0.0;
  };
  return rates;
}
