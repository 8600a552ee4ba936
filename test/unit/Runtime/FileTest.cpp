//===- FileTest.cpp - Outputs appear whole or not at all ------------------===//
//
// OutputFile and MappedFile: contents, permissions, links, devices, and what
// processes leave that end in the middle.
//
//===----------------------------------------------------------------------===//

#include "lora-runtime/File.h"
#include "TestFiles.h"
#include "lora-runtime/Temporary.h"

#include <cerrno>
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
    EXPECT_EQ(countFiles(folder), 0u); // The file was discarded.
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
  // Pieces that cross, reach or begin at the ends of blocks.
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
    // Writes into bytes that wait, and into bytes that are written.
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

TEST(OutputFile, KeepsTheRightsOfWhatItReplaces) {
  umask(022);
  struct {
    unsigned before, asked, after;
  } cases[] = {{0600, 0666, 0600}, {0600, 0777, 0700}, {0640, 0777, 0750},
               {0444, 0777, 0555}, {0666, 0666, 0666}, {0200, 0777, 0200},
               {0, 0777, 0755},    {0, 0666, 0644}};
  for (Create create : ways)
    for (auto [before, asked, after] : cases) {
      TestFolder folder;
      std::string path = folder.path("out");
      if (before) {
        folder.write("out", "old");
        ASSERT_EQ(chmod(path.c_str(), mode_t(before)), 0);
      }
      Expected<OutputFile> file = create(path, asked);
      ASSERT_TRUE(file) << file.message();
      ASSERT_FALSE(file->append(bytesOf("new")));
      // Until the commit, nobody can read the file who could not read the old
      // one.
      for (const auto &entry :
           std::filesystem::directory_iterator(folder.root()))
        if (entry.path() != path && before) {
          EXPECT_EQ(unsigned(entry.status().permissions()), 0600u);
        }
      ASSERT_FALSE(file->commit());
      struct stat facts;
      ASSERT_EQ(stat(path.c_str(), &facts), 0);
      EXPECT_EQ(facts.st_mode & 07777, after)
          << std::oct << before << " " << asked;
    }
}

/// A program that was replaced a moment ago can be started, because no process
/// has it open for writing.
TEST(OutputFile, CanBeRunAsSoonAsItIsThere) {
  Expected<MappedFile> program = MappedFile::open("/bin/true");
  ASSERT_TRUE(program) << program.message();
  for (Create create : ways) {
    TestFolder folder;
    std::string path = folder.path("out");
    int failures[2];
    ASSERT_EQ(pipe(failures), 0);
    pid_t runner = fork();
    if (runner == 0) {
      // Starts it repeatedly until the pipe is closed.
      close(failures[0]);
      for (;;) {
        pid_t child = fork();
        if (child == 0) {
          execl(path.c_str(), path.c_str(), nullptr);
          _exit(errno == ETXTBSY ? 26 : 0);
        }
        int status = 0;
        waitpid(child, &status, 0);
        char busy = WIFEXITED(status) && WEXITSTATUS(status) == 26;
        if (write(failures[1], &busy, 1) != 1)
          _exit(0);
      }
    }
    close(failures[1]);
    int busy = 0;
    for (int i = 0; i < 60; ++i) {
      Expected<OutputFile> file = create(path, 0777);
      ASSERT_TRUE(file) << file.message();
      ASSERT_FALSE(file->append(program->bytes()));
      ASSERT_FALSE(file->commit());
      char one = 0;
      if (read(failures[0], &one, 1) == 1)
        busy += one;
    }
    close(failures[0]);
    kill(runner, SIGKILL);
    waitpid(runner, nullptr, 0);
    EXPECT_EQ(busy, 0);
  }
}

/// Begins a file in a process that the signal `number` ends. Returns the number
/// of files that are left.
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
    for (int number : {SIGHUP, SIGINT, SIGTERM, SIGQUIT, SIGPIPE, SIGXCPU})
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

/// If a process could not remove its temporary file, the next process that
/// writes there removes it. The file of a living process stays.
TEST(OutputFile, TheNextOneRemovesWhatIsLeft) {
  TestFolder folder;
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  auto start = [&](const std::string &name) {
    pid_t child = fork();
    if (child == 0) {
      Expected<OutputFile> file =
          OutputFile::createNamed(folder.path(name), 0666);
      Expected<TemporaryFolder> made =
          TemporaryFolder::create(folder.path(name + "-folder"), 0777);
      if (!file || file->append(bytesOf("half")) || !made ||
          writeTextFile(*made / "half", "half") || write(ready[1], "", 1) != 1)
        _exit(1);
      for (;;)
        pause();
    }
    char one;
    EXPECT_EQ(read(ready[0], &one, 1), 1);
    return child;
  };
  auto kill = [](pid_t child) {
    ::kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
  };
  pid_t living = start("living"), dead = start("dead");
  // Files of others stay, and so do files whose names only look similar.
  folder.write("mine.part.1.0", "a part");
  folder.write("mine.part.lora-1-", "a part");
  kill(dead);
  EXPECT_EQ(countFiles(folder), 6u);
  ASSERT_FALSE(writeTextFile(folder.path("out"), "text"));
  EXPECT_EQ(countFiles(folder), 5u);
  kill(living);
}

TEST(TemporaryFolder, SignalsLeaveNothing) {
  TestFolder folder;
  for (int number : {SIGINT, SIGTERM, SIGQUIT}) {
    pid_t child = fork();
    if (child == 0) {
      Expected<TemporaryFolder> made =
          TemporaryFolder::create(folder.path("out"), 0777);
      std::filesystem::create_directories(*made / "a/b");
      if (!made || writeTextFile(*made / "a/b/c", "half") ||
          writeTextFile(*made / "d", "half"))
        _exit(1);
      raise(number);
      _exit(2);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == number) << status;
    EXPECT_EQ(countFiles(folder), 0u) << number;
  }
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

/// A lost page is attributed to the right file.
TEST(MappedFile, KnowsWhatLiesWhere) {
  TestFolder folder;
  folder.write("a", std::string(5000, 'a'));
  folder.write("b", "b");
  Expected<MappedFile> a = MappedFile::open(folder.path("a"));
  const std::byte *gone = nullptr;
  {
    Expected<MappedFile> b = MappedFile::open(folder.path("b"));
    ASSERT_TRUE(a && b);
    gone = b->bytes().data();
    EXPECT_EQ(mappedFileAt(gone), folder.path("b"));
  }
  EXPECT_EQ(mappedFileAt(gone), nullptr);
  EXPECT_EQ(mappedFileAt(a->bytes().data() + 4999), folder.path("a"));
  EXPECT_EQ(mappedFileAt(a->bytes().data() + 5000), nullptr);
  EXPECT_EQ(mappedFileAt(&folder), nullptr);
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
