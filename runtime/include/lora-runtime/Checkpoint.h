//===- Checkpoint.h - The tensors of a model or adapter folder --*- C++ -*-===//
//
// Finds all tensors of a folder by name, in one safetensors file or in shards
// with an index, as transformers does.
//
//===----------------------------------------------------------------------===//

#ifndef LORA_RUNTIME_CHECKPOINT_H
#define LORA_RUNTIME_CHECKPOINT_H

#include "lora-runtime/Safetensors.h"

namespace lora_rt {

/// All tensors of a folder, in one file or in shards with an index. Only
/// headers are read; the data stays mapped.
class Checkpoint {
public:
  /// Opens FOLDER/STEM.safetensors; or, if that does not exist, the files that
  /// FOLDER/STEM.safetensors.index.json names. As in transformers, a tensor
  /// that one of these files contains exists, even if the index does not list
  /// it. STEM is "model" for a model, "adapter_model" for a PEFT adapter.
  /// FOLDER may be an entry of a hub cache (findFolder).
  static Expected<Checkpoint> open(const std::string &folder,
                                   const std::string &stem = "model");

  /// A checkpoint of tensors in memory. Their bytes must outlive the
  /// checkpoint, and their names must differ. `where` replaces the folder in
  /// messages.
  static Checkpoint fromTensors(const std::string &where,
                                std::vector<TensorView> tensors);

  /// Names in bytewise order.
  std::vector<std::string_view> names() const;

  size_t size() const { return index.size(); }

  /// nullptr if there is no such tensor.
  const TensorView *find(std::string_view tensor) const;

  /// The same as find, with an error that names the folder and similar tensors.
  Expected<const TensorView *> get(std::string_view tensor) const;

  /// The file that contains a tensor; empty if there is no such tensor.
  std::string_view fileOf(std::string_view tensor) const;

  /// For a tensor that does not exist, although the index lists it: the file in
  /// which it should be, as " (...)"; otherwise empty.
  std::string whereListed(std::string_view tensor) const;

  /// The folder of the files.
  const std::string &folder() const { return path; }

private:
  struct Location {
    size_t shard;
    size_t tensor;
  };

  /// From tensors to their files, as the index has them.
  using IndexedFiles = std::map<std::string, std::string, std::less<>>;

  Error addShard(const std::string &file, const IndexedFiles &files);
  Error openShards(const std::string &indexPath);

  std::string path;
  std::vector<SafetensorsFile> shards;
  /// The tensors of `fromTensors`. The number of their shard is one after the
  /// last.
  std::vector<TensorView> views;
  std::map<std::string, Location, std::less<>> index;
  /// Tensors that the index lists, but that do not exist.
  IndexedFiles missing;
};

/// "'a', 'b' and 7 more": up to `limit` of `names`.
std::string quotedNames(std::span<const std::string> names, size_t limit = 4);

/// Up to `limit` of `names` that are similar to `wanted`, as ": did you mean
/// 'a' or 'b'?"; empty if there is none.
std::string suggestion(std::string_view wanted,
                       const std::vector<std::string_view> &names,
                       size_t limit = 3);

} // namespace lora_rt

#endif // LORA_RUNTIME_CHECKPOINT_H
