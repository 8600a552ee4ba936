//===- Check.h - Checks and files for fuzzers -------------------*- C++ -*-===//
//
// What all fuzzers share: a check that ends the process with a report, and
// files and folders that readers can open by their paths.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_TEST_FUZZ_CHECK_H
#define LORA_TEST_FUZZ_CHECK_H

#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <string>
#include <string_view>
#include <sys/mman.h>
#include <unistd.h>

/// Ends the fuzzer with a report if the condition does not hold.
#define CHECK(condition)                                                       \
  do {                                                                         \
    if (!(condition)) {                                                        \
      std::fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__,   \
                   #condition);                                                \
      std::abort();                                                            \
    }                                                                          \
  } while (false)

namespace fuzz {

/// A file in memory that readers can open by its path.
class MemoryFile {
public:
  MemoryFile() : fd(memfd_create("fuzz", MFD_CLOEXEC)) { CHECK(fd >= 0); }
  ~MemoryFile() { close(fd); }

  /// The path of a file with these bytes, which replace the former ones.
  std::string set(std::string_view bytes) {
    CHECK(ftruncate(fd, 0) == 0);
    CHECK(pwrite(fd, bytes.data(), bytes.size(), 0) == ssize_t(bytes.size()));
    return "/proc/self/fd/" + std::to_string(fd);
  }

private:
  int fd;
};

/// A folder of this process. The destructor removes it.
class Folder {
public:
  Folder() {
    std::string pattern =
        std::filesystem::temp_directory_path().string() + "/lora-fuzz-XXXXXX";
    if (access("/dev/shm", W_OK) == 0)
      pattern = "/dev/shm/lora-fuzz-XXXXXX";
    CHECK(mkdtemp(pattern.data()));
    name = pattern;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(name, ignored);
  }

  const std::string &path() const { return name; }

  void write(const std::string &file, std::string_view bytes) {
    int fd = open((name + "/" + file).c_str(),
                  O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    CHECK(::write(fd, bytes.data(), bytes.size()) == ssize_t(bytes.size()));
    close(fd);
  }

  void remove(const std::string &file) { unlink((name + "/" + file).c_str()); }

private:
  std::string name;
};

} // namespace fuzz

#endif // LORA_TEST_FUZZ_CHECK_H
