//===- ThreadTest.cpp - Threads that the system does not give -------------===//
//
// Limits the number of threads of a process, and compares how many can be
// started with the limit.
//
//===----------------------------------------------------------------------===//

#include "lora-runtime/Thread.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace lora_rt;

namespace {

TEST(Thread, RunsAndIsJoined) {
  int done = 0;
  {
    std::optional<Thread> thread = Thread::start([&] { done = 5; });
    ASSERT_TRUE(thread);
  }
  EXPECT_EQ(done, 5);
  EXPECT_EQ(startableThreads(0), 0u);
  EXPECT_EQ(startableThreads(3), 3u);
}

/// Runs in a process of another user, because root has no limit. With `limit`
/// threads for all processes of that user, returns how many can be started
/// beside one.
unsigned startableWith(unsigned limit, unsigned wanted) {
  pid_t child = fork();
  if (child == 0) {
    rlimit threads = {limit, limit};
    // A user id that nobody else has.
    if (setrlimit(RLIMIT_NPROC, &threads) != 0 ||
        setuid(uid_t(1'000'000'000 + getpid())) != 0)
      _exit(100);
    unsigned first = startableThreads(wanted);
    // The threads can be started again immediately.
    unsigned second = startableThreads(wanted);
    _exit(first == second ? int(first) : 101);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? unsigned(WEXITSTATUS(status)) : 102;
}

TEST(Thread, CountsWhatTheSystemGives) {
  if (getuid() != 0)
    GTEST_SKIP() << "only root can become another user";
  EXPECT_EQ(startableWith(1, 4), 0u);
  EXPECT_EQ(startableWith(3, 4), 2u);
  EXPECT_EQ(startableWith(7, 4), 4u);
}

} // namespace
