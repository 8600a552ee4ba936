//===- File.cpp - Files that appear whole or not at all -------------------===//
//
// The implementation of OutputFile and of the small helpers in File.h. An
// output is written without a name or under a temporary name, flushed, and then
// renamed. If the process ends before that, the target keeps its old contents.
//
//===----------------------------------------------------------------------===//

#include "lora-runtime/File.h"
#include "lora-runtime/Temporary.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace lora_rt {

std::string systemMessage(int number) {
  char buffer[256];
  return strerror_r(number, buffer, sizeof(buffer));
}

namespace {

/// The size of a huge page on x86-64.
constexpr uint64_t blockBytes = uint64_t(2) << 20;

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
  std::swap(replaced, other.replaced);
  std::swap(isDevice, other.isDevice);
  std::swap(end, other.end);
  std::swap(waiting, other.waiting);
  std::swap(fd, other.fd);
  return *this;
}

OutputFile::~OutputFile() {
  if (!temporary.empty()) {
    unlink(temporary.c_str());
    forgetTemporary(temporary);
  }
  if (fd >= 0)
    close(fd);
}

Expected<OutputFile> OutputFile::open(const std::string &path, unsigned mode) {
  OutputFile file;
  file.mode = mode;
  // The file that a link points to is replaced, not the link.
  std::error_code code;
  std::filesystem::path canonical = std::filesystem::canonical(path, code);
  file.target = code ? path : canonical.string();
  removeLeftovers(folderOf(file.target));
  struct stat status;
  if (stat(path.c_str(), &status) != 0)
    return file;
  if (S_ISDIR(status.st_mode))
    return makeError(ErrorCode::System, path,
                     ": cannot create: there is a folder of this name");
  file.replaced = {status.st_mode & 0777u, status.st_uid, status.st_gid};
  // A device such as /dev/null is opened and written to. A file must not
  // replace it.
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
  // The kernel removes a file without a name, however the process ends. The
  // file gets its name through /proc.
  if (access("/proc/self/fd", X_OK) == 0) {
    file->fd = ::open(folderOf(file->target).c_str(),
                      O_TMPFILE | O_RDWR | O_CLOEXEC, file->startMode());
    if (file->fd >= 0)
      return file;
  }
  // Not every file system has unnamed files. Any other failure occurs again in
  // takeName, which reports it.
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
  // Several processes may write the same target. Each has its own temporary
  // name.
  int made = -1;
  Expected<std::string> name = makeTemporary(
      target,
      [&](const std::string &path) {
        if (fd < 0)
          return ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
                        startMode());
        // The file is locked before others can see it.
        (void)flock(fd, LOCK_SH | LOCK_NB);
        return linkTo(path) == 0 ? dup(fd) : -1;
      },
      made);
  if (!name)
    return name.takeError();
  if (fd < 0)
    fd = made;
  else
    close(made);
  temporary = std::move(*name);
  return Error::success();
}

int OutputFile::linkTo(const std::string &path) const {
  std::string source = "/proc/self/fd/" + std::to_string(fd);
  return linkat(AT_FDCWD, source.c_str(), AT_FDCWD, path.c_str(),
                AT_SYMLINK_FOLLOW);
}

Error OutputFile::endWriting() {
  std::string source =
      temporary.empty() ? "/proc/self/fd/" + std::to_string(fd) : temporary;
  int reader = ::open(source.c_str(), O_RDONLY | O_CLOEXEC);
  // If the user may not read the file, it stays open for writing.
  if (reader < 0)
    return Error::success();
  (void)flock(reader, LOCK_SH | LOCK_NB);
  int closed = close(std::exchange(fd, reader));
  // Network file systems report a full disk only when the file is closed.
  return closed == 0 ? Error::success() : cannotFinish();
}

Error OutputFile::takeRights() {
  if (!replaced)
    return Error::success();
  unsigned rights = replaced->mode;
  // Who may read the file may also run it if it is a program now.
  if (mode & 0111)
    rights |= (rights & 0444) >> 2;
  // The file keeps the owner of the replaced one, where the system permits
  // that.
  if (fchown(fd, uid_t(-1), replaced->group) != 0)
    rights &= 0707u | (rights & 7) << 3;
  (void)!fchown(fd, replaced->owner, gid_t(-1));
  return fchmod(fd, rights) == 0 ? Error::success() : cannotFinish();
}

Error OutputFile::cannotFinish() const {
  return makeError(ErrorCode::System, target,
                   ": cannot finish: ", systemMessage(errno));
}

Error OutputFile::write(uint64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    // The kernel writes at most 2 GiB in one call.
    size_t piece = std::min(bytes.size(), size_t(1) << 30);
    ssize_t written = pwrite(fd, bytes.data(), piece, off_t(offset));
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return makeError(ErrorCode::System, target, ": cannot write: ",
                       systemMessage(written == 0 ? ENOSPC : errno));
    // Asks the disk to begin now instead of in commit. This is only advice:
    // commit finds any error.
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
    size_t left = size_t(blockBytes - end % blockBytes);
    size_t count = std::min(bytes.size(), left);
    if (isDevice || (waiting.empty() && count == blockBytes)) {
      // Only whole blocks are written now.
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
  if (!isDevice) {
    if (fsync(fd) != 0)
      return cannotFinish();
    // The kernel does not start a program that a process has open for writing
    // ("text file busy"). So the file is closed before it gets its name.
    if (Error error = endWriting())
      return error;
    if (Error error = takeRights())
      return error;
    // A link cannot replace a file that exists; only rename can.
    if (temporary.empty() && linkTo(target) != 0)
      if (Error error = takeName())
        return error;
    if (!temporary.empty()) {
      if (rename(temporary.c_str(), target.c_str()) != 0)
        return cannotFinish();
      forgetTemporary(temporary);
      temporary.clear();
    }
  }
  return close(std::exchange(fd, -1)) == 0 ? Error::success() : cannotFinish();
}

Expected<std::string> readTextFile(const std::string &path, uint64_t limit) {
  // Opening a pipe would block until its other end is opened.
  int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0)
    return makeError(ErrorCode::InvalidFile, path,
                     ": cannot open: ", systemMessage(errno));
  auto read = [&]() -> Expected<std::string> {
    struct stat facts;
    if (fstat(file, &facts) != 0)
      return makeError(ErrorCode::System, path,
                       ": cannot read its size: ", systemMessage(errno));
    if (!S_ISREG(facts.st_mode))
      return makeError(ErrorCode::InvalidFile, path, ": not a regular file");
    if (uint64_t(facts.st_size) > limit)
      return makeError(ErrorCode::InvalidFile, path, ": ", facts.st_size,
                       " bytes, but at most ", limit, " make sense here");
    // The file is read, not mapped: it may become shorter meanwhile.
    std::string text(size_t(facts.st_size), '\0');
    size_t done = 0;
    while (done < text.size()) {
      ssize_t count = ::read(file, text.data() + done, text.size() - done);
      if (count < 0 && errno == EINTR)
        continue;
      if (count < 0)
        return makeError(ErrorCode::System, path,
                         ": cannot read: ", systemMessage(errno));
      if (count == 0)
        break;
      done += size_t(count);
    }
    text.resize(done);
    if (text.empty())
      return makeError(ErrorCode::InvalidFile, path, ": the file is empty");
    return text;
  };
  Expected<std::string> text = read();
  close(file);
  return text;
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
