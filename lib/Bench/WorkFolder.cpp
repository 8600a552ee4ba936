//===- WorkFolder.cpp - Files of a run, and its end by a signal -----------===//
//
// Makes and removes the folder of a run, times copies of checkpoints, and notes
// signals so that a run can remove its files before it ends.
//
//===----------------------------------------------------------------------===//

#include "WorkFolder.h"
#include "Process.h"
#include "lora-runtime/Clock.h"
#include "lora-runtime/File.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <unistd.h>

using namespace lora::bench;
using namespace lora_rt;
namespace fs = std::filesystem;

static volatile std::sig_atomic_t signalled = 0;

static void noteSignal(int number) { signalled = number; }

void lora::bench::endOnSignals() {
  struct sigaction action = {};
  // There is no SA_RESTART, so that waiting for a program returns.
  action.sa_handler = noteSignal;
  for (int number : {SIGINT, SIGTERM, SIGHUP})
    sigaction(number, &action, nullptr);
}

bool lora::bench::isEnding() { return signalled; }

void lora::bench::passOnSignal() {
  if (!signalled)
    return;
  std::signal(signalled, SIG_DFL);
  std::raise(signalled);
}

Expected<WorkFolder> WorkFolder::create(const std::string &parent, bool keeps) {
  std::error_code code;
  fs::path folder = parent.empty() ? temporaryRoot() : parent;
  fs::create_directories(folder, code);
  WorkFolder work;
  if (keeps) {
    work.folder = (folder / "lora-bench-XXXXXX").string();
    if (!mkdtemp(work.folder.data()))
      return makeError(ErrorCode::System, folder.string(),
                       ": cannot make a folder there: ", systemMessage(errno));
    return work;
  }
  Expected<TemporaryFolder> made =
      TemporaryFolder::create((folder / "lora-bench").string(), 0700);
  if (!made)
    return made.takeError();
  work.folder = made->path();
  work.temporary.emplace(std::move(*made));
  return work;
}

/// The safetensors files of a folder.
static std::vector<fs::path> weightFiles(const std::string &folder) {
  std::vector<fs::path> files;
  std::error_code code;
  for (const fs::directory_entry &entry : fs::directory_iterator(folder, code))
    if (entry.path().extension() == ".safetensors")
      files.push_back(entry.path());
  return files;
}

uint64_t lora::bench::checkpointBytes(const std::string &modelFolder) {
  uint64_t bytes = 0;
  std::error_code code;
  for (const fs::path &file : weightFiles(modelFolder))
    bytes += fs::file_size(file, code);
  return bytes;
}

namespace {

struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0)
      close(fd);
  }
};

} // namespace

/// The copy goes through a buffer. An operating system that shares blocks
/// between files would otherwise copy nothing.
static Error copyFile(const fs::path &from, const fs::path &to) {
  auto fail = [](const fs::path &file) {
    return makeError(ErrorCode::System, file.string(),
                     ": cannot be copied: ", systemMessage(errno));
  };
  Descriptor in{open(from.c_str(), O_RDONLY | O_CLOEXEC)};
  if (in.fd < 0)
    return fail(from);
  Descriptor out{
      open(to.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)};
  if (out.fd < 0)
    return fail(to);
  std::vector<char> buffer(size_t(4) << 20);
  for (;;) {
    ssize_t count = read(in.fd, buffer.data(), buffer.size());
    if (count < 0)
      return fail(from);
    if (count == 0)
      break;
    for (ssize_t done = 0; done < count;) {
      ssize_t written =
          write(out.fd, buffer.data() + done, size_t(count - done));
      if (written < 0)
        return fail(to);
      done += written;
    }
  }
  return fsync(out.fd) == 0 ? Error::success() : fail(to);
}

Expected<double> lora::bench::timeCopy(const std::string &modelFolder,
                                       const std::string &target) {
  std::error_code code;
  fs::create_directories(target, code);
  double start = now();
  for (const fs::path &file : weightFiles(modelFolder))
    if (Error error = copyFile(file, fs::path(target) / file.filename())) {
      fs::remove_all(target, code);
      return error;
    }
  double seconds = now() - start;
  fs::remove_all(target, code);
  return seconds;
}

Error lora::bench::checkSpace(const std::string &folder, uint64_t needed) {
  std::error_code code;
  fs::space_info space = fs::space(folder, code);
  if (code || space.available >= needed)
    return Error::success();
  char text[96];
  std::snprintf(text, sizeof(text), "%.1f GB are needed, %.1f GB are free",
                double(needed) * 1e-9, double(space.available) * 1e-9);
  return makeError(ErrorCode::System, folder, ": no space: ", text);
}

std::string lora::bench::programFolder() {
  std::error_code code;
  return fs::read_symlink("/proc/self/exe", code).parent_path().string();
}
