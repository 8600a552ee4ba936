//===- File.cpp - Files that appear whole or not at all -------------------===//

#include "lora-runtime/File.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <iterator>
#include <mutex>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace lora_rt {

std::string systemMessage(int number) {
  char buffer[256];
  return strerror_r(number, buffer, sizeof(buffer));
}

void releasePages(std::span<const std::byte> range) {
  static const uintptr_t page = uintptr_t(sysconf(_SC_PAGESIZE));
  uintptr_t first = reinterpret_cast<uintptr_t>(range.data());
  uintptr_t begin = (first + page - 1) / page * page;
  uintptr_t end = (first + range.size()) / page * page;
  if (begin < end)
    madvise(reinterpret_cast<void *>(begin), end - begin, MADV_DONTNEED);
}

MappedFile::MappedFile(MappedFile &&other) noexcept {
  *this = std::move(other);
}

MappedFile &MappedFile::operator=(MappedFile &&other) noexcept {
  std::swap(name, other.name);
  std::swap(data, other.data);
  std::swap(size, other.size);
  std::swap(fd, other.fd);
  return *this;
}

MappedFile::~MappedFile() {
  if (fd < 0)
    return; // Memory is its owner's.
  if (data)
    munmap(const_cast<std::byte *>(data), size);
  close(fd);
}

Expected<MappedFile> MappedFile::open(const std::string &path) {
  MappedFile file;
  file.name = path;
  // A pipe would wait for its other end.
  file.fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file.fd < 0)
    return makeError(ErrorCode::InvalidFile, path,
                     ": cannot open: ", systemMessage(errno));
  if (Error error = file.map())
    return error;
  return file;
}

Expected<MappedFile> MappedFile::fromDescriptor(int descriptor,
                                                const std::string &name) {
  MappedFile file;
  file.name = name;
  file.fd = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
  if (file.fd < 0)
    return makeError(ErrorCode::InvalidArgument, name,
                     ": cannot be used: ", systemMessage(errno));
  if (Error error = file.map())
    return error;
  return file;
}

MappedFile MappedFile::fromMemory(std::span<const std::byte> bytes,
                                  const std::string &name) {
  MappedFile file;
  file.name = name;
  file.data = bytes.data();
  file.size = bytes.size();
  return file;
}

Error MappedFile::map() {
  struct stat facts;
  if (fstat(fd, &facts) != 0)
    return makeError(ErrorCode::System, name,
                     ": cannot read its size: ", systemMessage(errno));
  if (!S_ISREG(facts.st_mode))
    return makeError(ErrorCode::InvalidFile, name, ": not a regular file");
  if (facts.st_size == 0)
    return makeError(ErrorCode::InvalidFile, name, ": the file is empty");
  void *address =
      mmap(nullptr, size_t(facts.st_size), PROT_READ, MAP_SHARED, fd, 0);
  if (address == MAP_FAILED)
    return makeError(ErrorCode::System, name,
                     ": cannot map: ", systemMessage(errno));
  // Fewer TLB misses and page faults, where the file system has large folios.
  // What is not in the page cache is read by a few MiB.
  madvise(address, size_t(facts.st_size), MADV_HUGEPAGE);
  data = static_cast<const std::byte *>(address);
  size = size_t(facts.st_size);
  return Error::success();
}

namespace {

/// Of a huge page.
constexpr uint64_t blockBytes = uint64_t(2) << 20;

/// Names of temporary files that a signal must not leave behind. A handler may
/// only touch lock-free atomics, so a name is a pointer that is swapped out.
constexpr size_t maxRegistered = 16;
std::atomic<char *> registered[maxRegistered];
static_assert(std::atomic<char *>::is_always_lock_free);

constexpr int endingSignals[] = {SIGHUP, SIGINT, SIGTERM};
struct sigaction formerActions[std::size(endingSignals)];

/// Removes what is half written, then lets the signal do what it did before.
void removeTemporaries(int number) {
  for (std::atomic<char *> &entry : registered)
    if (char *name = entry.exchange(nullptr))
      unlink(name); // Its memory leaks; the process ends.
  for (size_t i = 0; i < std::size(endingSignals); ++i)
    if (endingSignals[i] == number)
      sigaction(number, &formerActions[i], nullptr);
  raise(number);
}

/// Stands before whoever handles the signals that end a process. One that is
/// ignored, as under nohup, stays so.
void watchSignals() {
  static std::once_flag once;
  std::call_once(once, [] {
    for (size_t i = 0; i < std::size(endingSignals); ++i) {
      struct sigaction action = {}, &former = formerActions[i];
      if (sigaction(endingSignals[i], nullptr, &former) != 0 ||
          former.sa_handler == SIG_IGN)
        continue;
      action.sa_handler = removeTemporaries;
      sigaction(endingSignals[i], &action, nullptr);
    }
  });
}

/// Without room in the table, a signal leaves the file behind; nothing else.
void registerTemporary(const std::string &name) {
  watchSignals();
  char *copy = strdup(name.c_str());
  for (std::atomic<char *> &entry : registered) {
    char *none = nullptr;
    if (entry.compare_exchange_strong(none, copy))
      return;
  }
  std::free(copy);
}

void forgetTemporary(const std::string &name) {
  for (std::atomic<char *> &entry : registered) {
    char *held = entry.load();
    if (held && name == held && entry.compare_exchange_strong(held, nullptr))
      return std::free(held);
  }
}

std::string folderOf(const std::string &path) {
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

} // namespace

OutputFile::OutputFile(OutputFile &&other) noexcept {
  *this = std::move(other);
}

OutputFile &OutputFile::operator=(OutputFile &&other) noexcept {
  std::swap(target, other.target);
  std::swap(temporary, other.temporary);
  std::swap(mode, other.mode);
  std::swap(isDevice, other.isDevice);
  std::swap(end, other.end);
  std::swap(waiting, other.waiting);
  std::swap(fd, other.fd);
  return *this;
}

OutputFile::~OutputFile() {
  if (fd >= 0)
    close(fd);
  removeTemporary();
}

void OutputFile::removeTemporary() {
  if (temporary.empty())
    return;
  unlink(temporary.c_str());
  forgetTemporary(temporary);
  temporary.clear();
}

Expected<OutputFile> OutputFile::open(const std::string &path, unsigned mode) {
  OutputFile file;
  file.mode = mode;
  // What a link points to is replaced, not the link.
  std::error_code code;
  std::filesystem::path canonical = std::filesystem::canonical(path, code);
  file.target = code ? path : canonical.string();
  struct stat status;
  if (stat(path.c_str(), &status) != 0)
    return file;
  if (S_ISDIR(status.st_mode))
    return makeError(ErrorCode::System, path,
                     ": cannot create: there is a folder of this name");
  // A device such as /dev/null is written to; a file must not take its place.
  if (!S_ISREG(status.st_mode)) {
    file.isDevice = true;
    file.fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    if (file.fd < 0)
      return makeError(ErrorCode::System, path,
                       ": cannot open: ", systemMessage(errno));
  }
  return file;
}

Expected<OutputFile> OutputFile::create(const std::string &path,
                                        unsigned mode) {
  Expected<OutputFile> file = open(path, mode);
  if (!file || file->isDevice)
    return file;
  // A file without a name is gone whatever ends the process. It gets its name
  // through /proc.
  if (access("/proc/self/fd", X_OK) == 0) {
    file->fd = ::open(folderOf(file->target).c_str(),
                      O_TMPFILE | O_RDWR | O_CLOEXEC, mode);
    if (file->fd >= 0)
      return file;
  }
  // Not every file system has them; whatever else is wrong is wrong again.
  if (Error error = file->takeName())
    return error;
  return file;
}

Expected<OutputFile> OutputFile::createNamed(const std::string &path,
                                             unsigned mode) {
  Expected<OutputFile> file = open(path, mode);
  if (!file || file->isDevice)
    return file;
  if (Error error = file->takeName())
    return error;
  return file;
}

Error OutputFile::takeName() {
  std::string source = "/proc/self/fd/" + std::to_string(fd);
  int failure = 0;
  // Several processes may write the same name; each has its own temporary.
  for (unsigned attempt = 0; attempt < 100; ++attempt) {
    std::string name = target + ".part." + std::to_string(getpid()) + "." +
                       std::to_string(attempt);
    registerTemporary(name);
    int result = fd < 0 ? ::open(name.c_str(),
                                 O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode)
                        : linkat(AT_FDCWD, source.c_str(), AT_FDCWD,
                                 name.c_str(), AT_SYMLINK_FOLLOW);
    if (result >= 0) {
      if (fd < 0)
        fd = result;
      temporary = name;
      return Error::success();
    }
    failure = errno;
    forgetTemporary(name);
    if (failure != EEXIST)
      break;
  }
  return makeError(ErrorCode::System, target,
                   ": cannot create: ", systemMessage(failure));
}

Error OutputFile::write(uint64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    // The kernel writes at most 2 GiB at once.
    size_t piece = std::min(bytes.size(), size_t(1) << 30);
    ssize_t written = pwrite(fd, bytes.data(), piece, off_t(offset));
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return makeError(ErrorCode::System, target, ": cannot write: ",
                       systemMessage(written == 0 ? ENOSPC : errno));
    // The disk begins now instead of in commit. Only advice: whatever goes
    // wrong is found there.
    if (uint64_t(written) >= blockBytes)
      (void)sync_file_range(fd, off_t(offset), off_t(written),
                            SYNC_FILE_RANGE_WRITE);
    bytes = bytes.subspan(size_t(written));
    offset += uint64_t(written);
  }
  return Error::success();
}

Error OutputFile::writeAt(uint64_t offset, std::span<const std::byte> bytes) {
  if (Error error = flush())
    return error;
  return write(offset, bytes);
}

Error OutputFile::flush() {
  if (Error error = write(end - waiting.size(), waiting))
    return error;
  waiting.clear();
  return Error::success();
}

Error OutputFile::append(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    size_t room = size_t(blockBytes - end % blockBytes);
    size_t count = std::min(bytes.size(), room);
    if (isDevice || (waiting.empty() && count == blockBytes)) {
      // Whole blocks need not wait.
      count = isDevice ? bytes.size() : bytes.size() / blockBytes * blockBytes;
      if (Error error = write(end, bytes.first(count)))
        return error;
    } else {
      waiting.insert(waiting.end(), bytes.begin(), bytes.begin() + count);
    }
    end += count;
    bytes = bytes.subspan(count);
    if (end % blockBytes == 0)
      if (Error error = flush())
        return error;
  }
  return Error::success();
}

Error OutputFile::alignTo(uint64_t alignment) {
  std::vector<std::byte> zeros((alignment - end % alignment) % alignment);
  return append(zeros);
}

Error OutputFile::commit() {
  if (Error error = flush())
    return error;
  auto fail = [&]() {
    return makeError(ErrorCode::System, target,
                     ": cannot finish: ", systemMessage(errno));
  };
  if (!isDevice) {
    if (fsync(fd) != 0)
      return fail();
    bool isThere = false;
    if (temporary.empty()) {
      std::string source = "/proc/self/fd/" + std::to_string(fd);
      isThere = linkat(AT_FDCWD, source.c_str(), AT_FDCWD, target.c_str(),
                       AT_SYMLINK_FOLLOW) == 0;
      // A file that is replaced must be renamed over: a link cannot.
      if (!isThere)
        if (Error error = takeName())
          return error;
    }
    if (!isThere) {
      if (rename(temporary.c_str(), target.c_str()) != 0)
        return fail();
      forgetTemporary(temporary);
      temporary.clear();
    }
  }
  int closed = close(fd);
  fd = -1;
  // Network file systems report a full disk only here.
  return closed == 0 ? Error::success() : fail();
}

Expected<std::string> readTextFile(const std::string &path, uint64_t limit) {
  Expected<MappedFile> file = MappedFile::open(path);
  if (!file)
    return file.takeError();
  if (file->bytes().size() > limit)
    return makeError(ErrorCode::InvalidFile, path, ": ", file->bytes().size(),
                     " bytes, but at most ", limit, " make sense here");
  return std::string(reinterpret_cast<const char *>(file->bytes().data()),
                     file->bytes().size());
}

Error writeTextFile(const std::string &path, std::string_view text) {
  Expected<OutputFile> file = OutputFile::create(path);
  if (!file)
    return file.takeError();
  if (Error error = file->append(std::as_bytes(std::span(text))))
    return error;
  return file->commit();
}

} // namespace lora_rt
