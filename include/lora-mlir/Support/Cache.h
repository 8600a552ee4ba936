//===- Cache.h - What was computed before -----------------------*- C++ -*-===//
//
// Files that can be made again, in the user's cache folder:
// $XDG_CACHE_HOME/lora-mlir/KIND, or ~/.cache/lora-mlir/KIND. Nothing depends
// on them. An entry appears whole, is checked when it is read, and is used only
// if nobody but the user (or root) may have written it; any other is ignored,
// and replaced by the next that is stored. Whatever fails here, for instance a
// folder that cannot be made, means that there is no entry.
//
// Several processes may use a cache at once. It is bounded: what was not used
// for the longest time goes first.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_MLIR_SUPPORT_CACHE_H
#define LORA_MLIR_SUPPORT_CACHE_H

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace lora {

class Cache {
public:
  /// The bytes of all entries together, unless `open` is told otherwise.
  static constexpr uint64_t kDefaultLimit = uint64_t(256) << 20;

  /// The folder that holds a folder for each kind: the environment's LORA_CACHE
  /// if it is set, else lora-mlir in the user's cache folder. Empty if
  /// LORA_CACHE is "off", or there is no such folder.
  static std::string root();

  /// The cache `kind` below root(), a folder that is made if it is not there.
  /// Nothing if it cannot be made. If others may write to it, nothing either,
  /// and `note` gets a line that says so.
  static std::optional<Cache>
  open(const std::string &kind, uint64_t limit = kDefaultLimit,
       const std::function<void(const std::string &)> &note = nullptr);

  /// The same in any folder.
  static std::optional<Cache>
  openFolder(const std::string &folder, uint64_t limit = kDefaultLimit,
             const std::function<void(const std::string &)> &note = nullptr);

  /// What was stored under a key, 64 hexadecimal digits. Counts as a use.
  std::optional<std::string> find(std::string_view key) const;

  /// Stores an entry, and removes the oldest while all are above the limit.
  void store(std::string_view key, std::string_view bytes) const;

  const std::string &folder() const { return path; }

private:
  Cache(std::string path, uint64_t limit)
      : path(std::move(path)), limit(limit) {}
  void removeOldest() const;

  std::string path;
  uint64_t limit;
};

} // namespace lora

#endif // LORA_MLIR_SUPPORT_CACHE_H
