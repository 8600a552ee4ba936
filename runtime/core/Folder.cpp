//===- Folder.cpp - Folders of models and adapters, and their errors ------===//
//
// Finds the folder that a path means, and builds the errors for folders that
// cannot be used. It reads names, links, small JSON files and the first bytes
// of a file, never weights, and downloads nothing. Each error says what was
// found and what to give instead.
//
//===----------------------------------------------------------------------===//

#include "lora-runtime/Folder.h"
#include "lora-runtime/Checkpoint.h"
#include "Json.h"
#include "lora-runtime/File.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <vector>

namespace lora_rt {

namespace fs = std::filesystem;

namespace {

std::string_view configName(FolderKind kind) {
  return kind == FolderKind::Model ? "config.json" : "adapter_config.json";
}

bool isFolder(const fs::path &path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

/// The names in a folder, in bytewise order; at most 10,000 of them.
std::vector<std::string> listFolder(const fs::path &folder) {
  std::vector<std::string> names;
  std::error_code code;
  for (fs::directory_iterator it(folder, code), end;
       !code && it != end && names.size() < 10'000; it.increment(code))
    names.push_back(it->path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

//===----------------------------------------------------------------------===//
// The hub and its cache
//===----------------------------------------------------------------------===//

/// The folder in which huggingface_hub keeps downloads.
fs::path hubCache() {
  auto variable = [](const char *name) -> std::string {
    const char *value = std::getenv(name);
    return value ? value : "";
  };
  for (const char *name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"})
    if (std::string path = variable(name); !path.empty())
      return path;
  if (std::string home = variable("HF_HOME"); !home.empty())
    return fs::path(home) / "hub";
  if (std::string cache = variable("XDG_CACHE_HOME"); !cache.empty())
    return fs::path(cache) / "huggingface" / "hub";
  return fs::path(variable("HOME")) / ".cache" / "huggingface" / "hub";
}

/// Whether a text has the form of a hub name: "NAME" or "ORG/NAME", with the
/// characters that the hub permits.
bool isHubName(std::string_view path) {
  size_t slash = path.find('/');
  if (path.empty() || path.size() > 96 || path.front() == '.' ||
      (slash != std::string_view::npos &&
       (slash == 0 || slash + 1 == path.size() ||
        path.find('/', slash + 1) != std::string_view::npos)))
    return false;
  return std::all_of(path.begin(), path.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '-' || c == '_' || c == '.' || c == '/';
  });
}

std::string cacheEntry(std::string_view hubName) {
  std::string entry = "models--";
  for (char c : hubName)
    entry += c == '/' ? std::string("--") : std::string(1, c);
  return entry;
}

bool isCacheEntry(const fs::path &folder) {
  return isFolder(folder / "snapshots");
}

std::string notDownloaded(const std::string &name) {
  fs::path entry = hubCache() / cacheEntry(name);
  if (isCacheEntry(entry))
    return "; a name of the Hugging Face hub is not looked up, but that one "
           "was "
           "fetched before: give " +
           entry.string();
  return "; if this is a name of the Hugging Face hub: nothing is downloaded, "
         "fetch it with 'hf download " +
         name + " --local-dir DIR' and give DIR";
}

/// The snapshot that refs/main of a cache entry names.
Expected<std::string> findSnapshot(const fs::path &entry) {
  std::vector<std::string> snapshots = listFolder(entry / "snapshots");
  std::string there =
      snapshots.empty()
          ? "; it has no snapshot at all: fetch the model again"
          : "; of its snapshots " + quotedNames(snapshots) + " give one, as " +
                (entry / "snapshots" / snapshots.front()).string();
  fs::path ref = entry / "refs" / "main";
  if (!isFile(ref.string()))
    return makeError(ErrorCode::InvalidFile, entry.string(),
                     ": an entry of the hub's cache without refs/main, which "
                     "would say which snapshot is meant",
                     there);
  Expected<std::string> text = readTextFile(ref.string(), 1024);
  if (!text)
    return text.takeError();
  std::string name = *text;
  while (!name.empty() && std::isspace(static_cast<unsigned char>(name.back())))
    name.pop_back();
  if (std::find(snapshots.begin(), snapshots.end(), name) == snapshots.end())
    return makeError(ErrorCode::InvalidFile, ref.string(),
                     ": names the snapshot '", name.substr(0, 80),
                     "', which is not there", there);
  return (entry / "snapshots" / name).string();
}

//===----------------------------------------------------------------------===//
// Folders without a config
//===----------------------------------------------------------------------===//

/// The folders inside this one that could be used instead.
std::vector<std::string> foldersInside(const fs::path &folder,
                                       std::string_view config) {
  std::vector<std::string> found;
  for (const std::string &name : listFolder(folder))
    if (isFile((folder / name / config).string()) ||
        (name.starts_with("models--") && isCacheEntry(folder / name)))
      found.push_back(name);
  return found;
}

/// The base model that an adapter's config names, in parentheses.
std::string baseOf(const fs::path &adapterConfig) {
  Expected<std::string> text = readTextFile(adapterConfig.string(), 1 << 20);
  if (!text)
    return {};
  Expected<Json> json = parseJson(*text, adapterConfig.string());
  if (!json || !json->is_object())
    return {};
  auto name = json->find("base_model_name_or_path");
  if (name == json->end() || !name->is_string() || *name == "")
    return {};
  return " (it says '" + name->get<std::string>().substr(0, 200) + "')";
}

std::string explainFolder(const fs::path &folder, FolderKind kind) {
  bool wantsModel = kind == FolderKind::Model;
  if (wantsModel && isFile((folder / "adapter_config.json").string()))
    return "this is a PEFT adapter, give the folder of its base model" +
           baseOf(folder / "adapter_config.json");
  if (!wantsModel && isFile((folder / "config.json").string()))
    return "this is a model, not an adapter; give a folder that PEFT's "
           "save_pretrained() wrote";
  std::vector<std::string> inside = foldersInside(folder, configName(kind));
  if (!inside.empty())
    return std::string(wantsModel ? "models" : "adapters") +
           " are in folders inside of it, " + quotedNames(inside) +
           ": give one of them, as " + (folder / inside.front()).string();
  std::vector<std::string> names = listFolder(folder);
  std::string expected =
      wantsModel ? "expected the folder of a Hugging Face model"
                 : "expected a folder that PEFT's save_pretrained() wrote";
  for (const std::string &name : names)
    if (name.ends_with(".gguf"))
      return name + " is a file of llama.cpp, which is not read; " + expected;
  if (names.empty())
    return "the folder is empty; " + expected;
  return expected + ", but this one holds " + quotedNames(names);
}

Error refuseFile(const std::string &path, FolderKind kind) {
  fs::path folder = fs::path(path).parent_path();
  if (folder.empty())
    folder = ".";
  std::string what;
  if (Expected<MappedFile> file = MappedFile::open(path)) {
    std::span<const std::byte> bytes = file->bytes();
    what = describeContents(
        {reinterpret_cast<const char *>(bytes.data()), bytes.size()});
  }
  return makeError(
      ErrorCode::InvalidFile, path, ": a file, but the folder of ",
      kind == FolderKind::Model ? "a model" : "an adapter", " is wanted",
      isFile((folder / configName(kind)).string()) ? "; give " + folder.string()
      : what.empty()                               ? std::string()
                                                   : "; " + what);
}

} // namespace

bool isFile(const std::string &path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

Expected<std::string> findFolder(const std::string &path, FolderKind kind) {
  std::error_code code;
  fs::file_status status = fs::status(path, code);
  if (status.type() == fs::file_type::not_found)
    return makeError(ErrorCode::InvalidFile, path, ": there is no such folder",
                     fs::is_symlink(path, code)
                         ? "; it is a link to something that is not there"
                     : isHubName(path) ? notDownloaded(path)
                                       : std::string());
  if (status.type() == fs::file_type::none)
    return makeError(ErrorCode::InvalidFile, path,
                     ": cannot look into it: ", code.message());
  if (status.type() != fs::file_type::directory)
    return refuseFile(path, kind);
  if (isCacheEntry(path) && !isFile(path + "/" + std::string(configName(kind))))
    return findSnapshot(path);
  return path;
}

Error missingConfig(const std::string &folder, FolderKind kind) {
  fs::path config = fs::path(folder) / configName(kind);
  std::error_code code;
  if (fs::is_symlink(config, code))
    return makeError(ErrorCode::InvalidFile, config.string(),
                     ": a link to something that is not there; the download "
                     "is not complete, fetch it again");
  return makeError(ErrorCode::InvalidFile, folder, ": no ", configName(kind),
                   " is there; ", explainFolder(folder, kind));
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

namespace {

/// Whether a name has the form "STEM-00001-of-00004.safetensors".
bool isShard(std::string_view name, const std::string &stem) {
  return name.starts_with(stem + "-") && name.ends_with(".safetensors") &&
         name.find("-of-") != std::string_view::npos;
}

/// What the folder has instead of the weights, and what to do.
std::string otherWeights(const fs::path &folder, const std::string &stem) {
  std::string single = stem + ".safetensors", index = single + ".index.json";
  std::error_code code;
  for (const std::string &name : {single, index}) {
    if (fs::is_symlink(folder / name, code) && !fs::exists(folder / name, code))
      return name + " is a link to something that is not there; the download "
                    "is not complete, fetch it again";
    if (isFolder(folder / name))
      return name + " is a folder";
    if (fs::exists(folder / name, code) &&
        !fs::is_regular_file(folder / name, code))
      return name + " is not a regular file";
  }
  std::vector<std::string> names = listFolder(folder);
  auto find = [&](auto &&matches) {
    auto found = std::find_if(names.begin(), names.end(), matches);
    return found == names.end() ? std::string() : *found;
  };
  if (std::string name =
          find([&](std::string_view n) { return isShard(n, stem); });
      !name.empty())
    return name + " is one of several files, but " + index +
           ", which says what belongs together, is not there; fetch it, too";
  // Examples: "model.fp16.safetensors", "model.safetensors.index.fp16.json".
  if (std::string name = find([&](std::string_view n) {
        return (n.starts_with(stem + ".") && n.ends_with(".safetensors")) ||
               (n.starts_with(single + ".index.") && n.ends_with(".json"));
      });
      !name.empty())
    return name + " is a variant, which transformers, too, takes only by name; "
                  "if it is meant, rename it";
  if (std::string name = find([](std::string_view n) {
        return n.starts_with("consolidated") && n.ends_with(".safetensors");
      });
      !name.empty())
    return name + " has Mistral's own names; take the files that transformers "
                  "reads";
  bool isModel = stem == "model";
  if (isModel && isFile((folder / "adapter_model.safetensors").string()))
    return "adapter_model.safetensors is an adapter: give its base model, and "
           "this folder as the adapter";
  if (std::string name = find([](std::string_view n) {
        return n.ends_with(".bin") || n.ends_with(".bin.index.json") ||
               n.ends_with(".pt") || n.ends_with(".pth");
      });
      !name.empty())
    return name +
           " holds weights as a pickle, which can run code when it is "
           "read; weights in .bin files are not read, save them as "
           "safetensors" +
           (isModel ? std::string(": AutoModel.from_pretrained(...)"
                                  ".save_pretrained(...)")
                    : ": safetensors.torch.save_file(torch.load('" + name +
                          "', weights_only=True), 'adapter_model.safetensors', "
                          "{'format': 'pt'})");
  if (std::string name = find([](std::string_view n) {
        return n.ends_with(".gguf") || n.ends_with(".h5") ||
               n.ends_with(".msgpack") || n.ends_with(".onnx");
      });
      !name.empty())
    return name + " is of another program, and is not read; take the model's "
                  "safetensors files";
  if (std::string name = find([](std::string_view n) {
        return n.starts_with("global_step") || n.ends_with(".distcp") ||
               n.starts_with("pytorch_model_fsdp");
      });
      !name.empty())
    return name + " is the state of a training run on several processes "
                  "(DeepSpeed, FSDP); gather it first (zero_to_fp32.py, "
                  "accelerate merge-weights)";
  return names.empty() ? std::string() : "the folder holds " + quotedNames(names);
}

} // namespace

Error missingWeights(const std::string &folder, const std::string &stem) {
  FolderKind kind = stem == "model" ? FolderKind::Model : FolderKind::Adapter;
  if (!isFile(folder + "/" + std::string(configName(kind))))
    return missingConfig(folder, kind);
  std::string other = otherWeights(folder, stem);
  return makeError(ErrorCode::InvalidFile, folder, ": neither ", stem,
                   ".safetensors nor ", stem,
                   ".safetensors.index.json is there",
                   other.empty() ? "" : "; ", other);
}

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

std::string describeContents(std::string_view bytes) {
  std::string head;
  for (char c : bytes.substr(0, 512))
    if (!head.empty() || !std::isspace(static_cast<unsigned char>(c)))
      head += char(std::tolower(static_cast<unsigned char>(c)));
  auto begins = [&](std::string_view text) { return head.starts_with(text); };
  if (begins("version https://git-lfs"))
    return "this is a Git LFS pointer, not the file itself: run 'git lfs pull' "
           "in the clone, or fetch the file again";
  if (begins("<!doctype html") || begins("<html"))
    return "this is a web page, not the file itself: a download that went "
           "wrong, fetch the file again (of the hub's addresses the one with "
           "/resolve/, not /blob/)";
  if (begins("<?xml"))
    return "this is XML, maybe a server's answer to a download that went "
           "wrong: fetch the file again";
  if (bytes.starts_with("GGUF"))
    return "this is a GGUF file of llama.cpp, which is not read; take the "
           "model's safetensors files";
  if (bytes.starts_with("PK\x03\x04") || bytes.starts_with("\x80\x02"))
    return "this is a file of torch.save, which can run code when it is read; "
           "save the weights as safetensors";
  if (bytes.starts_with("\x89HDF"))
    return "this is an HDF5 file of Keras, which is not read; take the model's "
           "safetensors files";
  if (bytes.starts_with("\x7f"
                        "ELF"))
    return "this is a program";
  if (bytes.starts_with("\x1f\x8b") || bytes.starts_with("\x28\xb5\x2f\xfd"))
    return "this is a compressed file; unpack it";
  // Texts with which servers answer a download that failed.
  for (std::string_view text :
       {"entry not found", "invalid username", "access to model",
        "repository not found", "unauthorized", "{\"error\""})
    if (begins(text))
      return "this is the hub's answer to a download that failed ('" +
             std::string(
                 bytes.substr(0, std::min<size_t>(60, bytes.find('\n')))) +
             "'): fetch the file again";
  return {};
}

} // namespace lora_rt
