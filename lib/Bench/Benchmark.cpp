//===- Benchmark.cpp - Rounds of measurements -----------------------------===//
//
// Starts our programs and the peers, and measures all of them in alternating
// rounds. Each round also measures the machine's limits, so that a slower phase
// of the machine affects all in the same way.
//
//===----------------------------------------------------------------------===//

#include "BenchmarkRun.h"

#include <algorithm>

using namespace lora;
using namespace lora::bench;
using namespace lora_rt;

using Phase = Measurement::Phase;

void BenchmarkRun::chooseSizes() {
  tokens = options.tokens;
  contexts = options.contexts;
  bool full = options.full;
  if (tokens.empty() && !config.causal)
    tokens = {16, 128, 512};
  if (tokens.empty())
    tokens = full ? std::vector<int64_t>{1, 17, 128, 512, 2048}
                  : std::vector<int64_t>{17, 128, 512};
  if (contexts.empty())
    contexts = full ? std::vector<int64_t>{1, 512, 4096}
                    : std::vector<int64_t>{1, 512};
}

Error BenchmarkRun::startContenders() {
  int64_t context = 0;
  for (int64_t size : tokens)
    context = std::max(context, std::min(size, longest));
  for (const Variant &variant : variants) {
    Expected<std::unique_ptr<Worker>> worker = Worker::start(
        variant.worker(results.machine.threads, context), log(variant.name));
    if (!worker)
      return worker.takeError();
    contenders.push_back({variant.name, false,
                          variant.isUnmerged ? &*unmergedCost : &*plainCost,
                          std::move(*worker)});
  }
  if (!options.peers)
    return Error::success();
  PeerInput input = peerInput();
  for (Peer &peer : peersFor(options, input)) {
    progress("starting " + peer.name);
    std::string file = peer.name;
    std::replace(file.begin(), file.end(), ' ', '-');
    Expected<std::unique_ptr<Worker>> worker =
        Worker::start(peer.command, log(file));
    if (isEnding())
      return makeError(ErrorCode::System, "ended by a signal");
    if (!worker) {
      note(peer.name + ": left out: " + worker.message());
      continue;
    }
    LoadResult load;
    load.contender = peer.name;
    load.isPeer = true;
    load.loadSeconds.push_back((*worker)->loadSeconds());
    results.loads.push_back(std::move(load));
    bool isUnmerged = peer.name.ends_with("unmerged");
    contenders.push_back({peer.name, true,
                          isUnmerged ? &*unmergedCost : &*plainCost,
                          std::move(*worker)});
  }
  return Error::success();
}

Json BenchmarkRun::requestOf(const Measurement &measurement,
                             int64_t steps) const {
  if (measurement.phase == Phase::Decode)
    return {{"do", "decode"}, {"context", measurement.size}, {"steps", steps}};
  return {{"do", "forward"},
          {"tokens", measurement.size},
          {"seconds", shortestTime}};
}

Expected<bool> BenchmarkRun::runRound(Contender &contender,
                                      Measurement &measurement, Series &series,
                                      int64_t steps) {
  Expected<Json> answer =
      contender.worker->request(requestOf(measurement, steps));
  if (isEnding())
    return makeError(ErrorCode::System, "ended by a signal");
  if (!answer) {
    if (!contender.isPeer)
      return answer.takeError();
    note(contender.name + ", " + phaseName(measurement.phase) + " " +
         std::to_string(measurement.size) + ": left out: " + answer.message());
    return false;
  }
  double seconds = answer->value("seconds", 0.0);
  series.seconds.push_back(seconds);
  series.least.push_back(answer->value("least", seconds));
  if (measurement.phase == Phase::Decode)
    series.work = contender.cost->step(
        answer->value("context", double(measurement.size)));
  return true;
}

Error BenchmarkRun::measure(Phase phase, int64_t size) {
  Measurement measurement;
  measurement.phase = phase;
  measurement.size = size;
  bool isDecode = phase == Phase::Decode;
  std::string name = std::string(phaseName(phase)) + (isDecode ? " at " : " ") +
                     std::to_string(size);
  // This call is not counted. It touches the memory, fills the cache, and
  // chooses the number of steps.
  progress(name + ": warming up");
  std::vector<Contender *> taking;
  std::vector<int64_t> steps;
  for (Contender &contender : contenders) {
    Series series = {contender.name, contender.isPeer, {}, {}, {}, {}};
    if (!isDecode)
      series.work = contender.cost->forward(size);
    Expected<bool> answered = runRound(contender, measurement, series, 2);
    if (!answered)
      return answered.takeError();
    if (!*answered)
      continue;
    double one = series.seconds.back();
    steps.push_back(std::clamp(int64_t(shortestTime / std::max(one, 1e-9)),
                               fewestSteps, mostSteps));
    series.seconds.clear();
    series.least.clear();
    taking.push_back(&contender);
    measurement.series.push_back(std::move(series));
  }
  for (int round = 0; round < options.repetitions; ++round) {
    progress(name + ": round " + std::to_string(round + 1) + " of " +
             std::to_string(options.repetitions));
    for (size_t i = 0; i < taking.size();) {
      Expected<bool> answered =
          runRound(*taking[i], measurement, measurement.series[i], steps[i]);
      if (!answered)
        return answered.takeError();
      if (*answered) {
        ++i;
        continue;
      }
      taking.erase(taking.begin() + ptrdiff_t(i));
      steps.erase(steps.begin() + ptrdiff_t(i));
      measurement.series.erase(measurement.series.begin() + ptrdiff_t(i));
    }
    Expected<MachineRates> rates = limits->round(
        isDecode ? plainCost->step(double(size)) : plainCost->forward(size),
        dtype);
    if (!rates)
      return rates.takeError();
    measurement.readRates.push_back(rates->bytesPerSecond);
    for (Series &series : measurement.series)
      series.limits.push_back(leastSeconds(series.work, *rates));
  }
  results.measurements.push_back(std::move(measurement));
  return Error::success();
}

std::vector<int64_t>
BenchmarkRun::sizesThatFit(const std::vector<int64_t> &sizes, int64_t limit,
                           const char *what) {
  std::vector<int64_t> result;
  for (int64_t size : sizes) {
    if (size <= limit)
      result.push_back(size);
    else
      note(std::string(what) + " " + std::to_string(size) +
           ": left out: the model takes up to " + std::to_string(longest) +
           " tokens");
  }
  return result;
}

Expected<Results> BenchmarkRun::run() {
  endOnSignals();
  results.command = options.command;
  results.time = timeText();
  results.repetitions = options.repetitions;
  results.statistic = options.statistic;
  results.model.emplace();
  Expected<WorkFolder> folder =
      WorkFolder::create(options.workFolder, options.keeps);
  if (!folder)
    return folder.takeError();
  work.emplace(std::move(*folder));
  if (options.keeps)
    progress("keeping " + work->path());
  if (Error error = findModel())
    return error;

  progress("measuring how fast memory is read");
  Expected<std::unique_ptr<Limits>> started =
      Limits::start(toolsFolderOf(options), options.threads, options.readBytes,
                    log("limits"));
  if (!started)
    return started.takeError();
  limits = std::move(*started);
  if (Error error = limits->tryReads())
    return error;
  results.machine.threads = limits->results().threads;

  if (Error error = compileAll())
    return error;
  if (Error error = describeModel())
    return error;
  if (options.peers && !adapterFolder.empty())
    if (Error error = compilePeft())
      return error;
  if (Error error = measureLoads())
    return error;
  chooseSizes();
  if (Error error = startContenders())
    return error;
  bool isEncoder = !config.causal;
  Phase whole = isEncoder ? Phase::Forward : Phase::Prefill;
  for (int64_t size : sizesThatFit(tokens, longest, phaseName(whole)))
    if (Error error = measure(whole, size))
      return error;
  bool isGenerative = !isEncoder && config.head == ModelHead::LanguageModel;
  if (isGenerative)
    for (int64_t size :
         sizesThatFit(contexts, longest - mostSteps, "decode at"))
      if (Error error = measure(Phase::Decode, size))
        return error;
  for (LoadResult &load : results.loads)
    for (Contender &contender : contenders)
      if (load.isPeer && contender.name == load.contender) {
        load.privateBytes = contender.worker->memory().privateBytes;
        load.fileBytes = contender.worker->memory().fileBytes;
      }
  unsigned threads = results.machine.threads;
  results.machine = limits->results();
  results.machine.threads = threads;
  return std::move(results);
}

Expected<Results> lora::bench::runBenchmark(const RunOptions &options) {
  Expected<Results> results = BenchmarkRun(options).run();
  // Its folder was removed before this.
  passOnSignal();
  return results;
}
