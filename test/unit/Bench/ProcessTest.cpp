//===- ProcessTest.cpp - Commands, workers and their folder ---------------===//
//
// The programs are shell scripts that write what a real program would write.
//
//===----------------------------------------------------------------------===//

#include "Process.h"
#include "WorkFolder.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "../Runtime/TestFiles.h"

using namespace lora::bench;
using namespace lora_rt;

namespace {

class Process : public ::testing::Test {
protected:
  Expected<std::unique_ptr<Worker>>
  worker(const std::string &script,
         const std::vector<std::string> &variables = {}) {
    return Worker::start({"sh", "-c", script}, folder.path("log"), variables);
  }

  TestFolder folder;
};

} // namespace

TEST_F(Process, ACommandIsTimedAndItsMemorySeen) {
  Expected<CommandResult> result =
      runCommand({"sh", "-c", "sleep 0.1"}, folder.path("log"));
  ASSERT_TRUE(result) << result.message();
  EXPECT_GE(result->seconds, 0.1);
  EXPECT_GT(result->peak.privateBytes, 0u);
  EXPECT_GT(result->peak.fileBytes, 0u);
}

TEST_F(Process, ACommandGetsVariablesInPlaceOfOthers) {
  setenv("LORA_TEST_PLACE", "here", 1);
  setenv("LORA_TEST", "before", 1);
  Expected<CommandResult> result =
      runCommand({"sh", "-c", "echo $LORA_TEST $LORA_TEST_PLACE >&2; exit 1"},
                 folder.path("log"), {"LORA_TEST=now"});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.message(), "sh: ended with exit code 1: now here");
}

TEST_F(Process, AFailingCommandIsQuoted) {
  Expected<CommandResult> result = runCommand(
      {"sh", "-c", "echo first; echo last >&2; exit 3"}, folder.path("log"));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.message(), "sh: ended with exit code 3: last");
  result = runCommand({"sh", "-c", "kill -KILL $$"}, folder.path("log"));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.message(), "sh: ended by Killed");
  result = runCommand({folder.path("none")}, folder.path("log"));
  ASSERT_FALSE(result);
  EXPECT_NE(result.message().find("none: cannot be started"),
            std::string::npos);
}

TEST_F(Process, AWorkerAnswersRequests) {
  auto echo = worker(R"(echo "{\"ready\": 1, \"name\": \"$NAME\"}"
                        while read line; do echo "{\"got\": $line}"; done)",
                     {"NAME=a name"});
  ASSERT_TRUE(echo) << echo.message();
  EXPECT_EQ((*echo)->description()["name"], "a name");
  for (int i : {5, 7}) {
    Expected<Json> answer = (*echo)->request({{"do", i}});
    ASSERT_TRUE(answer) << answer.message();
    EXPECT_EQ((*answer)["got"]["do"], i);
  }
  EXPECT_GT((*echo)->memory().privateBytes, 0u);
}

TEST_F(Process, LoadingIsTheTimeUntilItIsReady) {
  // A clock that all processes share.
  auto ready = worker("sleep 0.1; read up rest < /proc/uptime; "
                      "echo \"{\\\"ready\\\": $up}\"");
  ASSERT_TRUE(ready) << ready.message();
  // The script's clock counts hundredths of a second, and may include the time
  // in which the machine was suspended.
  EXPECT_GE((*ready)->loadSeconds(), 0.08);
}

TEST_F(Process, AWorkerThatFailsIsQuoted) {
  auto dead = worker("echo 'no such model' >&2; exit 1");
  ASSERT_FALSE(dead);
  EXPECT_EQ(dead.message(), "sh: ended with exit code 1: no such model");

  auto refusing = worker("echo '{\"error\": \"cannot\"}'");
  ASSERT_FALSE(refusing);
  EXPECT_EQ(refusing.message(), "sh: cannot");

  auto talking = worker("echo hello");
  ASSERT_FALSE(talking);
  EXPECT_NE(talking.message().find("sh: answer"), std::string::npos)
      << talking.message();

  auto dying = worker("echo '{}'; read line; echo gone >&2; exit 4");
  ASSERT_TRUE(dying) << dying.message();
  for (int i = 0; i < 2; ++i) {
    Expected<Json> answer = (*dying)->request({{"do", "it"}});
    ASSERT_FALSE(answer);
    EXPECT_NE(answer.message().find(i ? "closed its output" : "exit code 4"),
              std::string::npos)
        << answer.message();
  }
}

TEST(WorkFolder, IsRemovedUnlessKept) {
  TestFolder parent;
  std::string path, kept;
  {
    Expected<WorkFolder> folder = WorkFolder::create(parent.path("a"), false);
    ASSERT_TRUE(folder) << folder.message();
    path = folder->path();
    std::ofstream(*folder / "file") << "text";
    EXPECT_EQ(access((*folder / "file").c_str(), R_OK), 0);
    Expected<WorkFolder> other = WorkFolder::create(parent.path("a"), true);
    ASSERT_TRUE(other) << other.message();
    kept = other->path();
    EXPECT_NE(path, kept);
  }
  EXPECT_NE(access(path.c_str(), F_OK), 0);
  EXPECT_EQ(access(kept.c_str(), F_OK), 0);
}

TEST(WorkFolder, ACopyIsTimedAndRemoved) {
  TestFolder folder;
  folder.write("model-1.safetensors", std::string(5000, 'a'));
  folder.write("model-2.safetensors", std::string(300, 'b'));
  folder.write("config.json", "{}");
  EXPECT_EQ(checkpointBytes(folder.root()), 5300u);
  Expected<double> seconds = timeCopy(folder.root(), folder.path("copy"));
  ASSERT_TRUE(seconds) << seconds.message();
  EXPECT_GT(*seconds, 0);
  EXPECT_NE(access(folder.path("copy").c_str(), F_OK), 0);
  Error error = checkSpace(folder.root(), UINT64_MAX);
  ASSERT_TRUE(error);
  EXPECT_NE(error.message().find("no space"), std::string::npos);
  EXPECT_FALSE(checkSpace(folder.root(), 1));
}
