//===- ForkTest.cpp - Models that were loaded before a fork ---------------===//
//
// OpenMP's threads do not exist in the child process. A call that waits for
// them would never end, so each child has an alarm.
//
//===----------------------------------------------------------------------===//

#include "TestFiles.h"
#include "TinyExecutable.h"
#include "lora-runtime/Session.h"

#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace lora_rt;

namespace {

const std::vector<int32_t> prompt = {3, 10, 0, 7, 7};

/// The logits of the prompt in a session; empty after an error.
std::vector<float> logitsOf(Session &session) {
  std::vector<float> result;
  session.reset();
  Error error = session.feed({prompt, {}}, [&](const ResultSpan &rows) {
    result.insert(result.end(), rows.values.begin(), rows.values.end());
    return Error::success();
  });
  if (error)
    std::fprintf(stderr, "%s\n", error.message().c_str());
  return error ? std::vector<float>() : result;
}

/// The result of `body` in a forked child; -1 if a signal ended the child.
int inChild(const std::function<int()> &body) {
  pid_t child = fork();
  if (child == 0) {
    alarm(60);
    _exit(body());
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

class Forked : public testing::Test {
protected:
  void SetUp() override {
    std::string path = folder.path("model");
    tiny::write(path, "", "plain");
    ExecutableOptions options;
    options.threads = 3;
    Expected<std::shared_ptr<Executable>> opened =
        Executable::open(path, options);
    ASSERT_TRUE(opened) << opened.message();
    executable = *opened;
    Expected<std::unique_ptr<Session>> created =
        Session::create(executable, 20);
    ASSERT_TRUE(created) << created.message();
    session = std::move(*created);
    // From here on, the thread has a pool.
    ASSERT_EQ(logitsOf(*session), tiny::logits(prompt));
  }

  TestFolder folder;
  std::shared_ptr<Executable> executable;
  std::unique_ptr<Session> session;
};

TEST_F(Forked, ChildrenAndGrandchildrenCompute) {
  std::vector<float> expected = tiny::logits(prompt);
  auto isRight = [&] { return logitsOf(*session) == expected; };
  EXPECT_EQ(inChild([&] {
              if (!isRight() || !isRight())
                return 1;
              // An executable that is loaded in the child.
              ExecutableOptions options;
              options.threads = 2;
              Expected<std::shared_ptr<Executable>> opened =
                  Executable::open(folder.path("model"), options);
              if (!opened)
                return 2;
              Expected<std::unique_ptr<Session>> created =
                  Session::create(*opened, 20);
              if (!created || logitsOf(**created) != expected)
                return 3;
              // A new thread of the child.
              bool right = false;
              std::thread([&] { right = isRight(); }).join();
              if (!right)
                return 4;
              return inChild([&] { return isRight() ? 0 : 1; }) ? 5 : 0;
            }),
            0);
  EXPECT_TRUE(isRight());
}

/// A lock that another thread holds is refused, because that thread does not
/// exist in the child.
TEST_F(Forked, RefusesWhatAnotherThreadHolds) {
  // A sink that forks holds nothing; a call does.
  std::atomic<bool> stop = false;
  std::thread other([&] {
    auto created = Session::create(executable, 20);
    while (!stop)
      logitsOf(**created);
  });
  int refused = 0;
  for (int i = 0; i < 40; ++i) {
    int code = inChild([&] {
      session->reset();
      Error error = session->feed({prompt, {}}, {});
      if (!error)
        return 0;
      return error.message().find("when this process was forked") !=
                     std::string::npos
                 ? 7
                 : 1;
    });
    EXPECT_TRUE(code == 0 || code == 7) << code;
    refused += code == 7;
  }
  stop = true;
  other.join();
  // How many of them are refused varies by chance.
  std::printf("%d of 40 children were refused\n", refused);
}

} // namespace
