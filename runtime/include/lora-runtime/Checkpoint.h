//===- Checkpoint.h - The tensors of a model or adapter folder --*- C++ -*-===//

#ifndef LORA_RUNTIME_CHECKPOINT_H
#define LORA_RUNTIME_CHECKPOINT_H

#include "lora-runtime/Safetensors.h"

namespace lora_rt {

/// All tensors of a folder, in one file or in shards with an index. Only
/// headers are read; the bytes stay mapped.
class Checkpoint {
public:
  /// Opens FOLDER/STEM.safetensors, or else the files that
  /// FOLDER/STEM.safetensors.index.json names, as transformers does: the single
  /// file wins, and all that the named files hold is there, whatever the index
  /// says of it. STEM is "model" for a model, "adapter_model" for a PEFT
  /// adapter. FOLDER may be an entry of a hub cache (findFolder).
  static Expected<Checkpoint> open(const std::string &folder,
                                   const std::string &stem = "model");

  /// Tensors that are elsewhere; their bytes must outlive the checkpoint, and
  /// their names must differ. `where` stands for the folder in messages.
  static Checkpoint fromTensors(const std::string &where,
                                std::vector<TensorView> tensors);

  /// Names in bytewise order.
  std::vector<std::string_view> names() const;

  size_t size() const { return index.size(); }

  /// nullptr if there is no such tensor.
  const TensorView *find(std::string_view tensor) const;

  /// The same as find, with an error that names the folder and similar tensors.
  Expected<const TensorView *> get(std::string_view tensor) const;

  /// The file that a tensor lies in; empty if there is no such tensor.
  std::string_view fileOf(std::string_view tensor) const;

  /// Of a tensor that is not there, but which the index lists: where it should
  /// be, as " (...)"; otherwise empty.
  std::string whereListed(std::string_view tensor) const;

  /// The folder that the files are in.
  const std::string &folder() const { return path; }

private:
  struct Location {
    size_t shard;
    size_t tensor;
  };

  /// Tensors and their files, by the index.
  using IndexedFiles = std::map<std::string, std::string, std::less<>>;

  Error addShard(const std::string &file, const IndexedFiles &files);
  Error openShards(const std::string &indexPath);

  std::string path;
  std::vector<SafetensorsFile> shards;
  /// Of `fromTensors`; their shard in the index is the one after the last.
  std::vector<TensorView> views;
  std::map<std::string, Location, std::less<>> index;
  /// What the index lists too many.
  IndexedFiles missing;
};

/// Up to `limit` of `names` that look like `wanted`, as ": did you mean 'a' or
/// 'b'?"; empty if none does.
std::string suggestion(std::string_view wanted,
                       const std::vector<std::string_view> &names,
                       size_t limit = 3);

} // namespace lora_rt

#endif // LORA_RUNTIME_CHECKPOINT_H
