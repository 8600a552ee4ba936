//===- ResultsJson.cpp - Results for machines -----------------------------===//
//
// Seconds, bytes and counts, without units of another size. What could not be
// measured is absent, never zero.
//
//===----------------------------------------------------------------------===//

#include "Json.h"
#include "lora-mlir/Bench/Results.h"
#include "lora-mlir/Bench/Statistics.h"

using namespace lora::bench;
using lora_rt::manifestName;
using lora_rt::OrderedJson;

static OrderedJson summary(const std::vector<double> &values) {
  Summary all = summarize(values);
  return {{"median", all.median},
          {"least", all.least},
          {"most", all.most},
          {"rounds", values}};
}

static OrderedJson machineJson(const MachineResults &machine) {
  OrderedJson reads = OrderedJson::array(), matmuls = OrderedJson::array();
  for (const ReadRate &read : machine.reads)
    reads.push_back({{"streams", read.streams},
                     {"prefetch", read.prefetch},
                     {"huge_pages", read.hugePages},
                     {"bytes_per_second", read.bytesPerSecond}});
  for (const MatmulRate &matmul : machine.matmuls)
    matmuls.push_back(
        {{"m", matmul.shape.m},
         {"n", matmul.shape.n},
         {"k", matmul.shape.k},
         {"dtype", manifestName(matmul.dtype)},
         {"layout", matmul.layout},
         {"seconds", summary(matmul.seconds)},
         {"operations_per_second", matmul.rate(Statistic::Median)}});
  return {{"cpu", machine.cpu},
          {"engine", machine.engine},
          {"threads", machine.threads},
          {"read", std::move(reads)},
          {"matmul", std::move(matmuls)}};
}

static OrderedJson seriesJson(const Measurement &measurement,
                              const Series &series) {
  double seconds = series.time(Statistic::Median);
  return {{"contender", series.contender},
          {"peer", series.isPeer},
          {"seconds", summary(series.seconds)},
          {"tokens_per_second", measurement.tokens() / seconds},
          {"operations", series.work.operations()},
          {"bytes", series.work.bytes()},
          {"operations_per_second", series.work.operations() / seconds},
          {"bytes_per_second", series.work.bytes() / seconds},
          {"limit_seconds", summary(series.limits)},
          {"share_of_limit", series.share(Statistic::Median)},
          {"best_seconds", series.time(Statistic::Best)},
          {"best_share_of_limit", series.share(Statistic::Best)}};
}

static OrderedJson measurementJson(const Measurement &measurement) {
  OrderedJson series = OrderedJson::array();
  for (const Series &one : measurement.series)
    series.push_back(seriesJson(measurement, one));
  bool isDecode = measurement.phase == Measurement::Phase::Decode;
  return {{"phase", phaseName(measurement.phase)},
          {isDecode ? "context" : "tokens", measurement.size},
          {"read_bytes_per_second", summary(measurement.readRates)},
          {"series", std::move(series)}};
}

std::string lora::bench::toJson(const Results &results) {
  OrderedJson json = {{"version", 1},
                      {"command", results.command},
                      {"time", results.time},
                      {"machine", machineJson(results.machine)}};
  if (const std::optional<ModelResults> &model = results.model) {
    json["model"] = {{"name", model->name},
                     {"dtype", manifestName(model->dtype)},
                     {"encoder", model->isEncoder},
                     {"parameters", model->parameters},
                     {"checkpoint_bytes", model->checkpointBytes},
                     {"adapter_rank", model->adapterRank},
                     {"adapter_branches", model->branches}};
    json["repetitions"] = results.repetitions;
    OrderedJson compiles = OrderedJson::array(), loads = OrderedJson::array(),
                measurements = OrderedJson::array();
    for (const CompileResult &one : results.compiles) {
      compiles.push_back({{"contender", one.contender},
                          {"peer", one.isPeer},
                          {"seconds", summary(one.seconds)},
                          {"peak_private_bytes", one.peakPrivateBytes}});
      if (one.fileBytes)
        compiles.back()["file_bytes"] = one.fileBytes;
      if (!one.copySeconds.empty()) {
        compiles.back()["copy_seconds"] = summary(one.copySeconds);
        compiles.back()["times_a_copy"] =
            medianRatio(one.seconds, one.copySeconds);
      }
    }
    for (const LoadResult &one : results.loads) {
      loads.push_back({{"contender", one.contender},
                       {"peer", one.isPeer},
                       {"load_seconds", summary(one.loadSeconds)},
                       {"private_bytes", one.privateBytes},
                       {"file_bytes", one.fileBytes}});
      if (!one.firstSeconds.empty()) {
        loads.back()["first_seconds"] = summary(one.firstSeconds);
        loads.back()["steady_seconds"] = summary(one.steadySeconds);
        loads.back()["first_by_steady"] =
            medianRatio(one.firstSeconds, one.steadySeconds);
      }
    }
    for (const Measurement &one : results.measurements)
      measurements.push_back(measurementJson(one));
    json["compile"] = std::move(compiles);
    json["load"] = std::move(loads);
    json["memory_context"] = results.memoryContext;
    json["measurements"] = std::move(measurements);
  }
  json["notes"] = results.notes;
  return json.dump(2) + "\n";
}
