//===- BackoffTest.cpp - When loops are not shared ------------------------===//
//
// Backoff with times that the test makes up: when loops run on one thread, for
// how long, and when they are shared again.
//
//===----------------------------------------------------------------------===//

#include "../../../runtime/cpu/Backoff.h"

#include <gtest/gtest.h>

using lora_rt::cpu::Backoff;

namespace {

constexpr double us = 1e-6, ms = 1e-3;

TEST(Backoff, WaitingMuchLongerThanWorkingMakesAThreadAlone) {
  Backoff backoff;
  EXPECT_FALSE(backoff.isAlone(0));
  backoff.add(0, 20 * us, 40 * us);
  // The wait is long, but not in comparison with the work.
  backoff.add(1, 1 + 5 * ms, 1 + 9 * ms);
  EXPECT_FALSE(backoff.isAlone(1 + 9 * ms));
  backoff.add(2, 2 + 20 * us, 2 + 3 * ms);
  EXPECT_TRUE(backoff.isAlone(2 + 3.9 * ms));
  EXPECT_FALSE(backoff.isAlone(2 + 4.1 * ms));
}

TEST(Backoff, TheOftenerTheLonger) {
  Backoff backoff;
  double time = 0;
  auto wait = [&] {
    backoff.add(time, time + 20 * us, time + 3 * ms);
    double end = time += 3 * ms;
    while (backoff.isAlone(time))
      time += 0.1 * ms;
    return time - end;
  };
  EXPECT_NEAR(wait(), 1 * ms, 0.2 * ms);
  EXPECT_NEAR(wait(), 2 * ms, 0.2 * ms);
  for (int i = 0; i < 20; ++i)
    wait();
  EXPECT_NEAR(wait(), 64 * ms, 0.2 * ms);
  // Loops that run well on all threads reduce the delay step by step.
  for (unsigned i = 0; i < 3 * Backoff::enoughCalm; ++i)
    backoff.add(time, time + 20 * us, time + 30 * us);
  EXPECT_FALSE(backoff.isAlone(time));
  EXPECT_NEAR(wait(), 16 * ms, 0.2 * ms);
}

} // namespace
