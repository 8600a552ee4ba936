//===- FileTest.cpp - Outputs appear whole or not at all ------------------===//

#include "lora-runtime/File.h"
#include "TestFiles.h"

#include <csignal>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace lora_rt;

namespace {

std::span<const std::byte> bytesOf(std::string_view text) {
  return std::as_bytes(std::span(text));
}

size_t countFiles(const TestFolder &folder) {
  return size_t(
      std::distance(std::filesystem::directory_iterator(folder.root()),
                    std::filesystem::directory_iterator()));
}

using Create = Expected<OutputFile> (*)(const std::string &, unsigned);
constexpr Create ways[] = {OutputFile::create, OutputFile::createNamed};

TEST(OutputFile, AppearsOnCommitOnly) {
  for (Create create : ways) {
    TestFolder folder;
    std::string path = folder.path("out");
    {
      Expected<OutputFile> file = create(path, 0666);
      ASSERT_TRUE(file) << file.message();
      ASSERT_FALSE(file->append(bytesOf("half")));
      EXPECT_FALSE(std::filesystem::exists(path));
    }
    EXPECT_EQ(countFiles(folder), 0u); // Given up.
    for (std::string text : {"first", "second"}) {
      Expected<OutputFile> file = create(path, 0640);
      ASSERT_TRUE(file) << file.message();
      ASSERT_FALSE(file->append(bytesOf(text)));
      ASSERT_FALSE(file->commit());
      EXPECT_EQ(*readTextFile(path), text);
      EXPECT_EQ(countFiles(folder), 1u);
    }
    struct stat facts;
    ASSERT_EQ(stat(path.c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0137, 0u) << "more rights than asked for";
  }
}

TEST(OutputFile, PiecesOfAnySizeFollowEachOther) {
  TestFolder folder;
  constexpr size_t block = size_t(2) << 20;
  std::string whole(3 * block + 17, '\0');
  for (size_t i = 0; i < whole.size(); ++i)
    whole[i] = char(i * 2654435761u >> 24);
  // Across, up to and behind the ends of blocks.
  for (std::vector<size_t> sizes : {std::vector<size_t>{whole.size()},
                                    {5, block, block - 5, 3, block + 11},
                                    {block, 1, 2 * block + 15, 1}}) {
    Expected<OutputFile> file = OutputFile::create(folder.path("out"));
    ASSERT_TRUE(file) << file.message();
    size_t at = 0;
    for (size_t size : sizes) {
      ASSERT_FALSE(file->append(bytesOf(whole).subspan(at, size)));
      at += size;
      EXPECT_EQ(file->position(), at);
    }
    // Into what waits, and into what does not.
    std::string changed = whole.substr(0, at);
    for (size_t offset : {size_t(1), at - 2}) {
      changed[offset] = 'x';
      ASSERT_FALSE(file->writeAt(offset, bytesOf("x")));
    }
    ASSERT_FALSE(file->append(bytesOf("end")));
    ASSERT_FALSE(file->commit());
    EXPECT_TRUE(*readTextFile(folder.path("out")) == changed + "end");
  }
}

/// Starts a file in a process of its own that `number` ends; the files left.
size_t filesLeftBy(int number, Create create, bool isIgnored = false) {
  TestFolder folder;
  pid_t child = fork();
  if (child == 0) {
    if (isIgnored)
      signal(number, SIG_IGN);
    Expected<OutputFile> file = create(folder.path("out"), 0666);
    if (!file || file->append(bytesOf("half")))
      _exit(1);
    raise(number);
    if (!isIgnored || file->commit())
      _exit(2);
    _exit(0);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  if (isIgnored)
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  else
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == number) << status;
  return countFiles(folder);
}

TEST(OutputFile, SignalsLeaveNothing) {
  for (Create create : ways)
    for (int number : {SIGHUP, SIGINT, SIGTERM})
      EXPECT_EQ(filesLeftBy(number, create), 0u) << number;
  EXPECT_EQ(filesLeftBy(SIGHUP, OutputFile::createNamed, /*isIgnored=*/true),
            1u);
}

TEST(OutputFile, KillLeavesNothingWhereFilesNeedNoName) {
  TestFolder folder;
  Expected<OutputFile> file = OutputFile::create(folder.path("out"));
  ASSERT_TRUE(file) << file.message();
  if (countFiles(folder) != 0)
    GTEST_SKIP() << "this file system has no unnamed files";
  EXPECT_EQ(filesLeftBy(SIGKILL, OutputFile::create), 0u);
}

TEST(OutputFile, SaysWhatCannotBeWritten) {
  TestFolder folder;
  std::filesystem::create_directory(folder.path("folder"));
  EXPECT_NE(OutputFile::create(folder.path("folder"))
                .message()
                .find("there is a folder of this name"),
            std::string::npos);
  EXPECT_NE(OutputFile::create(folder.path("none/out"))
                .message()
                .find("No such file or directory"),
            std::string::npos);
  Expected<OutputFile> full = OutputFile::create("/dev/full");
  ASSERT_TRUE(full) << full.message();
  Error error = full->append(bytesOf("text"));
  EXPECT_EQ(error.message(),
            "/dev/full: cannot write: " + systemMessage(ENOSPC));
}

TEST(MappedFile, DoesNotWaitForAPipe) {
  TestFolder folder;
  std::string path = folder.path("pipe");
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  EXPECT_NE(MappedFile::open(path).message().find("not a regular file"),
            std::string::npos);
  EXPECT_NE(
      MappedFile::open(folder.root()).message().find("not a regular file"),
      std::string::npos);
}

} // namespace
