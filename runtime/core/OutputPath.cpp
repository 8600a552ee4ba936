//===- OutputPath.cpp - Outputs are not inputs ----------------------------===//
//
// An output replaces the file that its name leads to, or is created under its
// name. So the folders above both places are compared with the inputs.
//
//===----------------------------------------------------------------------===//

#include "lora-runtime/OutputPath.h"
#include "lora-runtime/File.h"

#include <filesystem>
#include <optional>
#include <sys/stat.h>

using namespace lora_rt;
namespace fs = std::filesystem;

namespace {

/// A file or a folder as device and inode.
struct Identity {
  dev_t device;
  ino_t inode;
  bool operator==(const Identity &) const = default;
};

std::optional<Identity> identify(const fs::path &path) {
  struct stat facts;
  if (stat(path.c_str(), &facts) != 0)
    return std::nullopt;
  return Identity{facts.st_dev, facts.st_ino};
}

/// The path without links and "..", as far as it exists.
fs::path resolve(const fs::path &path) {
  std::error_code code;
  fs::path absolute = fs::absolute(path, code);
  fs::path resolved = fs::weakly_canonical(absolute, code);
  return code ? absolute.lexically_normal() : resolved;
}

/// Adds `folder` and all folders above it.
void addFolders(fs::path folder, std::vector<Identity> &folders) {
  for (;; folder = folder.parent_path()) {
    if (std::optional<Identity> identity = identify(folder))
      folders.push_back(*identity);
    if (!folder.has_relative_path())
      return;
  }
}

/// The entry of `folder` that leads to `output`; nullopt if there is none.
std::optional<std::string> findEntry(const std::string &folder,
                                     const Identity &output) {
  std::error_code code;
  for (fs::directory_iterator it(folder, code), end; !code && it != end;
       it.increment(code))
    if (identify(it->path()) == output)
      return it->path().string();
  return std::nullopt;
}

} // namespace

Error lora_rt::checkOutput(const std::string &output,
                           const std::vector<std::string> &inputs) {
  if (output.empty())
    return Error::success();
  auto refuse = [&](const auto &...what) {
    return makeError(ErrorCode::InvalidArgument, output, ": ", what...,
                     "; an output must not take the place of what is read: "
                     "give it another name");
  };
  fs::path named = output;
  while (!named.has_filename() && named.has_relative_path())
    named = named.parent_path(); // "folder/" becomes "folder".
  std::optional<Identity> target = identify(named);
  std::vector<Identity> above;
  addFolders(resolve(named).parent_path(), above);
  fs::path parent = named.parent_path();
  addFolders(resolve(parent.empty() ? "." : parent), above);

  for (const std::string &input : inputs) {
    std::optional<Identity> source = identify(input);
    if (!source)
      continue;
    if (target == source)
      return refuse("is the input ", input);
    for (const Identity &folder : above)
      if (folder == *source)
        return refuse("lies in the input folder ", input);
    std::error_code code;
    if (target && fs::is_directory(input, code))
      if (std::optional<std::string> entry = findEntry(input, *target))
        return refuse("is the input ", *entry);
  }
  return Error::success();
}

Error lora_rt::checkOutputFile(const std::string &output,
                               const std::vector<std::string> &inputs) {
  if (Error error = checkOutput(output, inputs))
    return error;
  if (output.empty())
    return Error::success();
  Expected<OutputFile> file = OutputFile::create(output);
  return file ? Error::success() : file.takeError();
}
