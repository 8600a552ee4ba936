//===- TestFiles.h - A folder that lasts as long as a test ------*- C++ -*-===//
//
// A temporary folder. The destructor removes it with all its contents.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_TEST_UNIT_RUNTIME_TESTFILES_H
#define LORA_TEST_UNIT_RUNTIME_TESTFILES_H

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

class TestFolder {
public:
  TestFolder() {
    std::string name =
        (std::filesystem::temp_directory_path() / "lora-test-XXXXXX").string();
    folder = mkdtemp(name.data());
  }
  ~TestFolder() { std::filesystem::remove_all(folder); }

  std::string root() const { return folder.string(); }
  std::string path(const std::string &name) const {
    return (folder / name).string();
  }
  void write(const std::string &name, const std::string &text) const {
    std::ofstream(folder / name, std::ios::binary) << text;
  }

private:
  std::filesystem::path folder;
};

#endif // LORA_TEST_UNIT_RUNTIME_TESTFILES_H
