//===- StagedFolder.cpp - A folder that appears when it is complete -------===//
//
// rename(2) replaces an empty folder in one step, and fails for a folder that
// is not empty. Two folders can also be exchanged in one step. A folder that
// cannot be replaced, such as the root of a mount, gets the files one by one.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Support/StagedFolder.h"
#include "FolderPlacing.h"

#include <cerrno>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

using namespace lora;
using lora_rt::Error;
using lora_rt::ErrorCode;
using lora_rt::Expected;
using lora_rt::makeError;
namespace fs = std::filesystem;

Error lora::checkNewFolder(const std::string &path) {
  std::error_code code;
  if (path.empty())
    return makeError(ErrorCode::InvalidArgument,
                     "expected the name of a folder to write");
  if (!fs::exists(fs::symlink_status(path, code)))
    return Error::success();
  constexpr const char *wayOut = "; give a new name, or remove it first";
  if (!fs::is_directory(path, code))
    return makeError(ErrorCode::InvalidArgument, path, ": is not a folder",
                     wayOut);
  fs::directory_iterator entries(path, code);
  if (code)
    return makeError(ErrorCode::System, path,
                     ": cannot list: ", code.message());
  if (entries == fs::directory_iterator())
    return Error::success();
  return makeError(ErrorCode::InvalidArgument, path,
                   ": the folder is not empty: it holds '",
                   entries->path().filename().string(), "'", wayOut);
}

Expected<StagedFolder> StagedFolder::create(const std::string &path) {
  if (Error error = checkNewFolder(path))
    return error;
  return stage(path, /*adds=*/false);
}

Expected<StagedFolder> StagedFolder::createAddition(const std::string &path) {
  return stage(path, /*adds=*/true);
}

Expected<StagedFolder> StagedFolder::stage(std::string target, bool adds) {
  while (target.size() > 1 && target.back() == '/')
    target.pop_back();
  // The folder that a link points to is replaced, not the link.
  std::error_code code;
  fs::path real = fs::canonical(target, code);
  bool isThere = !code;
  if (isThere)
    target = real.string();
  bool inside = isThere && mustStay(target);
  auto staging =
      lora_rt::TemporaryFolder::create(inside ? target + "/" : target, 0777);
  if (!staging)
    return staging.takeError();
  return StagedFolder(target, std::move(*staging), inside, adds);
}

Error StagedFolder::writeText(const std::string &file, const std::string &text,
                              unsigned mode) const {
  return writeFile(file, std::as_bytes(std::span(text)), mode);
}

Error StagedFolder::writeFile(const std::string &file,
                              std::span<const std::byte> bytes,
                              unsigned mode) const {
  std::error_code code;
  fs::create_directories(fs::path(pathOf(file)).parent_path(), code);
  auto out = lora_rt::OutputFile::create(pathOf(file), mode);
  if (!out)
    return out.takeError();
  if (Error error = out->append(bytes))
    return error;
  return out->commit();
}

/// The permissions for a copy of a file or folder. The copy may have another
/// group, so nobody gets more rights than before.
static unsigned modeOf(const struct stat &facts) {
  unsigned mode = facts.st_mode & 0777;
  return facts.st_gid == getegid() ? mode : mode & ~unsigned(S_IRWXG);
}

unsigned lora::modeOfCopy(const std::string &path) {
  struct stat facts;
  return stat(path.c_str(), &facts) == 0 ? modeOf(facts) | S_IRUSR | S_IWUSR
                                         : 0666;
}

Error StagedFolder::copyFile(const std::string &from,
                             const std::string &file) const {
  std::error_code code;
  // An empty range cannot be mapped, but an empty file can be copied.
  if (fs::file_size(from, code) == 0 && !code)
    return writeFile(file, {}, modeOfCopy(from));
  auto in = lora_rt::MappedFile::open(from);
  if (!in)
    return in.takeError();
  return writeFile(file, in->bytes(), modeOfCopy(from));
}

Error lora::limitMode(const std::string &path, unsigned mode) {
  struct stat facts;
  if (stat(path.c_str(), &facts) != 0 ||
      chmod(path.c_str(), facts.st_mode & 0777 & mode) != 0)
    return makeError(ErrorCode::System, path, ": cannot set its permissions: ",
                     lora_rt::systemMessage(errno));
  return Error::success();
}

Error StagedFolder::limitMode(const std::string &file, unsigned mode) const {
  return lora::limitMode(pathOf(file), mode);
}

Error StagedFolder::protectLike(const std::string &source) {
  struct stat theirs, ours;
  if (stat(source.c_str(), &theirs) != 0 ||
      stat(staging.path().c_str(), &ours) != 0)
    return makeError(ErrorCode::System, source,
                     ": cannot read its "
                     "permissions: ",
                     lora_rt::systemMessage(errno));
  mode = (ours.st_mode & 0777 & modeOf(theirs)) | S_IRWXU;
  return lora::limitMode(staging.path(), S_IRWXU);
}

bool StagedFolder::place() const {
  if (!inside) {
    if (adds ? exchangeFolders(staging.path(), target)
             : rename(staging.path().c_str(), target.c_str()) == 0)
      return true;
    // Another process has written there.
    if (errno == EEXIST || errno == ENOTEMPTY)
      return false;
    int reason = errno;
    std::error_code code;
    if (!fs::is_directory(target, code)) {
      errno = reason;
      return false;
    }
  }
  return moveEntries(staging.path(), target);
}

Error StagedFolder::commit() {
  if ((mode && chmod(staging.path().c_str(), *mode) != 0) ||
      !syncFolder(staging.path()) ||
      !staging.finish([this] { return place(); }))
    return makeError(ErrorCode::System, target,
                     ": cannot finish: ", lora_rt::systemMessage(errno));
  std::string parent = fs::path(target).parent_path().string();
  (void)syncFolder(inside ? target : parent.empty() ? "." : parent);
  return Error::success();
}
