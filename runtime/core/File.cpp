//===- File.cpp -----------------------------------------------------------===//

#include "lora-runtime/File.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
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
  if (data)
    munmap(const_cast<std::byte *>(data), size);
  if (fd >= 0)
    close(fd);
}

Expected<MappedFile> MappedFile::open(const std::string &path) {
  MappedFile file;
  file.name = path;
  file.fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file.fd < 0)
    return makeError(ErrorCode::InvalidFile, path,
                     ": cannot open: ", systemMessage(errno));
  struct stat facts;
  if (fstat(file.fd, &facts) != 0)
    return makeError(ErrorCode::System, path,
                     ": cannot read its size: ", systemMessage(errno));
  if (!S_ISREG(facts.st_mode))
    return makeError(ErrorCode::InvalidFile, path, ": not a regular file");
  if (facts.st_size == 0)
    return makeError(ErrorCode::InvalidFile, path, ": the file is empty");
  void *address =
      mmap(nullptr, size_t(facts.st_size), PROT_READ, MAP_SHARED, file.fd, 0);
  if (address == MAP_FAILED)
    return makeError(ErrorCode::System, path,
                     ": cannot map: ", systemMessage(errno));
  file.data = static_cast<const std::byte *>(address);
  file.size = size_t(facts.st_size);
  return file;
}

OutputFile::OutputFile(OutputFile &&other) noexcept {
  *this = std::move(other);
}

OutputFile &OutputFile::operator=(OutputFile &&other) noexcept {
  std::swap(target, other.target);
  std::swap(temporary, other.temporary);
  std::swap(end, other.end);
  std::swap(fd, other.fd);
  return *this;
}

OutputFile::~OutputFile() {
  if (fd < 0)
    return;
  close(fd);
  if (!temporary.empty())
    unlink(temporary.c_str());
}

Expected<OutputFile> OutputFile::create(const std::string &path,
                                        unsigned mode) {
  OutputFile file;
  // What a link points to is replaced, not the link.
  std::error_code code;
  std::filesystem::path canonical = std::filesystem::canonical(path, code);
  file.target = code ? path : canonical.string();
  // A device such as /dev/null is written to; a file must not take its place.
  struct stat status;
  if (stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode) &&
      !S_ISDIR(status.st_mode)) {
    file.fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    if (file.fd < 0)
      return makeError(ErrorCode::System, path,
                       ": cannot open: ", systemMessage(errno));
    return file;
  }
  // Several processes may write the same name; each has its own temporary.
  for (unsigned attempt = 0; attempt < 100 && file.fd < 0; ++attempt) {
    file.temporary = file.target + ".part." + std::to_string(getpid()) + "." +
                     std::to_string(attempt);
    file.fd = ::open(file.temporary.c_str(),
                     O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (file.fd < 0 && errno != EEXIST)
      break;
  }
  if (file.fd < 0)
    return makeError(ErrorCode::System, path,
                     ": cannot create: ", systemMessage(errno));
  return file;
}

Error OutputFile::writeAt(uint64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    // The kernel writes at most 2 GiB at once.
    size_t piece = std::min(bytes.size(), size_t(1) << 30);
    ssize_t written = pwrite(fd, bytes.data(), piece, off_t(offset));
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return makeError(ErrorCode::System, target, ": cannot write: ",
                       systemMessage(written == 0 ? ENOSPC : errno));
    bytes = bytes.subspan(size_t(written));
    offset += uint64_t(written);
  }
  return Error::success();
}

Error OutputFile::append(std::span<const std::byte> bytes) {
  if (Error error = writeAt(end, bytes))
    return error;
  end += bytes.size();
  return Error::success();
}

Error OutputFile::alignTo(uint64_t alignment) {
  std::vector<std::byte> zeros((alignment - end % alignment) % alignment);
  return append(zeros);
}

Error OutputFile::commit() {
  if (!temporary.empty() &&
      (fsync(fd) != 0 || rename(temporary.c_str(), target.c_str()) != 0))
    return makeError(ErrorCode::System, target,
                     ": cannot finish: ", systemMessage(errno));
  close(fd);
  fd = -1;
  return Error::success();
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

} // namespace lora_rt
