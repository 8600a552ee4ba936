//===- StagedFolderTest.cpp - Folders appear whole ------------------------===//
//
// StagedFolder with targets that do not exist, are empty, have files or are the
// working directory, and in processes that are killed.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Support/StagedFolder.h"
#include "../Runtime/TestFiles.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace lora;
namespace fs = std::filesystem;

namespace {

/// The names in a folder and the contents of its files: "a=1 b=2 sub/"
std::string listing(const fs::path &folder) {
  std::map<std::string, std::string> entries;
  for (const fs::directory_entry &entry : fs::directory_iterator(folder)) {
    std::string name = entry.path().filename().string();
    if (entry.is_directory())
      entries[name + "/"];
    else
      std::getline(std::ifstream(entry.path()), entries[name + "="], '\0');
  }
  std::string text;
  for (const auto &[name, value] : entries)
    text += (text.empty() ? "" : " ") + name + value;
  return text;
}

TEST(StagedFolder, NewOrEmptyFoldersAppearOnCommit) {
  TestFolder root;
  fs::create_directory(root.path("empty"));
  for (const char *name : {"new", "empty", "new2/", "link"}) {
    if (std::string(name) == "link") {
      fs::create_directory(root.path("real"));
      fs::create_directory_symlink("real", root.path("link"));
    }
    auto folder = StagedFolder::create(root.path(name));
    ASSERT_TRUE(folder) << folder.message();
    ASSERT_FALSE(folder->writeText("config.json", "1"));
    EXPECT_FALSE(fs::exists(root.path(name) + "/config.json"));
    ASSERT_FALSE(folder->commit());
    EXPECT_EQ(listing(root.path(name)), "config.json=1");
  }
  EXPECT_TRUE(fs::is_symlink(root.path("link")));
  EXPECT_EQ(listing(root.root()), "empty/ link/ new/ new2/ real/");
}

TEST(StagedFolder, RefusesWhatIsThere) {
  TestFolder root;
  fs::create_directory(root.path("full"));
  root.write("full/notes.txt", "mine");
  root.write("file", "mine");
  EXPECT_EQ(StagedFolder::create(root.path("full")).message(),
            root.path("full") + ": the folder is not empty: it holds "
                                "'notes.txt'; give a new name, or remove it "
                                "first");
  EXPECT_NE(
      StagedFolder::create(root.path("file")).message().find("is not a folder"),
      std::string::npos);
  EXPECT_FALSE(StagedFolder::create(""));
  EXPECT_FALSE(StagedFolder::create(root.path("none/new")));
  // A file that appears meanwhile stays.
  {
    auto folder = StagedFolder::create(root.path("new"));
    ASSERT_TRUE(folder) << folder.message();
    ASSERT_FALSE(folder->writeText("config.json", "1"));
    fs::create_directory(root.path("new"));
    root.write("new/notes.txt", "mine");
    EXPECT_TRUE(folder->commit());
  }
  EXPECT_EQ(listing(root.path("new")), "notes.txt=mine");
  EXPECT_EQ(listing(root.root()), "file=mine full/ new/");
}

TEST(StagedFolder, AdditionsKeepWhatIsThere) {
  // A folder cannot have two hard links. If the target contains one, files are
  // moved instead.
  for (bool hasFolder : {false, true}) {
    TestFolder root;
    std::string path = root.path("run");
    fs::create_directory(path);
    chmod(path.c_str(), 02750);
    root.write("run/log.csv", "steps");
    fs::create_symlink("/nowhere", root.path("run/link"));
    if (hasFolder) {
      fs::create_directory(root.path("run/checkpoint"));
      root.write("run/checkpoint/x", "kept");
    }
    std::string checkpoint = hasFolder ? "checkpoint/ " : "";
    struct stat before, after;
    ASSERT_EQ(stat(path.c_str(), &before), 0);
    {
      auto folder = StagedFolder::createAddition(path);
      ASSERT_TRUE(folder) << folder.message();
      ASSERT_FALSE(folder->writeText("adapter_config.json", "new"));
      root.write("run/notes.txt", "later");
      ASSERT_FALSE(folder->commit());
    }
    std::string whole = "adapter_config.json=new " + checkpoint +
                        "link= log.csv=steps notes.txt=later";
    EXPECT_EQ(listing(path), whole);
    if (hasFolder)
      EXPECT_EQ(listing(path + "/checkpoint"), "x=kept");
    EXPECT_EQ(listing(root.root()), "run/");
    ASSERT_EQ(stat(path.c_str(), &after), 0);
    EXPECT_EQ(after.st_mode & 07777, 02750u);
    EXPECT_EQ(after.st_ino == before.st_ino, hasFolder);
    // None of its files is replaced.
    {
      auto folder = StagedFolder::createAddition(path);
      ASSERT_TRUE(folder) << folder.message();
      ASSERT_FALSE(folder->writeText("a", "other"));
      ASSERT_FALSE(folder->writeText("adapter_config.json", "other"));
      lora_rt::Error error = folder->commit();
      ASSERT_TRUE(error);
      EXPECT_NE(error.message().find("File exists"), std::string::npos);
    }
    EXPECT_EQ(listing(path), whole);
    EXPECT_EQ(listing(root.root()), "run/");
  }
}

/// The working directory cannot be replaced by another folder.
TEST(StagedFolder, TheWorkingDirectoryStays) {
  TestFolder root;
  std::string path = root.path("here");
  fs::create_directory(path);
  fs::path before = fs::current_path();
  fs::current_path(path);
  {
    auto folder = StagedFolder::create(".");
    ASSERT_TRUE(folder) << folder.message();
    ASSERT_FALSE(folder->writeText("config.json", "1"));
    ASSERT_FALSE(folder->writeText("model.safetensors", "2"));
    EXPECT_FALSE(fs::exists("config.json"));
    ASSERT_FALSE(folder->commit());
  }
  EXPECT_EQ(listing("."), "config.json=1 model.safetensors=2");
  {
    auto folder = StagedFolder::createAddition(path);
    ASSERT_TRUE(folder) << folder.message();
    ASSERT_FALSE(folder->writeText("a", "3"));
    ASSERT_FALSE(folder->writeText("config.json", "other"));
    EXPECT_TRUE(folder->commit());
  }
  EXPECT_EQ(listing("."), "config.json=1 model.safetensors=2");
  fs::current_path(before);
  EXPECT_EQ(listing(root.root()), "here/");
}

/// Writes an adapter into a folder that has a log, in a process that is killed
/// after `delay` microseconds. Returns what the folder then contains.
std::string listingAfter(int64_t delay) {
  TestFolder root;
  std::string path = root.path("run");
  fs::create_directory(path);
  root.write("run/log.csv", "steps");
  pid_t child = fork();
  if (child == 0) {
    auto folder = StagedFolder::createAddition(path);
    if (!folder || folder->writeText("adapter_config.json", "1") ||
        folder->writeText("adapter_model.safetensors", "2") || folder->commit())
      _exit(1);
    _exit(0);
  }
  usleep(useconds_t(delay));
  kill(child, SIGKILL);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return listing(path);
}

TEST(StagedFolder, NoMomentHasAHalf) {
  const std::string before = "log.csv=steps";
  const std::string after = "adapter_config.json=1 "
                            "adapter_model.safetensors=2 log.csv=steps";
  // Until the process finishes before it is killed.
  std::string left;
  for (int64_t delay = 0; left != after; delay += 100 + delay / 16) {
    left = listingAfter(delay);
    ASSERT_TRUE(left == before || left == after) << left;
    ASSERT_LT(delay, 10'000'000);
  }
}

} // namespace
