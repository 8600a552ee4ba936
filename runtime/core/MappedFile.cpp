//===- MappedFile.cpp - Files as memory, and which they are ---------------===//
//
// Maps files read-only. If a file becomes shorter while it is mapped, the
// kernel sends SIGBUS. So all mappings are in a list, which a signal handler
// can read to find the name of the file.
//
//===----------------------------------------------------------------------===//

#include "lora-runtime/File.h"

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace lora_rt {

namespace {

/// A mapping, or a free entry. Entries are never freed, but used again.
struct Mapping {
  std::atomic<bool> isTaken = true;
  std::atomic<uintptr_t> begin = 0, end = 0;
  std::atomic<char *> name = nullptr;
  Mapping *next = nullptr;
};

std::atomic<Mapping *> mappings = nullptr;

Mapping *takePlace() {
  for (Mapping *at = mappings; at; at = at->next) {
    bool taken = false;
    if (at->isTaken.compare_exchange_strong(taken, true))
      return at;
  }
  auto *added = new Mapping();
  added->next = mappings;
  while (!mappings.compare_exchange_weak(added->next, added)) {
  }
  return added;
}

void addMapping(const std::byte *data, size_t size, const std::string &name) {
  Mapping *place = takePlace();
  place->name = strdup(name.c_str());
  place->begin = reinterpret_cast<uintptr_t>(data);
  place->end = reinterpret_cast<uintptr_t>(data) + size;
}

void removeMapping(const std::byte *data) {
  for (Mapping *at = mappings; at; at = at->next)
    if (at->begin == reinterpret_cast<uintptr_t>(data)) {
      at->end = 0;
      at->begin = 0;
      std::free(at->name.exchange(nullptr));
      at->isTaken = false;
      return;
    }
}

} // namespace

const char *mappedFileAt(const void *address) {
  auto at = reinterpret_cast<uintptr_t>(address);
  for (Mapping *mapping = mappings; mapping; mapping = mapping->next)
    if (mapping->begin <= at && at < mapping->end)
      return mapping->name;
  return nullptr;
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
    return; // The memory belongs to the caller.
  if (data) {
    removeMapping(data);
    munmap(const_cast<std::byte *>(data), size);
  }
  close(fd);
}

Expected<MappedFile> MappedFile::open(const std::string &path) {
  MappedFile file;
  file.name = path;
  // Opening a pipe would block until its other end is opened.
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
    return makeError(ErrorCode::InvalidFile, name,
                     ": the file is empty; fetch it again");
  void *address =
      mmap(nullptr, size_t(facts.st_size), PROT_READ, MAP_SHARED, fd, 0);
  if (address == MAP_FAILED)
    return makeError(ErrorCode::System, name,
                     ": cannot map: ", systemMessage(errno));
  // Huge pages need fewer TLB entries and page faults, where the file system
  // has large folios. Data that is not in the page cache is then read in pieces
  // of a few MiB.
  madvise(address, size_t(facts.st_size), MADV_HUGEPAGE);
  data = static_cast<const std::byte *>(address);
  size = size_t(facts.st_size);
  addMapping(data, size, name);
  return Error::success();
}

} // namespace lora_rt
