//===- RunTimes.cpp - Times of a run against the machine's limits ---------===//
//
// Implements RunTimes: seconds, tokens, operations and bytes of each phase, as
// rates and as shares of the limits.
//
//===----------------------------------------------------------------------===//

#include "RunCommand.h"
#include "lora-runtime/Clock.h"
#include "lora-runtime/Limits.h"

#include <algorithm>
#include <cstdio>
#include <sys/resource.h>

namespace lora_rt::cli {

namespace {

uint64_t peakResident() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return uint64_t(usage.ru_maxrss) * 1024;
}

/// A rate as text, such as "412.0 GFLOP/s (94 % of 438.2)".
std::string rate(double value, double limit, const char *unit) {
  char text[96];
  if (limit > 0)
    std::snprintf(text, sizeof(text), "%.1f %s (%.0f %% of %.1f)", value / 1e9,
                  unit, 100 * value / limit, limit / 1e9);
  else
    std::snprintf(text, sizeof(text), "%.1f %s", value / 1e9, unit);
  return text;
}

/// Prints one line for each operation that took at least a thousandth of the
/// phase, the longest first.
void printProfile(const char *phase, Profile profile,
                  const MachineLimits &limits) {
  std::sort(profile.entries.begin(), profile.entries.end(),
            [](const ProfileEntry &x, const ProfileEntry &y) {
              return x.seconds > y.seconds;
            });
  std::fprintf(stderr, "\n%s: %.1f ms in calls\n  %%      ms   calls\n", phase,
               profile.seconds * 1e3);
  double rest = profile.seconds;
  auto line = [&](double seconds, uint64_t calls, const std::string &text) {
    if (seconds >= 1e-3 * profile.seconds)
      std::fprintf(stderr, "%5.1f %8.2f %6llu  %s\n",
                   100 * seconds / profile.seconds, seconds * 1e3,
                   (unsigned long long)calls, text.c_str());
  };
  for (const ProfileEntry &entry : profile.entries) {
    rest -= entry.seconds;
    std::string text = entry.name;
    // The relevant limit is the one that the rate is closer to.
    double operations = double(entry.operations) / entry.seconds,
           bytes = double(entry.bytes) / entry.seconds;
    bool isArithmetic =
        operations * limits.bytesPerSecond > bytes * limits.operationsPerSecond;
    if (entry.operations)
      text +=
          ": " + (isArithmetic
                      ? rate(operations, limits.operationsPerSecond, "GFLOP/s")
                      : rate(bytes, limits.bytesPerSecond, "GB/s"));
    line(entry.seconds, entry.calls, text);
  }
  line(rest, 1, "generated code on one thread, between these");
}

/// Adds a profile to another one, by name.
void add(Profile &sum, const Profile &profile) {
  sum.seconds += profile.seconds;
  for (const ProfileEntry &entry : profile.entries) {
    auto to = std::find_if(
        sum.entries.begin(), sum.entries.end(),
        [&](const ProfileEntry &other) { return other.name == entry.name; });
    if (to == sum.entries.end()) {
      sum.entries.push_back(entry);
      continue;
    }
    to->calls += entry.calls;
    to->seconds += entry.seconds;
    to->operations += entry.operations;
    to->bytes += entry.bytes;
  }
}

} // namespace

RunTimes::RunTimes(bool ops) : ops(ops), last(now()) {}

double RunTimes::lap() {
  double previous = last;
  last = now();
  return last - previous;
}

void RunTimes::loaded(Session &session) {
  load = lap();
  if (ops)
    session.instance().startProfile();
}

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
  if (ops)
    cli::add(phase.profile, session.instance().takeProfile());
  // The time of this function does not belong to the next phase.
  last = now();
}

void RunTimes::print(Session &session) {
  // The peak is read before the measurement below, which also needs memory.
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
      "Rates count matrix products only; the limits were measured just "
      "now.\n",
      sizeText(peak).c_str());
  if (prefill.tokens && ops)
    printProfile("prefill", prefill.profile, limits);
  if (decode.tokens && ops)
    printProfile("decode", decode.profile, limits);
}

} // namespace lora_rt::cli
