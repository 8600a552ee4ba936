//===- StagedFolder.cpp - A folder that appears when it is complete -------===//
//
// rename(2) replaces an empty folder in one step and refuses one that is not. A
// signal that ends the process removes what is staged first. A handler may not
// walk folders, so it wakes a thread that does.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Support/StagedFolder.h"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <iterator>
#include <mutex>
#include <semaphore.h>
#include <set>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

using namespace lora;
using lora_rt::Error;
using lora_rt::ErrorCode;
using lora_rt::Expected;
using lora_rt::makeError;
namespace fs = std::filesystem;

namespace {

/// The folders that a signal must not leave behind.
class StagedFolders {
public:
  /// Never destroyed: the thread that waits may outlive main.
  static StagedFolders &get() {
    static auto *all = new StagedFolders();
    return *all;
  }

  void add(const std::string &folder) {
    std::lock_guard<std::mutex> lock(mutex);
    if (!isWatched) {
      isWatched = true;
      watch();
    }
    folders.insert(folder);
  }
  void remove(const std::string &folder) {
    std::lock_guard<std::mutex> lock(mutex);
    folders.erase(folder);
  }

private:
  void watch() {
    sem_init(&wake, 0, 0);
    for (size_t i = 0; i < std::size(endingSignals); ++i) {
      struct sigaction action = {};
      // One that is ignored, as under nohup, stays so.
      if (sigaction(endingSignals[i], nullptr, &former[i]) != 0 ||
          former[i].sa_handler == SIG_IGN)
        continue;
      action.sa_handler = [](int number) {
        received = number;
        sem_post(&wake);
      };
      sigaction(endingSignals[i], &action, nullptr);
    }
    std::thread([this] {
      while (sem_wait(&wake) != 0) {
      }
      // Held to the end, so that no thread gets past the end of its folder.
      std::lock_guard<std::mutex> lock(mutex);
      for (const std::string &folder : folders)
        removeBusy(folder);
      // What would have happened without us.
      for (size_t i = 0; i < std::size(endingSignals); ++i)
        if (endingSignals[i] == received)
          sigaction(received, &former[i], nullptr);
      raise(received);
    }).detach();
  }

  /// Another thread may still be writing; without its folder it cannot go on.
  static void removeBusy(const std::string &folder) {
    std::error_code code;
    for (int attempt = 0; attempt < 100 && fs::exists(folder, code);
         ++attempt) {
      fs::remove_all(folder, code);
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }

  static constexpr int endingSignals[] = {SIGHUP, SIGINT, SIGTERM};
  // What a handler may touch.
  static inline sem_t wake;
  static inline std::atomic<int> received = 0;

  struct sigaction former[std::size(endingSignals)] = {};
  std::mutex mutex;
  std::set<std::string> folders;
  bool isWatched = false;
};

} // namespace

StagedFolder::StagedFolder(StagedFolder &&other) noexcept
    : target(std::move(other.target)),
      staging(std::exchange(other.staging, {})) {}

StagedFolder::~StagedFolder() {
  std::error_code ignored;
  if (staging.empty())
    return;
  fs::remove_all(staging, ignored);
  StagedFolders::get().remove(staging);
}

Expected<StagedFolder> StagedFolder::create(const std::string &path) {
  std::string target = path;
  while (target.size() > 1 && target.back() == '/')
    target.pop_back();
  std::error_code code;
  if (target.empty())
    return makeError(ErrorCode::InvalidArgument,
                     "expected the name of a folder to write");
  if (fs::exists(fs::symlink_status(target, code))) {
    bool isFolder = fs::is_directory(target, code);
    if (!isFolder || !fs::is_empty(target, code) || code)
      return makeError(ErrorCode::InvalidArgument, target,
                       isFolder ? ": the folder is not empty"
                                : ": is not a folder",
                       "; give a new name, or remove it first");
    // What a link points to is replaced, not the link.
    if (fs::path real = fs::canonical(target, code); !code)
      target = real.string();
  }
  for (unsigned attempt = 0; attempt < 100; ++attempt) {
    std::string staging = target + ".part." + std::to_string(getpid()) + "." +
                          std::to_string(attempt);
    if (mkdir(staging.c_str(), 0777) == 0) {
      StagedFolders::get().add(staging);
      return StagedFolder(target, staging);
    }
    if (errno != EEXIST)
      break;
  }
  return makeError(ErrorCode::System, target,
                   ": cannot create: ", lora_rt::systemMessage(errno));
}

Error StagedFolder::writeText(const std::string &file,
                              const std::string &text) const {
  return lora_rt::writeTextFile(pathOf(file), text);
}

Error StagedFolder::copyFile(const std::string &from, const std::string &file) {
  // A mapping of nothing is an error; a file of nothing is not.
  std::error_code code;
  if (fs::file_size(from, code) == 0 && !code)
    return writeText(file, "");
  auto in = lora_rt::MappedFile::open(from);
  if (!in)
    return in.takeError();
  auto out = lora_rt::OutputFile::create(pathOf(file));
  if (!out)
    return out.takeError();
  if (Error error = out->append(in->bytes()))
    return error;
  return out->commit();
}

/// Makes a folder's entries last.
static bool syncFolder(const std::string &path) {
  int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return false;
  // Some file systems have no fsync for folders.
  bool done = fsync(fd) == 0 || errno == EINVAL;
  close(fd);
  return done;
}

Error StagedFolder::commit() {
  std::string parent = fs::path(target).parent_path().string();
  if (!syncFolder(staging) || rename(staging.c_str(), target.c_str()) != 0)
    return makeError(ErrorCode::System, target,
                     ": cannot finish: ", lora_rt::systemMessage(errno));
  StagedFolders::get().remove(staging);
  staging.clear();
  (void)syncFolder(parent.empty() ? "." : parent);
  return Error::success();
}
