//===- OutputPathTest.cpp - Outputs are not inputs ------------------------===//
//
// checkOutput with links, relative paths and folders, on a small tree of files.
//
//===----------------------------------------------------------------------===//

#include "lora-runtime/OutputPath.h"
#include "TestFiles.h"

#include <gtest/gtest.h>

using namespace lora_rt;
namespace fs = std::filesystem;

namespace {

/// model/ with config.json, weights by a link into blobs/ as in the hub's
/// cache, and a folder; data.jsonl; elsewhere/.
class OutputPath : public testing::Test {
protected:
  OutputPath() {
    for (const char *name : {"model", "model/deep", "blobs", "elsewhere"})
      fs::create_directory(folder.path(name));
    folder.write("model/config.json", "{}");
    folder.write("blobs/1234", "weights");
    fs::create_symlink("../blobs/1234", folder.path("model/weights"));
    folder.write("data.jsonl", "rows");
  }

  std::string check(const std::string &output) {
    return checkOutput(output, inputs()).message();
  }
  std::vector<std::string> inputs() const {
    return {folder.path("model"), folder.path("data.jsonl"), "",
            folder.path("missing")};
  }

  TestFolder folder;
};

TEST_F(OutputPath, TakesWhatIsElsewhere) {
  folder.write("elsewhere/old", "old");
  folder.write("model.bin", "old");
  fs::create_symlink("nowhere", folder.path("dangling"));
  for (const char *name : {"new", "elsewhere", "elsewhere/new", "elsewhere/old",
                           "model.bin", "model2", "model/../new", "missing/new",
                           "dangling", "blobs/5678", "model.part"})
    EXPECT_EQ(check(folder.path(name)), "") << name;
  EXPECT_EQ(check("/dev/null"), "");
  EXPECT_EQ(check(""), "");
}

TEST_F(OutputPath, RefusesInputsUnderAnyName) {
  fs::create_directory_symlink(folder.path("model"), folder.path("link"));
  fs::create_symlink(folder.path("model/new"), folder.path("elsewhere/into"));
  fs::create_symlink("../elsewhere/out", folder.path("model/out"));
  fs::create_hard_link(folder.path("blobs/1234"), folder.path("hard"));
  fs::create_hard_link(folder.path("data.jsonl"), folder.path("rows"));
  struct Case {
    const char *name, *message;
  };
  for (Case c :
       {Case{"model", "is the input "}, Case{"model/", "is the input "},
        Case{"link", "is the input "}, Case{"data.jsonl", "is the input "},
        Case{"rows", "data.jsonl; an output must not"},
        Case{"model/config.json", "lies in the input folder "},
        Case{"model/new", "lies in the input folder "},
        Case{"model/new/", "lies in the input folder "},
        Case{"model/deep/a/b/c", "lies in the input folder "},
        Case{"model/none/../new", "lies in the input folder "},
        Case{"elsewhere/../model/new", "lies in the input folder "},
        Case{"link/new", "lies in the input folder "},
        // The file would be created in the folder of the link.
        Case{"model/out", "lies in the input folder "},
        Case{"blobs/1234", "is the input "},
        Case{"hard", "model/weights; an output must not"}})
    EXPECT_NE(check(folder.path(c.name)).find(c.message), std::string::npos)
        << c.name << ": " << check(folder.path(c.name));
  folder.write("model/new", "");
  EXPECT_NE(check(folder.path("elsewhere/into")).find("lies in"),
            std::string::npos);
}

TEST_F(OutputPath, RelativeNames) {
  fs::path before = fs::current_path();
  fs::current_path(folder.path("model/deep"));
  for (const char *name :
       {"out", "../out", ".", "..", "./.", "../../model/x", "../../data.jsonl"})
    EXPECT_NE(check(name), "") << name;
  for (const char *name : {"../../out", "../../elsewhere/out"})
    EXPECT_EQ(check(name), "") << name;
  // The input is a relative path.
  EXPECT_NE(checkOutput(folder.path("model/deep/out"), {"."}).message(), "");
  EXPECT_EQ(checkOutput(folder.path("model/out"), {"."}).message(), "");
  fs::current_path(before);
}

TEST_F(OutputPath, FilesThatCannotBeWrittenAreFoundBefore) {
  std::string path = folder.path("elsewhere/report.json");
  EXPECT_EQ(checkOutputFile(path, inputs()).message(), "");
  EXPECT_FALSE(fs::exists(path));
  EXPECT_NE(checkOutputFile(folder.path("none/out"), inputs())
                .message()
                .find("No such file or directory"),
            std::string::npos);
  EXPECT_NE(checkOutputFile(folder.path("elsewhere"), inputs())
                .message()
                .find("there is a folder of this name"),
            std::string::npos);
  EXPECT_NE(checkOutputFile(folder.path("model/out"), inputs()).message(), "");
  EXPECT_EQ(checkOutputFile("", inputs()).message(), "");
}

} // namespace
