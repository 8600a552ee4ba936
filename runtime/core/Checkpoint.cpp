//===- Checkpoint.cpp - The tensors of a folder's files -------------------===//
//
// A folder's tensors are found as transformers finds them. Only the headers of
// the safetensors files are read. An index is checked: it may name only files
// below the folder, each file must exist, and no two files may hold different
// values of one tensor. Errors name the file.
//
//===----------------------------------------------------------------------===//

#include "lora-runtime/Checkpoint.h"
#include "Json.h"
#include "lora-runtime/Folder.h"

#include <algorithm>
#include <set>

namespace lora_rt {

namespace {

/// The Levenshtein distance of two texts.
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j)
    row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t above = row[j];
      row[j] = std::min(
          {row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = above;
    }
  }
  return row[b.size()];
}

} // namespace

std::string quotedNames(std::span<const std::string> names, size_t limit) {
  std::string text;
  for (size_t i = 0; i < std::min(limit, names.size()); ++i)
    text += (i ? ", '" : "'") + names[i] + "'";
  if (names.size() > limit)
    text += " and " + std::to_string(names.size() - limit) + " more";
  return text;
}

std::string suggestion(std::string_view wanted,
                       const std::vector<std::string_view> &names,
                       size_t limit) {
  // Checkpoints have thousands of names. Long names are compared by their ends.
  constexpr size_t window = 128;
  auto tail = [](std::string_view text) {
    return text.substr(text.size() > window ? text.size() - window : 0);
  };
  std::vector<std::pair<size_t, std::string_view>> near;
  const size_t most = std::max<size_t>(2, wanted.size() / 3);
  // This is enough for any model; a hostile file may declare millions of names.
  constexpr size_t mostNames = 20'000;
  for (std::string_view name :
       std::span(names).first(std::min(names.size(), mostNames))) {
    size_t a = tail(wanted).size(), b = tail(name).size();
    if ((a < b ? b - a : a - b) > most)
      continue; // The distance is not less than the difference in length.
    size_t d = distance(tail(wanted), tail(name));
    if (d <= most)
      near.emplace_back(d, name);
  }
  std::sort(near.begin(), near.end());
  std::string text;
  for (size_t i = 0; i < std::min(limit, near.size()); ++i)
    text +=
        (i ? " or '" : ": did you mean '") + std::string(near[i].second) + "'";
  return text.empty() ? text : text + "?";
}

Error Checkpoint::addShard(const std::string &file, const IndexedFiles &files) {
  Expected<SafetensorsFile> shard = SafetensorsFile::open(path + "/" + file);
  if (!shard)
    return shard.takeError();
  for (size_t i = 0; i < shard->tensors().size(); ++i) {
    const TensorView &tensor = shard->tensors()[i];
    auto [place, isNew] =
        index.emplace(tensor.name, Location{shards.size(), i});
    if (isNew)
      continue;
    // transformers takes the tensor of the last file; the index may name
    // another file.
    const SafetensorsFile &other = shards[place->second.shard];
    const TensorView &first = other.tensors()[place->second.tensor];
    bool isSame = first.dtype == tensor.dtype && first.shape == tensor.shape &&
                  std::ranges::equal(first.bytes, tensor.bytes);
    auto meant = files.find(tensor.name);
    if (!isSame && (meant == files.end() || meant->second != file))
      return makeError(ErrorCode::InvalidFile, shard->path(), ": tensor '",
                       tensor.name, "' is also in ", other.path(),
                       ", with other values",
                       meant == files.end()
                           ? std::string(", and the index names neither")
                           : ", which the index names, but which transformers "
                             "does not take",
                       "; leave the files of one model there");
    place->second = {shards.size(), i};
  }
  shards.push_back(std::move(*shard));
  return Error::success();
}

/// Whether a relative path stays below the folder: it has no "..", and it is
/// not absolute.
static bool isInside(std::string_view path) {
  if (path.empty() || path.find('\0') != std::string_view::npos)
    return false;
  while (true) {
    size_t slash = path.find('/');
    std::string_view part = path.substr(0, slash);
    if (part.empty() || part == "." || part == "..")
      return false;
    if (slash == std::string_view::npos)
      return true;
    path.remove_prefix(slash + 1);
  }
}

Error Checkpoint::openShards(const std::string &indexPath) {
  Expected<Json> json = readJsonFile(indexPath);
  if (!json)
    return json.takeError();
  auto fail = [&](const auto &...parts) {
    return makeError(ErrorCode::InvalidFile, indexPath, ": ", parts...);
  };
  if (!json->is_object() || !json->contains("weight_map") ||
      !(*json)["weight_map"].is_object())
    return fail("expected a weight_map from tensor names to files");
  const Json &map = (*json)["weight_map"];
  if (map.empty())
    return fail("the weight_map is empty: it names no file");
  IndexedFiles meant;
  std::set<std::string> files;
  for (const auto &[name, file] : map.items()) {
    if (!file.is_string())
      return fail("tensor '", name, "': expected the name of a file");
    const auto *text = file.get_ptr<const Json::string_t *>();
    if (!isInside(*text))
      return fail("tensor '", name,
                  "': expected a file in the same folder, but "
                  "got '",
                  *text, "'");
    files.insert(*text);
    meant.emplace(name, *text);
  }
  for (const std::string &file : files) {
    if (!isFile(path + "/" + file))
      return fail("names ", file, ", which is not there",
                  files.size() > 1 ? " (of " + std::to_string(files.size()) +
                                         " files in all)"
                                   : std::string(),
                  "; fetch it, too");
    if (Error error = addShard(file, meant))
      return error;
  }
  // As in transformers, a tensor that a file holds exists even if the index
  // does not list it. A tensor that only the index lists is reported when it is
  // asked for.
  for (const auto &[name, file] : meant)
    if (!index.contains(name))
      missing.emplace(name, file);
  return Error::success();
}

Expected<Checkpoint> Checkpoint::open(const std::string &folder,
                                      const std::string &stem) {
  Expected<std::string> found = findFolder(
      folder, stem == "model" ? FolderKind::Model : FolderKind::Adapter);
  if (!found)
    return found.takeError();
  Checkpoint result;
  result.path = *found;
  std::string single = stem + ".safetensors";
  std::string indexPath = *found + "/" + single + ".index.json";
  if (isFile(*found + "/" + single)) {
    if (Error error = result.addShard(single, {}))
      return error;
    return result;
  }
  if (!isFile(indexPath))
    return missingWeights(*found, stem);
  if (Error error = result.openShards(indexPath))
    return error;
  return result;
}

Checkpoint Checkpoint::fromTensors(const std::string &where,
                                   std::vector<TensorView> tensors) {
  Checkpoint result;
  result.path = where;
  result.views = std::move(tensors);
  for (size_t i = 0; i < result.views.size(); ++i)
    result.index.emplace(result.views[i].name, Location{0, i});
  return result;
}

std::vector<std::string_view> Checkpoint::names() const {
  std::vector<std::string_view> result;
  for (const auto &entry : index)
    result.push_back(entry.first);
  return result;
}

const TensorView *Checkpoint::find(std::string_view tensor) const {
  auto found = index.find(tensor);
  if (found == index.end())
    return nullptr;
  const auto [shard, position] = found->second;
  return shard < shards.size() ? &shards[shard].tensors()[position]
                               : &views[position];
}

Expected<const TensorView *> Checkpoint::get(std::string_view tensor) const {
  if (const TensorView *view = find(tensor))
    return view;
  return makeError(ErrorCode::InvalidFile, path, ": no tensor '", tensor, "'",
                   whereListed(tensor), suggestion(tensor, names()));
}

std::string Checkpoint::whereListed(std::string_view tensor) const {
  auto found = missing.find(tensor);
  if (found == missing.end())
    return {};
  return " (the index says that it is in " + found->second +
         ", which does not have it: the two are from different models)";
}

std::string_view Checkpoint::fileOf(std::string_view tensor) const {
  auto found = index.find(tensor);
  if (found == index.end())
    return {};
  return found->second.shard < shards.size()
             ? std::string_view(shards[found->second.shard].path())
             : std::string_view(path);
}

} // namespace lora_rt
