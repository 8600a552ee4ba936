//===- RunTimes.cpp - How long it took and how good that is ---------------===//

#include "RunCommand.h"
#include "lora-runtime/Limits.h"

#include <chrono>
#include <cstdio>
#include <sys/resource.h>

namespace lora_rt::cli {

namespace {

double now() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

uint64_t peakResident() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return uint64_t(usage.ru_maxrss) * 1024;
}

/// "412.0 GFLOP/s (94 % of 438.2)"
std::string rate(double value, double limit, const char *unit) {
  char text[96];
  if (limit > 0)
    std::snprintf(text, sizeof(text), "%.1f %s (%.0f %% of %.1f)", value / 1e9,
                  unit, 100 * value / limit, limit / 1e9);
  else
    std::snprintf(text, sizeof(text), "%.1f %s", value / 1e9, unit);
  return text;
}

} // namespace

RunTimes::RunTimes() : last(now()) {}

double RunTimes::lap() {
  double previous = last;
  last = now();
  return last - previous;
}

void RunTimes::loaded() { load = lap(); }

void RunTimes::prefilled(Session &session, int64_t tokens) {
  add(prefill, session, tokens);
}

void RunTimes::decoded(Session &session, int64_t tokens) {
  add(decode, session, tokens);
}

void RunTimes::add(Phase &phase, Session &session, int64_t tokens) {
  const Counters &counters = session.instance().counters();
  phase.seconds += lap();
  phase.tokens += tokens;
  phase.counters.operations += counters.operations;
  phase.counters.bytes += counters.bytes;
  phase.counters.executions += counters.executions;
  session.instance().resetCounters();
}

void RunTimes::print(Session &session) {
  // The peak is the run's, not that of the measurement below.
  uint64_t peak = peakResident();
  MachineLimits limits;
  if (Expected<MachineLimits> measured = measureLimits(session.instance()))
    limits = *measured;
  std::fprintf(stderr, "engine   %s\n",
               session.instance().loaded().engineDescription().c_str());
  std::fprintf(stderr, "load     %.1f ms, %zu primitives\n", load * 1e3,
               session.instance().manifest().primitives.size());
  auto line = [&](const char *name, const Phase &phase) {
    if (phase.tokens <= 0)
      return;
    std::fprintf(stderr, "%-8s %lld tokens in %.1f ms: %.1f tokens/s, %s, %s\n",
                 name, (long long)phase.tokens, phase.seconds * 1e3,
                 double(phase.tokens) / phase.seconds,
                 rate(double(phase.counters.operations) / phase.seconds,
                      limits.operationsPerSecond, "GFLOP/s")
                     .c_str(),
                 rate(double(phase.counters.bytes) / phase.seconds,
                      limits.bytesPerSecond, "GB/s")
                     .c_str());
  };
  line("prefill", prefill);
  line("decode", decode);
  std::fprintf(
      stderr,
      "memory   %s at most, weights included\n"
      "Rates count oneDNN's kernels only; the limits were measured just "
      "now.\n",
      sizeText(peak).c_str());
}

} // namespace lora_rt::cli
