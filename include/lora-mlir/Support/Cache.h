//===- Cache.h - A cache of computed files ----------------------*- C++ -*-===//
//
// Stores files that can be computed again, in the user's cache folder:
// $XDG_CACHE_HOME/lora-mlir/KIND, or ~/.cache/lora-mlir/KIND. No result depends
// on them. An entry appears when it is complete, and is checked when it is
// read. It is used only if nobody except the user or root may have written it.
// Other entries are ignored, and replaced when one with the same key is stored.
// A failure, for instance a folder that cannot be created, means that there is
// no entry.
//
// Several processes may use a cache at the same time. Its size is limited: the
// least recently used entries are removed first.
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
  /// The default limit for the bytes of all entries together.
  static constexpr uint64_t kDefaultLimit = uint64_t(256) << 20;

  /// The folder that contains a folder for each kind: LORA_CACHE if it is set
  /// in the environment, otherwise lora-mlir in the user's cache folder. Empty
  /// if LORA_CACHE is "off" or no absolute path, or if there is no such folder.
  static std::string root();

  /// Opens the cache `kind` below root(), and creates its folder if necessary.
  /// nullopt if this fails. `note` gets a line if other users may write to the
  /// folder, or if LORA_CACHE is wrong.
  static std::optional<Cache>
  open(const std::string &kind, uint64_t limit = kDefaultLimit,
       const std::function<void(const std::string &)> &note = nullptr);

  /// The same in any folder.
  static std::optional<Cache>
  openFolder(const std::string &folder, uint64_t limit = kDefaultLimit,
             const std::function<void(const std::string &)> &note = nullptr);

  /// The bytes that were stored under a key (64 hexadecimal digits), or
  /// nullopt. Counts as a use.
  std::optional<std::string> find(std::string_view key) const;

  /// Stores an entry. While all entries together are above the limit, removes
  /// the least recently used one.
  void store(std::string_view key, std::string_view bytes) const;

  /// The path of a file that was made under a key, for programs that open it
  /// themselves; or nullopt. Only its owner and permissions are checked. Counts
  /// as a use.
  std::optional<std::string> findFile(std::string_view key) const;

  /// The path under which the file of a key is to appear, complete.
  std::string fileOf(std::string_view key) const {
    return path + "/" + std::string(key);
  }

  /// After a file appeared: while all entries together are above the limit,
  /// removes the least recently used one. The newest one stays in any case.
  void keepLimit() const { removeOldest(); }

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
