//===- Temporary.cpp - Names, locks, and who removes what -----------------===//
//
// The process that makes a temporary file or folder holds a shared lock of
// flock(2) on it. The lock ends with the process, and other containers see it,
// which is not true of process numbers. A process that removes a leftover first
// takes the exclusive lock, which it cannot get while the maker is alive.
//
//===----------------------------------------------------------------------===//

#include "lora-runtime/Temporary.h"
#include "lora-runtime/File.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <iterator>
#include <mutex>
#include <set>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace lora_rt {

namespace {

constexpr std::string_view suffix = ".part.lora-";

/// Names that must be removed when a signal ends the process. A handler may
/// only access lock-free atomics, so each name is a pointer that is exchanged
/// atomically.
constexpr size_t maxRegistered = 32;
std::atomic<char *> registered[maxRegistered];
/// Whether a handler is removing the names; how many steps are running that a
/// handler must not interrupt; and the signal that arrived meanwhile.
std::atomic<bool> isRemoving = false;
std::atomic<int> undivided = 0, waiting = 0;
static_assert(std::atomic<char *>::is_always_lock_free);

/// The signals that end a process and can be caught, except for faults.
constexpr int endingSignals[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGTERM,
                                 SIGPIPE, SIGXCPU, SIGXFSZ};
struct sigaction formerActions[std::size(endingSignals)];

/// The kernel's structure of getdents64(2); glibc declares it only since 2.30.
struct DirectoryEntry {
  uint64_t inode;
  int64_t offset;
  uint16_t length;
  uint8_t type;
  char name[];
};

/// Removes a file or a folder. Calls only functions that a signal handler may
/// call.
void removeAt(int parent, const char *name, int depth = 0) {
  constexpr int deepest = 16;
  if (unlinkat(parent, name, 0) == 0 || depth == deepest)
    return;
  int folder =
      openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (folder < 0)
    return;
  alignas(DirectoryEntry) char buffer[4096];
  for (;;) {
    long bytes = syscall(SYS_getdents64, folder, buffer, sizeof(buffer));
    if (bytes <= 0)
      break;
    for (long at = 0; at < bytes;) {
      auto *entry = reinterpret_cast<DirectoryEntry *>(buffer + at);
      if (std::strcmp(entry->name, ".") != 0 &&
          std::strcmp(entry->name, "..") != 0)
        removeAt(folder, entry->name, depth + 1);
      at += entry->length;
    }
  }
  close(folder);
  unlinkat(parent, name, AT_REMOVEDIR);
}

/// Removes what is not finished, then lets the signal have its former effect.
void endBySignal(int number) {
  int error = errno;
  isRemoving = true;
  if (undivided != 0) {
    isRemoving = false;
    waiting = number;
    errno = error;
    return;
  }
  removeTemporariesInHandler();
  for (size_t i = 0; i < std::size(endingSignals); ++i)
    if (endingSignals[i] == number)
      sigaction(number, &formerActions[i], nullptr);
  sigset_t one;
  sigemptyset(&one);
  sigaddset(&one, number);
  pthread_sigmask(SIG_UNBLOCK, &one, nullptr);
  raise(number);
  // The former handler returned, so the process goes on.
  isRemoving = false;
  errno = error;
}

/// Waits until a handler has removed everything.
void awaitRemoval() {
  while (isRemoving) {
    timespec pause = {0, 1'000'000};
    nanosleep(&pause, nullptr);
  }
}

/// Installs a handler for the signals that end a process, in front of the
/// former handlers. A signal that is ignored, as under nohup, stays ignored.
void watchSignals() {
  static std::once_flag once;
  std::call_once(once, [] {
    for (size_t i = 0; i < std::size(endingSignals); ++i) {
      struct sigaction action = {}, &former = formerActions[i];
      if (sigaction(endingSignals[i], nullptr, &former) != 0 ||
          former.sa_handler == SIG_IGN)
        continue;
      action.sa_handler = endBySignal;
      sigaction(endingSignals[i], &action, nullptr);
    }
  });
}

/// If the table is full, a signal does not remove this name; the next process
/// does.
void registerName(const std::string &name) {
  watchSignals();
  char *copy = strdup(name.c_str());
  for (std::atomic<char *> &entry : registered) {
    char *none = nullptr;
    if (entry.compare_exchange_strong(none, copy))
      return;
  }
  std::free(copy);
}

void unregisterName(const std::string &name) {
  for (std::atomic<char *> &entry : registered) {
    char *held = entry.load();
    if (held && name == held && entry.compare_exchange_strong(held, nullptr))
      return std::free(held);
  }
}

/// The form is NAME.part.lora-PID-N; NAME is empty inside a folder that must
/// stay.
bool isTemporaryName(std::string_view name) {
  size_t at = name.rfind(suffix);
  if (at == std::string_view::npos)
    return false;
  std::string_view rest = name.substr(at + suffix.size());
  size_t dash = rest.find('-');
  auto isNumber = [](std::string_view text) {
    return !text.empty() &&
           text.find_first_not_of("0123456789") == std::string_view::npos;
  };
  return dash != std::string_view::npos && isNumber(rest.substr(0, dash)) &&
         isNumber(rest.substr(dash + 1));
}

/// Removes an entry of a folder if it belongs to this user and nobody holds it.
void removeLeftover(int folder, const char *name) {
  struct stat named, opened;
  if (fstatat(folder, name, &named, AT_SYMLINK_NOFOLLOW) != 0 ||
      named.st_uid != geteuid() ||
      (!S_ISREG(named.st_mode) && !S_ISDIR(named.st_mode)))
    return;
  // Network file systems lock only files that are open for writing.
  int access = S_ISDIR(named.st_mode) ? O_RDONLY | O_DIRECTORY : O_RDWR;
  int descriptor =
      openat(folder, name, access | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0)
    return;
  if (fstat(descriptor, &opened) == 0 && opened.st_dev == named.st_dev &&
      opened.st_ino == named.st_ino &&
      flock(descriptor, LOCK_EX | LOCK_NB) == 0)
    removeAt(folder, name);
  close(descriptor);
}

} // namespace

void removeTemporariesInHandler() {
  for (std::atomic<char *> &entry : registered) {
    // The memory of the name leaks, because the process ends.
    char *name = entry.exchange(nullptr);
    // Another thread may still be writing to the folder. It cannot create files
    // there once the folder is gone.
    for (int attempt = 0; name && attempt < 100; ++attempt) {
      removeAt(AT_FDCWD, name);
      struct stat facts;
      if (fstatat(AT_FDCWD, name, &facts, AT_SYMLINK_NOFOLLOW) != 0)
        break;
      timespec pause = {0, 5'000'000};
      nanosleep(&pause, nullptr);
    }
  }
}

bool holdTemporary(int descriptor) {
  // On file systems without locks, nobody removes leftovers.
  if (flock(descriptor, LOCK_SH | LOCK_NB) != 0)
    return errno != EWOULDBLOCK;
  struct stat facts;
  return fstat(descriptor, &facts) == 0 && facts.st_nlink > 0;
}

Expected<std::string>
makeTemporary(const std::string &target,
              const std::function<int(const std::string &)> &make,
              int &descriptor) {
  int failure = 0;
  for (unsigned attempt = 0; attempt < 1000; ++attempt) {
    std::string name = target + std::string(suffix) + std::to_string(getpid()) +
                       "-" + std::to_string(attempt);
    registerName(name);
    int made = make(name);
    if (made >= 0 && holdTemporary(made)) {
      descriptor = made;
      return name;
    }
    failure = made >= 0 ? EEXIST : errno;
    if (made >= 0)
      close(made);
    forgetTemporary(name);
    if (failure != EEXIST)
      break;
  }
  return makeError(ErrorCode::System, target,
                   ": cannot create: ", systemMessage(failure));
}

void forgetTemporary(const std::string &name) {
  awaitRemoval();
  unregisterName(name);
}

void removeLeftovers(const std::string &folder) {
  static std::mutex mutex;
  static std::set<std::string> seen;
  std::lock_guard lock(mutex);
  if (!seen.insert(folder).second)
    return;
  DIR *entries = opendir(folder.c_str());
  if (!entries)
    return;
  while (const dirent *entry = readdir(entries))
    if (isTemporaryName(entry->d_name))
      removeLeftover(dirfd(entries), entry->d_name);
  closedir(entries);
}

void removeTree(const std::string &path) { removeAt(AT_FDCWD, path.c_str()); }

std::string temporaryRoot() {
  const char *folder = secure_getenv("TMPDIR");
  return folder && *folder ? folder : "/tmp";
}

TemporaryFolder::TemporaryFolder(TemporaryFolder &&other) noexcept
    : name(std::exchange(other.name, {})),
      descriptor(std::exchange(other.descriptor, -1)) {}

TemporaryFolder::~TemporaryFolder() {
  if (!name.empty()) {
    removeTree(name);
    forgetTemporary(name);
  }
  if (descriptor >= 0)
    close(descriptor);
}

Expected<TemporaryFolder> TemporaryFolder::create(const std::string &target,
                                                  unsigned mode) {
  size_t slash = target.rfind('/');
  removeLeftovers(slash == std::string::npos ? "."
                                             : target.substr(0, slash + 1));
  int descriptor = -1;
  Expected<std::string> name = makeTemporary(
      target,
      [&](const std::string &path) {
        if (mkdir(path.c_str(), mode) != 0)
          return -1;
        int opened =
            open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        // Another process may have removed it already; then another name is
        // tried.
        if (opened < 0 && errno == ENOENT)
          errno = EEXIST;
        return opened;
      },
      descriptor);
  if (!name)
    return name.takeError();
  return TemporaryFolder(std::move(*name), descriptor);
}

bool TemporaryFolder::finish(const std::function<bool()> &step) {
  ++undivided;
  awaitRemoval();
  bool done = step();
  int error = errno;
  if (done)
    unregisterName(std::exchange(name, {}));
  --undivided;
  if (int number = waiting.exchange(0))
    raise(number);
  errno = error;
  return done;
}

} // namespace lora_rt
