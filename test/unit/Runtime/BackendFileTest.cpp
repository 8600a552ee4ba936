//===- BackendFileTest.cpp - Which library a compiled file opens ----------===//
//
// A compiled file opens the backend at its recorded path, and otherwise looks
// in other places. The tests put libraries there that work, that fail, or that
// other users could change.
//
//===----------------------------------------------------------------------===//

#include "Shell.h"
#include "TestFiles.h"
#include "TinyExecutable.h"

#include <sys/stat.h>
#include <unistd.h>

using namespace lora_rt;

namespace {

constexpr const char *backendName = "liblora_backend_cpu.so";

/// A program, and folders with libraries that it may find.
class BackendFile : public testing::Test {
protected:
  /// Writes the program; `recorded` is the recorded path of the backend.
  void compile(const std::string &recorded) {
    tiny::Model model;
    model.recordedBackend = recorded;
    tiny::write(program(), LORA_STUB, "plain", "\"sse2\"", "", model);
  }

  std::string program() const { return folder.path("program"); }

  /// Makes a folder with a copy of a library under the backend's name. Returns
  /// the path of the copy.
  std::string library(const std::string &name, const char *source) {
    std::filesystem::create_directory(folder.path(name));
    chmod(folder.path(name).c_str(), 0755);
    std::string copy = folder.path(name) + "/" + backendName;
    std::filesystem::copy_file(source, copy);
    chmod(copy.c_str(), 0755);
    return copy;
  }

  /// Runs the program in `cwd` with `environment` as its whole environment, and
  /// returns its output.
  Outcome run(const std::string &environment, const std::string &arguments,
              const std::string &cwd = "/") {
    return shell("cd " + cwd + " && env -i " + environment + " " + program() +
                 " " + arguments + " 2>&1");
  }

  bool runs(const std::string &environment = "") {
    Outcome outcome = run(environment, "-q --ids 3,10 --generate 1");
    return outcome.status == 0;
  }

  void expectRefused(const std::string &why,
                     const std::string &environment = "") {
    Outcome outcome = run(environment, "-q --ids 3,10 --generate 1");
    EXPECT_EQ(outcome.status, 1);
    EXPECT_NE(outcome.output.find(why), std::string::npos) << outcome.output;
    EXPECT_NE(outcome.output.find("--portable"), std::string::npos);
  }

  void expectInfo(const std::string &text,
                  const std::string &environment = "") {
    Outcome outcome = run(environment, "--info");
    EXPECT_EQ(outcome.status, 0);
    EXPECT_NE(outcome.output.find(text), std::string::npos) << outcome.output;
  }

  TestFolder folder;
};

TEST_F(BackendFile, TheRecordedOneComesFirst) {
  compile(LORA_BACKEND);
  // Libraries that would fail, beside the program and in the environment's
  // path.
  std::filesystem::copy_file(LORA_TINY_EXECUTABLE, folder.path(backendName));
  library("lib", LORA_TINY_EXECUTABLE);
  EXPECT_TRUE(runs());
  EXPECT_TRUE(runs("LORA_RUNTIME_LIBRARY_PATH=" + folder.path("lib")));
  expectInfo(std::string("backend    ") + LORA_BACKEND + ", which is there");
  expectInfo("runs here  yes\n");
}

TEST_F(BackendFile, OthersAreAskedInTurn) {
  compile("/nowhere/" + std::string(backendName));
  expectRefused("/nowhere/liblora_backend_cpu.so: not there");
  expectInfo("backend    /nowhere/liblora_backend_cpu.so: not there");
  expectInfo("runs here  no: cannot open liblora_backend_cpu.so");
  std::string environment =
      std::string("LORA_RUNTIME_LIBRARY_PATH=") + LORA_LIBRARIES;
  EXPECT_TRUE(runs(environment));
  expectInfo("runs here  yes, with " + std::string(LORA_LIBRARIES),
             environment);
  // A library that is not a backend is skipped.
  library("lib", LORA_TINY_EXECUTABLE);
  EXPECT_TRUE(runs("LORA_RUNTIME_LIBRARY_PATH=" + folder.path("lib") + ":" +
                   LORA_LIBRARIES));
  // The backend beside the program.
  std::filesystem::copy_file(LORA_BACKEND, folder.path(backendName));
  EXPECT_TRUE(runs());
}

TEST_F(BackendFile, OthersMustNotBeAbleToChangeIt) {
  std::string copy = library("lib", LORA_BACKEND);
  compile(copy);
  EXPECT_TRUE(runs());
  std::string lib = folder.path("lib");
  for (mode_t mode : {0775, 0757, 0777}) {
    chmod(copy.c_str(), mode);
    expectRefused(copy + ": others may write to it (mode 7");
    chmod(copy.c_str(), 0755);
    chmod(lib.c_str(), mode);
    expectRefused(lib + ": others may write to it (mode 7");
    chmod(lib.c_str(), 0755);
  }
  // The sticky bit does not help: anybody can create the file first.
  chmod(lib.c_str(), 01777);
  expectRefused("(mode 1777)");
  expectInfo("runs here  no: ");
  expectRefused("(mode 1777)", "LORA_RUNTIME_LIBRARY_PATH=" + lib);
  chmod(lib.c_str(), 0755);
  // A link may lie anywhere; the file that it points to counts.
  std::string link = folder.path("link");
  std::filesystem::create_directory(link);
  chmod(link.c_str(), 0777);
  std::filesystem::create_symlink(copy, link + "/" + backendName);
  EXPECT_TRUE(runs("LORA_RUNTIME_LIBRARY_PATH=" + link));
  if (getuid() != 0)
    return;
  ASSERT_EQ(chown(copy.c_str(), 54321, 0), 0);
  expectRefused(copy + ": belongs to user 54321");
  ASSERT_EQ(chown(copy.c_str(), 0, 0) | chown(lib.c_str(), 54321, 0), 0);
  expectRefused(lib + ": belongs to user 54321");
}

TEST_F(BackendFile, RelativePathsOfAFileAreNotOpened) {
  for (std::string recorded :
       {std::string(backendName), "./" + std::string(backendName)}) {
    compile(recorded);
    Outcome outcome = run("", "-q --ids 3 --generate 1", LORA_LIBRARIES);
    EXPECT_EQ(outcome.status, 1);
    expectInfo("which is no absolute path");
  }
  // Another library is not accepted either.
  compile(LORA_TINY_EXECUTABLE);
  Outcome outcome = run("", "-q --ids 3 --generate 1");
  EXPECT_EQ(outcome.status, 1);
  EXPECT_EQ(outcome.output.find(LORA_TINY_EXECUTABLE), std::string::npos)
      << outcome.output;
}

/// A program with rights that its user does not have ignores the environment.
TEST_F(BackendFile, TheEnvironmentOfAnotherUserSaysNothing) {
  if (getuid() != 0)
    GTEST_SKIP() << "only root can make such a program";
  compile("");
  std::string environment =
      std::string("LORA_RUNTIME_LIBRARY_PATH=") + LORA_LIBRARIES;
  ASSERT_TRUE(runs(environment));
  chmod(folder.root().c_str(), 0755);
  ASSERT_EQ(chown(program().c_str(), 54321, 54321), 0);
  ASSERT_EQ(chmod(program().c_str(), 04755), 0);
  Outcome outcome =
      shell("env -i " + environment + " setpriv --reuid=54322 --clear-groups " +
            program() + " -q --ids 3 --generate 1 2>&1");
  EXPECT_EQ(outcome.status, 1);
  EXPECT_NE(outcome.output.find("cannot open"), std::string::npos)
      << outcome.output;
  EXPECT_EQ(outcome.output.find(LORA_LIBRARIES), std::string::npos)
      << outcome.output;
}

} // namespace
