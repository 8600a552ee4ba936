//===- FolderPlacing.cpp - Giving a complete folder its name --------------===//
//
// Implements FolderPlacing.h by renameat2, with ways for file systems that do
// not have its flags. errno is that of the step that failed.
//
//===----------------------------------------------------------------------===//

#include "FolderPlacing.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

using namespace lora;
namespace fs = std::filesystem;

// Constants of linux/fs.h and linux/stat.h, which older C libraries do not
// declare.
static constexpr unsigned kNoReplace = 1, kExchange = 2;
static constexpr uint64_t kMountRoot = 0x2000;

static int renameWith(const fs::path &from, const fs::path &to,
                      unsigned flags) {
  return int(syscall(SYS_renameat2, AT_FDCWD, from.c_str(), AT_FDCWD,
                     to.c_str(), flags));
}

/// Renames a file unless the new name exists.
static bool moveEntry(const fs::path &from, const fs::path &to) {
  if (renameWith(from, to, kNoReplace) == 0)
    return true;
  // Not every file system supports the flag.
  if (errno != EINVAL && errno != ENOSYS)
    return false;
  struct stat facts;
  if (lstat(to.c_str(), &facts) == 0) {
    errno = EEXIST;
    return false;
  }
  return rename(from.c_str(), to.c_str()) == 0;
}

static bool isSame(const fs::path &a, const fs::path &b) {
  struct stat first, second;
  return lstat(a.c_str(), &first) == 0 && lstat(b.c_str(), &second) == 0 &&
         first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

static std::vector<fs::path> namesIn(const std::string &folder) {
  std::vector<fs::path> names;
  std::error_code code;
  for (fs::directory_iterator it(folder, code), end; !code && it != end;
       it.increment(code))
    names.push_back(it->path().filename());
  return names;
}

bool lora::mustStay(const std::string &folder) {
  struct statx facts = {};
  if (statx(AT_FDCWD, folder.c_str(), 0, STATX_INO, &facts) == 0 &&
      (facts.stx_attributes & kMountRoot))
    return true;
  struct stat here, there;
  if (stat(".", &here) == 0 && stat(folder.c_str(), &there) == 0 &&
      here.st_dev == there.st_dev && here.st_ino == there.st_ino)
    return true;
  fs::path parent = fs::path(folder).parent_path();
  return access(parent.empty() ? "." : parent.c_str(), W_OK | X_OK) != 0;
}

bool lora::syncFolder(const std::string &folder) {
  int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return false;
  // Some file systems have no fsync for folders.
  bool done = fsync(fd) == 0 || errno == EINVAL;
  close(fd);
  return done;
}

bool lora::exchangeFolders(const std::string &staging,
                           const std::string &target) {
  fs::path from = staging, to = target;
  struct stat facts;
  if (stat(to.c_str(), &facts) != 0)
    return false;
  // Both folders get links to the files of the old one. So the target has these
  // files at every moment, and the folder that is removed later does not hold
  // the only copy of any.
  std::vector<fs::path> links;
  bool done = true;
  for (const fs::path &name : namesIn(target)) {
    done = linkat(AT_FDCWD, (to / name).c_str(), AT_FDCWD,
                  (from / name).c_str(), 0) == 0;
    if (!done)
      break;
    links.push_back(name);
  }
  if (done) {
    // Gives the new folder the owner and the permissions of the old one, if
    // that is permitted.
    bool ignored = chown(from.c_str(), facts.st_uid, facts.st_gid) == 0 &&
                   chmod(from.c_str(), facts.st_mode & 07777) == 0;
    (void)ignored;
    done = syncFolder(staging) && renameWith(from, to, kExchange) == 0;
  }
  if (!done) {
    int reason = errno;
    for (const fs::path &name : links)
      unlink((from / name).c_str());
    errno = reason;
    return false;
  }
  for (const fs::path &name : namesIn(staging))
    if (isSame(from / name, to / name))
      unlink((from / name).c_str());
    else
      (void)moveEntry(from / name, to / name);
  rmdir(from.c_str());
  return true;
}

bool lora::moveEntries(const std::string &staging, const std::string &target) {
  fs::path from = staging, to = target;
  std::vector<fs::path> names = namesIn(staging);
  auto isConfig = [](const fs::path &name) {
    return name == "config.json" || name == "adapter_config.json";
  };
  std::partition(names.begin(), names.end(),
                 [&](const fs::path &name) { return !isConfig(name); });
  for (size_t i = 0; i < names.size(); ++i) {
    if ((!isConfig(names[i]) || syncFolder(target)) &&
        moveEntry(from / names[i], to / names[i]))
      continue;
    int reason = errno;
    while (i-- > 0)
      (void)moveEntry(to / names[i], from / names[i]);
    errno = reason;
    return false;
  }
  rmdir(from.c_str());
  return true;
}
