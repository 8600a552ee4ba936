//===- StagedFolder.cpp - A folder that appears when it is complete -------===//
//
// rename(2) replaces an empty folder in one step and refuses one that is not.
//
//===----------------------------------------------------------------------===//

#include "StagedFolder.h"

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

using namespace lora;
using lora_rt::Error;
using lora_rt::ErrorCode;
using lora_rt::Expected;
using lora_rt::makeError;
namespace fs = std::filesystem;

StagedFolder::StagedFolder(StagedFolder &&other) noexcept
    : target(std::move(other.target)),
      staging(std::exchange(other.staging, {})) {}

StagedFolder::~StagedFolder() {
  std::error_code ignored;
  if (!staging.empty())
    fs::remove_all(staging, ignored);
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
    if (mkdir(staging.c_str(), 0777) == 0)
      return StagedFolder(target, staging);
    if (errno != EEXIST)
      break;
  }
  return makeError(ErrorCode::System, target,
                   ": cannot create: ", lora_rt::systemMessage(errno));
}

Error StagedFolder::writeText(const std::string &file,
                              const std::string &text) {
  auto out = lora_rt::OutputFile::create(pathOf(file));
  if (!out)
    return out.takeError();
  if (Error error = out->append(std::as_bytes(std::span(text))))
    return error;
  return out->commit();
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
  staging.clear();
  (void)syncFolder(parent.empty() ? "." : parent);
  return Error::success();
}
