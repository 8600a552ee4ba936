//===- MachineBenchmark.cpp - The machine alone ---------------------------===//
//
// The benchmark without a model: the rates of matmuls in given shapes and
// types, and of reading memory.
//
//===----------------------------------------------------------------------===//

#include "BenchmarkRun.h"
#include "lora-mlir/Bench/Shapes.h"

#include <ctime>

using namespace lora;
using namespace lora::bench;
using namespace lora_rt;

std::string lora::bench::toolsFolderOf(const CommonOptions &options) {
  return options.toolsFolder.empty() ? programFolder() : options.toolsFolder;
}

std::string lora::bench::timeText() {
  std::time_t time = std::time(nullptr);
  char text[32];
  std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", std::gmtime(&time));
  return text;
}

static Expected<Results> measure(const MachineOptions &options) {
  Expected<ShapeChoice> shape = findShape(options.model);
  if (!shape)
    return shape.takeError();
  Expected<ModelConfig> config = parseModelConfig(shape->config, shape->name);
  if (!config)
    return config.takeError();
  endOnSignals();
  Expected<WorkFolder> work = WorkFolder::create("", /*keeps=*/false);
  if (!work)
    return work.takeError();
  Expected<std::unique_ptr<Limits>> limits =
      Limits::start(toolsFolderOf(options), options.threads, options.readBytes,
                    *work / "log-limits.txt");
  if (!limits)
    return limits.takeError();
  auto progress = [&](const std::string &text) {
    if (options.progress)
      options.progress(text);
  };
  progress("measuring how fast memory is read");
  if (Error error = (*limits)->tryReads())
    return error;
  std::vector<DType> types = options.types;
  if (types.empty())
    types = {DType::BF16, DType::F32};
  Results results;
  for (int round = 0; round < options.repetitions; ++round)
    for (DType type : types)
      for (int64_t tokens : options.tokens) {
        progress("matmuls of " + std::to_string(tokens) + " tokens, " +
                 std::string(manifestName(type)) + ": round " +
                 std::to_string(round + 1) + " of " +
                 std::to_string(options.repetitions));
        ModelCost cost(*config, type, 0);
        for (MatmulWork shape : cost.layerMatmuls()) {
          shape.m = tokens;
          shape.count = 1;
          Error error = (*limits)->round(shape, type, shortestTime / 2);
          if (isEnding())
            return makeError(ErrorCode::System, "ended by a signal");
          // If the machine does not have a type, the other types are still
          // measured.
          if (error && round == 0)
            results.notes.push_back(error.message());
        }
      }
  results.command = options.command;
  results.time = timeText();
  results.repetitions = options.repetitions;
  results.machine = (*limits)->results();
  return results;
}

Expected<Results> lora::bench::measureMachine(const MachineOptions &options) {
  Expected<Results> results = measure(options);
  passOnSignal();
  return results;
}
