//===- Cache.cpp - Entries of the cache, their checks and removal ---------===//
//
// An entry is a header and the bytes. The header contains the key, so that a
// file under another name is not a valid entry. It also contains a checksum, so
// that nothing must be flushed to the disk: an entry that a power failure
// damaged is detected and computed again.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Support/Cache.h"
#include "lora-runtime/File.h"
#include "lora-runtime/Payload.h"
#include "lora-runtime/Temporary.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

using namespace lora;
namespace fs = std::filesystem;

namespace {

constexpr std::string_view magic = "lora-mlir cache 1\n";
constexpr size_t keyDigits = 64, checksumDigits = 16;
/// The magic, the key, the checksum of the bytes.
constexpr size_t headerBytes = magic.size() + keyDigits + checksumDigits;

/// Owns a descriptor. The destructor closes it.
class Descriptor {
public:
  explicit Descriptor(int number) : number(number) {}
  Descriptor(const Descriptor &) = delete;
  Descriptor &operator=(const Descriptor &) = delete;
  ~Descriptor() {
    if (number >= 0)
      close(number);
  }
  Descriptor(Descriptor &&other) : number(std::exchange(other.number, -1)) {}
  explicit operator bool() const { return number >= 0; }
  int get() const { return number; }
  /// Closes the descriptor and returns whether this succeeded: some file
  /// systems report a full disk only then.
  bool finish() { return close(std::exchange(number, -1)) == 0; }

private:
  int number;
};

bool isKey(std::string_view text) {
  return text.size() == keyDigits &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

/// The reason why a file or folder cannot be trusted; empty if only this user
/// and root may have written it.
std::string distrust(const struct stat &facts) {
  if (facts.st_uid != geteuid() && facts.st_uid != 0)
    return "it belongs to user " + std::to_string(facts.st_uid);
  if (facts.st_mode & (S_IWGRP | S_IWOTH))
    return "others may write to it; chmod go-w makes it yours alone";
  return {};
}

/// Opens a file that only this user and root may have written.
Descriptor openTrusted(const std::string &name, struct stat &facts) {
  // O_NONBLOCK: to open a pipe would otherwise wait for its writer.
  Descriptor file(
      ::open(name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  bool isTrusted = file && fstat(file.get(), &facts) == 0 &&
                   S_ISREG(facts.st_mode) && distrust(facts).empty();
  return isTrusted ? std::move(file) : Descriptor(-1);
}

std::string headerOf(std::string_view key, std::string_view bytes) {
  return std::string(magic) + std::string(key) +
         lora_rt::checksum(std::as_bytes(std::span(bytes)));
}

bool readAll(int file, std::string &bytes) {
  for (size_t done = 0; done < bytes.size();) {
    ssize_t count = read(file, bytes.data() + done, bytes.size() - done);
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0)
      return false;
    done += size_t(count);
  }
  return true;
}

bool writeAll(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t count = write(file, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0)
      return false;
    bytes.remove_prefix(size_t(count));
  }
  return true;
}

/// Creates a folder and its missing parents, with the mode that the base
/// directory specification requires.
void makeFolders(const fs::path &folder) {
  if (mkdir(folder.c_str(), 0700) == 0 || errno != ENOENT ||
      !folder.has_parent_path())
    return;
  makeFolders(folder.parent_path());
  (void)mkdir(folder.c_str(), 0700);
}

/// The value of an environment variable if it is an absolute path; otherwise
/// empty.
std::string absolute(const char *variable) {
  const char *value = secure_getenv(variable);
  return value && *value == '/' ? value : "";
}

} // namespace

std::string Cache::root() {
  // "off" is no absolute path either. Another value that is none is a mistake,
  // such as "OFF" or "~/cache", and would name a folder below the current one.
  if (const char *own = secure_getenv("LORA_CACHE"); own && *own)
    return absolute("LORA_CACHE");
  // Relative paths are invalid according to the base directory specification.
  if (std::string folder = absolute("XDG_CACHE_HOME"); !folder.empty())
    return folder + "/lora-mlir";
  if (std::string home = absolute("HOME"); !home.empty())
    return home + "/.cache/lora-mlir";
  return {};
}

std::optional<Cache>
Cache::open(const std::string &kind, uint64_t limit,
            const std::function<void(const std::string &)> &note) {
  std::string folder = root();
  if (folder.empty()) {
    std::string_view own = "off";
    if (const char *value = secure_getenv("LORA_CACHE"); value && *value)
      own = value;
    if (note && own != "off")
      note("the cache is not used: LORA_CACHE is '" +
           lora_rt::readableMessage(std::string(own)) +
           "', but must be an absolute path, or 'off'");
    return std::nullopt;
  }
  return openFolder(folder + "/" + kind, limit, note);
}

std::optional<Cache>
Cache::openFolder(const std::string &folder, uint64_t limit,
                  const std::function<void(const std::string &)> &note) {
  makeFolders(folder);
  struct stat facts;
  if (stat(folder.c_str(), &facts) != 0 || !S_ISDIR(facts.st_mode))
    return std::nullopt;
  if (std::string reason = distrust(facts); !reason.empty()) {
    if (note)
      note("the cache " + folder + " is not used: " + reason);
    return std::nullopt;
  }
  return Cache(folder, limit);
}

std::optional<std::string> Cache::find(std::string_view key) const {
  if (!isKey(key))
    return std::nullopt;
  struct stat facts;
  Descriptor file = openTrusted(fileOf(key), facts);
  if (!file || facts.st_size < off_t(headerBytes) ||
      uint64_t(facts.st_size) > limit)
    return std::nullopt;
  std::string header(headerBytes, '\0'),
      bytes(size_t(facts.st_size) - headerBytes, '\0');
  if (!readAll(file.get(), header) || !readAll(file.get(), bytes) ||
      header != headerOf(key, bytes))
    return std::nullopt;
  // The time of the last use. Without the permission to change it, it remains
  // the time at which the entry was stored.
  (void)futimens(file.get(), nullptr);
  return bytes;
}

std::optional<std::string> Cache::findFile(std::string_view key) const {
  if (!isKey(key))
    return std::nullopt;
  std::string name = fileOf(key);
  struct stat facts;
  Descriptor file = openTrusted(name, facts);
  if (!file)
    return std::nullopt;
  (void)futimens(file.get(), nullptr);
  return name;
}

void Cache::store(std::string_view key, std::string_view bytes) const {
  if (!isKey(key) || bytes.size() + headerBytes > limit)
    return;
  std::string name = fileOf(key);
  lora_rt::removeLeftovers(path);
  int made = -1;
  auto temporary = lora_rt::makeTemporary(
      name,
      [](const std::string &unfinished) {
        return ::open(unfinished.c_str(),
                      O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
      },
      made);
  if (!temporary)
    return;
  Descriptor file(made);
  bool isWritten = writeAll(file.get(), headerOf(key, bytes)) &&
                   writeAll(file.get(), bytes) && file.finish();
  if (!isWritten || rename(temporary->c_str(), name.c_str()) != 0)
    unlink(temporary->c_str());
  lora_rt::forgetTemporary(*temporary);
  if (isWritten)
    removeOldest();
}

void Cache::removeOldest() const {
  struct Entry {
    timespec used;
    uint64_t bytes;
    std::string name;
  };
  std::vector<Entry> entries;
  uint64_t total = 0;
  std::error_code code;
  for (fs::directory_iterator it(path, code), end; !code && it != end;
       it.increment(code)) {
    struct stat facts;
    std::string name = it->path().string();
    if (!isKey(it->path().filename().string()) ||
        lstat(name.c_str(), &facts) != 0 || !S_ISREG(facts.st_mode))
      continue;
    entries.push_back({facts.st_mtim, uint64_t(facts.st_size), name});
    total += entries.back().bytes;
  }
  if (total <= limit)
    return;
  std::sort(entries.begin(), entries.end(), [](const Entry &a, const Entry &b) {
    return std::pair(a.used.tv_sec, a.used.tv_nsec) <
           std::pair(b.used.tv_sec, b.used.tv_nsec);
  });
  entries.pop_back(); // The newest one is in use.
  for (const Entry &entry : entries) {
    if (total <= limit)
      break;
    // A process that reads the entry has it open. The failure if another
    // process has already removed it is ignored.
    (void)unlink(entry.name.c_str());
    total -= entry.bytes;
  }
}
