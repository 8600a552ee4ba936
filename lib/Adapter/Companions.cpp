//===- Companions.cpp - The other files of a model folder -----------------===//
//
// Decides for each file other than the weights whether it belongs to the
// tokenizer, is copied as it is, or is left out, and copies it. A file is
// copied only if it is a regular file inside the folder (or inside the model's
// entry of a hub cache); what is left out is reported.
//
//===----------------------------------------------------------------------===//

#include "Companions.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

using namespace lora;
using lora_rt::Error;
using lora_rt::Expected;
namespace fs = std::filesystem;

static constexpr std::string_view kTemplates = "additional_chat_templates";

static bool isVocabulary(std::string_view name) {
  return name == "tokenizer.json" || name == "tekken.json" ||
         name.starts_with("vocab.") || name.starts_with("tokenizer.model") ||
         name == "spiece.model" || name == "sentencepiece.model" ||
         name == "sentencepiece.bpe.model";
}

bool lora::isTokenizerFile(std::string_view name) {
  static const std::set<std::string_view> others = {
      "tokenizer_config.json", "special_tokens_map.json",
      "added_tokens.json",     "merges.txt",
      "chat_template.jinja",   "chat_template.json"};
  if (name.starts_with(kTemplates) && name.substr(kTemplates.size(), 1) == "/")
    return name.size() > kTemplates.size() + 7 && name.ends_with(".jinja") &&
           name.find('/', kTemplates.size() + 1) == name.npos &&
           name[kTemplates.size() + 1] != '.';
  return name.find('/') == name.npos &&
         (isVocabulary(name) || others.count(name));
}

bool TokenizerFiles::isWhole() const {
  return std::any_of(files.begin(), files.end(), isVocabulary);
}

namespace {

/// Finds the files of a folder that may be copied.
class Folder {
public:
  static Expected<Folder> open(const std::string &path,
                               const Reporting &reporting);

  /// The regular files in the folder, or in the folder `inside` below it, for
  /// whose names `isWanted` is true; sorted. A wanted name that is not a
  /// regular file is reported.
  Expected<std::vector<std::string>>
  list(const std::string &inside,
       const std::function<bool(const std::string &)> &isWanted) const;

private:
  bool mayCopy(const fs::path &file) const;
  void tell(const std::string &what) const {
    if (reporting->warning)
      reporting->warning(what);
  }

  fs::path path, home;
  const Reporting *reporting = nullptr;
};

} // namespace

/// The folder itself. For HUB/models--NAME/snapshots/REVISION it is
/// HUB/models--NAME, because the files of a snapshot are links to blobs there.
static fs::path homeOf(const fs::path &folder) {
  for (fs::path inner = folder; inner.has_relative_path();
       inner = inner.parent_path()) {
    fs::path outer = inner.parent_path();
    if (inner.filename() == "snapshots" &&
        outer.filename().string().find("--") != std::string::npos)
      return outer;
  }
  return folder;
}

Expected<Folder> Folder::open(const std::string &path,
                              const Reporting &reporting) {
  std::error_code code;
  Folder folder;
  folder.path = path;
  folder.reporting = &reporting;
  fs::path real = fs::canonical(path, code);
  if (code)
    return lora_rt::makeError(lora_rt::ErrorCode::System, path,
                              ": cannot list: ", code.message());
  folder.home = homeOf(real);
  return folder;
}

bool Folder::mayCopy(const fs::path &file) const {
  std::error_code code;
  bool isLink = fs::is_symlink(fs::symlink_status(file, code));
  fs::path real = fs::canonical(file, code);
  if (code) {
    tell(file.string() + ": not copied: a link that leads nowhere");
    return false;
  }
  if (isLink) {
    auto [end, rest] =
        std::mismatch(home.begin(), home.end(), real.begin(), real.end());
    if (end != home.end()) {
      tell(file.string() + ": not copied: a link to " + real.string() +
           ", which lies outside of the folder; copy the file there yourself "
           "if it belongs to the model");
      return false;
    }
  }
  if (fs::is_regular_file(real, code))
    return true;
  if (!fs::is_directory(real, code))
    tell(file.string() + ": not copied: not a regular file");
  return false;
}

Expected<std::vector<std::string>>
Folder::list(const std::string &inside,
             const std::function<bool(const std::string &)> &isWanted) const {
  std::error_code code;
  std::vector<std::string> names, files;
  fs::path place = path / inside;
  for (fs::directory_iterator it(place, code), end; !code && it != end;
       it.increment(code))
    names.push_back(fs::path(inside) / it->path().filename());
  if (code)
    return lora_rt::makeError(lora_rt::ErrorCode::System, place.string(),
                              ": cannot list: ", code.message());
  std::sort(names.begin(), names.end());
  for (const std::string &name : names)
    if (isWanted(name) && mayCopy(path / name))
      files.push_back(name);
  return files;
}

Expected<TokenizerFiles> lora::findTokenizer(const std::string &path,
                                             const Reporting &reporting) {
  auto folder = Folder::open(path, reporting);
  if (!folder)
    return folder.takeError();
  TokenizerFiles result{path, {}};
  auto files = folder->list("", isTokenizerFile);
  if (!files)
    return files.takeError();
  result.files = std::move(*files);
  std::error_code code;
  fs::path templates = fs::path(path) / kTemplates;
  // A link to a folder may lead anywhere, and the files there would be taken
  // for files of this folder.
  if (fs::is_directory(fs::symlink_status(templates, code))) {
    auto more = folder->list(std::string(kTemplates), isTokenizerFile);
    if (!more)
      return more.takeError();
    result.files.insert(result.files.end(), more->begin(), more->end());
    std::sort(result.files.begin(), result.files.end());
  }
  return result;
}

static Expected<bool> haveSameBytes(const std::string &a,
                                    const std::string &b) {
  std::error_code code;
  if (fs::file_size(a, code) != fs::file_size(b, code))
    return false;
  if (fs::file_size(a, code) == 0)
    return true;
  auto x = lora_rt::MappedFile::open(a);
  if (!x)
    return x.takeError();
  auto y = lora_rt::MappedFile::open(b);
  if (!y)
    return y.takeError();
  return std::equal(x->bytes().begin(), x->bytes().end(), y->bytes().begin(),
                    y->bytes().end());
}

Expected<bool> lora::areSame(const TokenizerFiles &a, const TokenizerFiles &b) {
  if (a.files != b.files)
    return false;
  for (const std::string &file : a.files) {
    auto same = haveSameBytes(a.folder + "/" + file, b.folder + "/" + file);
    if (!same || !*same)
      return same;
  }
  return true;
}

static std::string listed(const TokenizerFiles &tokenizer) {
  std::string text;
  for (const std::string &file : tokenizer.files)
    text += (text.empty() ? "" : ", ") + file;
  return text;
}

Expected<TokenizerFiles> lora::chooseTokenizer(const std::string &model,
                                               const std::string &adapter,
                                               const Reporting &reporting) {
  auto own = findTokenizer(adapter, reporting);
  if (!own)
    return own.takeError();
  bool isOwn = own->isWhole();
  if (!isOwn && !own->files.empty() && reporting.warning)
    reporting.warning(adapter + ": " + listed(*own) +
                      ": not used, because there is no vocabulary beside "
                      "(tokenizer.json, vocab.*, tokenizer.model); the model's "
                      "tokenizer and chat template are kept");
  auto chosen = findTokenizer(model, reporting);
  if (!chosen)
    return chosen.takeError();
  if (isOwn) {
    // Training programs copy the model's tokenizer to the adapter.
    auto same = areSame(*own, *chosen);
    if (!same)
      return same.takeError();
    isOwn = !*same;
  }
  if (isOwn)
    chosen = std::move(*own);
  if (!chosen->files.empty() && reporting.progress)
    reporting.progress(std::string("tokenizer and chat template: ") +
                       (isOwn ? "the adapter's, " : "the model's, ") +
                       chosen->folder + " (" + listed(*chosen) + ")");
  return chosen;
}

Expected<bool> lora::isFromAdapter(const TokenizerFiles &merged,
                                   const std::string &adapter) {
  auto own = findTokenizer(adapter);
  if (!own)
    return own.takeError();
  if (!own->isWhole())
    return false;
  return areSame(merged, *own);
}

void lora::warnOfAdaptersTokenizer(const std::string &merged,
                                   const std::string &adapter,
                                   const std::string &remedy,
                                   const Reporting &reporting) {
  if (reporting.warning)
    reporting.warning(merged +
                      ": its tokenizer and chat template are those of " +
                      adapter +
                      ", and are copied; if the original model had others, " +
                      remedy);
}

Expected<TokenizerFiles>
lora::commonTokenizer(const std::vector<std::string> &adapters,
                      const Reporting &reporting) {
  TokenizerFiles common;
  for (const std::string &adapter : adapters) {
    auto own = findTokenizer(adapter, reporting);
    if (!own)
      return own.takeError();
    if (!own->isWhole())
      continue;
    if (common.files.empty()) {
      common = std::move(*own);
      continue;
    }
    auto same = areSame(common, *own);
    if (!same)
      return same.takeError();
    if (*same)
      continue;
    if (reporting.warning)
      reporting.warning(common.folder + " and " + adapter +
                        " have different tokenizers; none of them is copied");
    return TokenizerFiles{};
  }
  return common;
}

Error lora::copyTokenizer(const StagedFolder &folder,
                          const TokenizerFiles &tokenizer) {
  for (const std::string &file : tokenizer.files)
    if (Error error = folder.copyFile(tokenizer.folder + "/" + file, file))
      return error;
  return Error::success();
}

/// Whether a file of a model folder is copied as it is.
static bool isCompanion(const std::string &name) {
  static const std::set<std::string> weights = {
      ".safetensors", ".bin",  ".pt",   ".pth",    ".gguf",
      ".h5",          ".onnx", ".part", ".msgpack"};
  return name != "config.json" && !name.starts_with(".") &&
         !name.ends_with(".index.json") &&
         !name.starts_with("adapter_config") && !isTokenizerFile(name) &&
         !weights.count(fs::path(name).extension().string());
}

Error lora::copyCompanions(const StagedFolder &folder,
                           const std::string &source,
                           const Reporting &reporting) {
  auto from = Folder::open(source, reporting);
  if (!from)
    return from.takeError();
  auto files = from->list("", isCompanion);
  if (!files)
    return files.takeError();
  for (const std::string &file : *files)
    if (Error error = folder.copyFile(source + "/" + file, file))
      return error;
  std::string folders;
  std::error_code code;
  for (fs::directory_iterator it(source, code), end; !code && it != end;
       it.increment(code))
    if (std::string name = it->path().filename();
        it->is_directory(code) && !name.starts_with(".") && name != kTemplates)
      folders += (folders.empty() ? "'" : ", '") + name + "'";
  if (!folders.empty() && reporting.warning)
    reporting.warning(source + ": folders in it are not copied: " + folders);
  return Error::success();
}
