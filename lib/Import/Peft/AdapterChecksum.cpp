//===- AdapterChecksum.cpp - What identifies an adapter -------------------===//
//
// The checksum covers the bytes of the config and of the weights. An adapter
// keeps it if its folder is moved, and gets another one with any change.
//
//===----------------------------------------------------------------------===//

#include "lora-mlir/Import/PeftAdapter.h"
#include "lora-mlir/Import/WeightedAdapter.h"
#include "lora-runtime/Folder.h"

#include <algorithm>
#include <filesystem>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace lora::peft {

using lora_rt::Expected;

namespace {

/// The 128-bit hash XXH3 as 32 hexadecimal digits, the highest first.
std::string hash(const void *bytes, size_t size) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits(bytes, size));
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (unsigned char byte : canonical.digest) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

/// The weight files; shards in bytewise order.
std::vector<std::string> weightFiles(const std::string &folder) {
  namespace fs = std::filesystem;
  const std::string stem = "adapter_model", single = stem + ".safetensors";
  std::error_code code;
  // The same choice as in Checkpoint.
  if (lora_rt::isFile(folder + "/" + single))
    return {single};
  std::vector<std::string> files;
  for (fs::directory_iterator it(folder, code), end; !code && it != end;
       it.increment(code)) {
    std::string name = it->path().filename().string();
    if (name.starts_with(stem) && name.find(".safetensors") != name.npos)
      files.push_back(std::move(name));
  }
  std::sort(files.begin(), files.end());
  return files;
}

} // namespace

std::string textChecksum(std::string_view text) {
  return hash(text.data(), text.size());
}

Expected<std::string> adapterChecksum(const std::string &path) {
  Expected<std::string> folder =
      lora_rt::findFolder(path, lora_rt::FolderKind::Adapter);
  if (!folder)
    return folder.takeError();
  std::vector<std::string> files = weightFiles(*folder);
  files.insert(files.begin(), "adapter_config.json");
  std::string sums;
  for (const std::string &name : files) {
    auto file = lora_rt::MappedFile::open(*folder + "/" + name);
    if (!file)
      return file.takeError();
    sums += hash(file->bytes().data(), file->bytes().size());
  }
  return textChecksum(sums);
}

std::string folderName(const std::string &folder) {
  std::error_code code;
  std::filesystem::path path = std::filesystem::absolute(folder, code);
  if (code)
    path = folder;
  path = path.lexically_normal();
  // "DIR/" ends in an empty name.
  return (path.has_filename() ? path : path.parent_path()).filename().string();
}

} // namespace lora::peft
