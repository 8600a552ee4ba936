//===- TrustedLibrary.cpp - Libraries that nobody else can change ---------===//
//
// The folder is opened before it is checked, and the library is reached through
// this descriptor. So a user who may rename folders above it cannot exchange
// it. Within the folder, only its owner and root can change anything. The
// loader takes the path of the descriptor as the place of the library
// ($ORIGIN).
//
//===----------------------------------------------------------------------===//

#include "TrustedLibrary.h"
#include "lora-runtime/File.h"

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace lora_rt {

namespace {

/// A library as its open folder and its name there.
struct Place {
  int folder = -1;
  std::string path, name;

  Place() = default;
  Place(Place &&other) noexcept
      : folder(std::exchange(other.folder, -1)), path(std::move(other.path)),
        name(std::move(other.name)) {}
  ~Place() {
    if (folder >= 0)
      close(folder);
  }
};

/// Whether an owner is trusted: root, the user of the process, or the owner of
/// code that runs already (the program, and the library that contains this
/// function).
bool isTrusted(uid_t owner) {
  if (owner == 0 || owner == geteuid())
    return true;
  struct stat facts;
  if (stat("/proc/self/exe", &facts) == 0 && facts.st_uid == owner)
    return true;
  Dl_info info;
  return dladdr(reinterpret_cast<void *>(&isTrusted), &info) &&
         info.dli_fname && info.dli_fname[0] == '/' &&
         stat(info.dli_fname, &facts) == 0 && facts.st_uid == owner;
}

Error checkRights(const struct stat &facts, const std::string &path) {
  if (!isTrusted(facts.st_uid))
    return makeError(ErrorCode::System, path, ": belongs to user ",
                     facts.st_uid,
                     "; a library is opened only if it and its folder belong "
                     "to root, to you (user ",
                     geteuid(),
                     ") or to the owner of this program: copy it to a folder "
                     "of your own");
  if (facts.st_mode & (S_IWGRP | S_IWOTH)) {
    char mode[8];
    std::snprintf(mode, sizeof(mode), "%o", facts.st_mode & 07777u);
    return makeError(ErrorCode::System, path, ": others may write to it (mode ",
                     mode,
                     "), so it may hold anything; chmod go-w, or copy the "
                     "library to a folder of your own");
  }
  return Error::success();
}

Expected<Place> find(const std::string &path) {
  auto fail = [&] {
    return makeError(ErrorCode::System, path, ": ",
                     errno == ENOENT ? "not there" : systemMessage(errno));
  };
  Place place;
  char resolved[PATH_MAX];
  if (!realpath(path.c_str(), resolved))
    return fail();
  place.path = resolved;
  size_t slash = place.path.rfind('/');
  place.name = place.path.substr(slash + 1);
  std::string folder = slash == 0 ? "/" : place.path.substr(0, slash);
  place.folder = open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  struct stat facts;
  if (place.folder < 0 || fstat(place.folder, &facts) != 0)
    return fail();
  if (Error error = checkRights(facts, folder))
    return error;
  if (fstatat(place.folder, place.name.c_str(), &facts, AT_SYMLINK_NOFOLLOW))
    return fail();
  if (!S_ISREG(facts.st_mode))
    return makeError(ErrorCode::System, path, ": is no file");
  if (Error error = checkRights(facts, place.path))
    return error;
  return place;
}

} // namespace

Expected<std::string> trustedPath(const std::string &path) {
  Expected<Place> place = find(path);
  if (!place)
    return place.takeError();
  return std::move(place->path);
}

Expected<void *> openTrusted(const std::string &path) {
  Expected<Place> place = find(path);
  if (!place)
    return place.takeError();
  std::string pinned =
      "/proc/self/fd/" + std::to_string(place->folder) + "/" + place->name;
  // Without /proc, only the name can be used.
  bool isPinned = access(pinned.c_str(), F_OK) == 0;
  void *handle = dlopen(isPinned ? pinned.c_str() : place->path.c_str(),
                        RTLD_NOW | RTLD_LOCAL);
  if (!handle)
    return makeError(ErrorCode::System, place->path, ": ", dlerror());
  // The loader and debuggers know the library by this descriptor, so it stays
  // open.
  place->folder = -1;
  return handle;
}

} // namespace lora_rt
